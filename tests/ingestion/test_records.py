"""The reader of last resort: every line of a delimited file is part of a record, blank, or faulty."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from ingestion.reading.records import Dialect, Lines, Record, read_records

CSV = Dialect(",", '"')
FIELDS = st.text(st.sampled_from('ab",\n\r é'), max_size=5)


def read(content: bytes, width: int, dialect: Dialect = CSV) -> list[Record]:
    return list(read_records(Lines(io.BytesIO(content)), dialect, width))


@given(st.lists(st.lists(FIELDS, min_size=2, max_size=2), max_size=8))
def test_well_formed_files_read_as_the_csv_module_reads_them(table: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    content = written.getvalue().encode()
    expected = [tuple(field or None for field in row) for row in csv.reader(io.StringIO(content.decode(), newline=""))]
    found = read(content, 2)
    assert [record.fields for record in found] == expected
    assert all(record.fault is None for record in found)
    assert sum(record.lines for record in found) == content.count(b"\n")


@given(st.binary(max_size=60), st.integers(1, 3))
def test_no_line_of_any_file_is_lost(content: bytes, width: int) -> None:
    lines = content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
    leading = 0
    for line in content.split(b"\n"):
        if line.strip(b"\r"):
            break
        leading += 1
    found = read(content, width)
    blank = min(leading, lines) if found else lines
    assert sum(record.lines for record in found) + blank == lines


def test_an_open_quote_costs_only_its_own_line() -> None:
    found = read(b'a,b\n"open,c\nd,e\nf,"g\nh"\n"last', 2)
    assert [record.fields for record in found] == [("a", "b"), (), ("d", "e"), ("f", "g\nh"), ()]
    assert [found[1].text, found[4].text] == ['"open,c', '"last']
    assert found[4].fault == "a quote is opened and never closed"


def test_faults_are_named() -> None:
    found = read(b'a,b\na\na,b,c,d\n"a"b,c\na,\xff\na,b,\n', 2)
    assert [record.fault for record in found] == [
        None,
        "1 fields where the header has 2",
        "4 fields where the header has 2",
        "not a CSV record: ',' expected after '\"'",
        "not UTF-8: invalid start byte at byte 3",
        None,
    ]


def test_without_quotes_every_line_is_a_record() -> None:
    found = read(b'a\t"b\n"c\t\n', 2, Dialect("\t", None))
    assert [record.fields for record in found] == [("a", '"b'), ('"c', None)]


def test_blank_lines_count_with_the_record_before() -> None:
    assert [record.lines for record in read(b"a,b\n\n\r\nc,d\n", 2)] == [3, 1]
