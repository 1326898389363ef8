"""The statements that manage a session, as clients send them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.semantic.sqlapi.conftest import Running

NUMBERS = "SELECT i FROM generate_series(1, 10) AS t(i)"


@pytest.fixture
def connection(plain: Running) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(plain.dsn(), autocommit=True) as found:
        yield found


def test_cursors_read_on_where_they_stopped(connection: psycopg.Connection[tuple[int]]) -> None:
    connection.execute("BEGIN")
    connection.execute(f"DECLARE c NO SCROLL CURSOR FOR {NUMBERS}")
    assert connection.execute("FETCH 2 FROM c").fetchall() == [(1,), (2,)]
    assert connection.execute("MOVE 3 IN c").statusmessage == "MOVE 3"
    assert connection.execute("FETCH NEXT FROM c").fetchall() == [(6,)]
    assert connection.execute("FETCH ALL FROM c").fetchall() == [(7,), (8,), (9,), (10,)]
    assert connection.execute("FETCH c").fetchall() == []
    connection.execute("CLOSE c")
    with pytest.raises(psycopg.errors.InvalidCursorName):
        connection.execute("FETCH c")


def test_cursors_end_with_their_transaction_unless_held(connection: psycopg.Connection[tuple[int]]) -> None:
    with connection.transaction():
        connection.execute(f"DECLARE short CURSOR FOR {NUMBERS}")
        connection.execute(f"DECLARE long CURSOR WITH HOLD FOR {NUMBERS}")
    assert connection.execute("FETCH 1 FROM long").fetchall() == [(1,)]
    with pytest.raises(psycopg.errors.InvalidCursorName):
        connection.execute("FETCH 1 FROM short")
    connection.execute("CLOSE ALL")


def test_cursors_need_a_transaction(connection: psycopg.Connection[tuple[int]]) -> None:
    with pytest.raises(psycopg.errors.NoActiveSqlTransaction):
        connection.execute(f"DECLARE c CURSOR FOR {NUMBERS}")
    connection.execute("BEGIN")
    connection.execute(f"DECLARE c CURSOR FOR {NUMBERS}")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="forwards"):
        connection.execute("FETCH BACKWARD 1 FROM c")
    connection.execute("ROLLBACK")


def test_variables(plain: Running) -> None:
    with psycopg.connect(plain.dsn(options="'-c statement_timeout=5s -c my.setting=x'"), autocommit=True) as connection:

        def show(name: str) -> object:
            return connection.execute(f"SHOW {name}").fetchone()

        assert show("statement_timeout") == ("5s",)
        assert show("my.setting") == ("x",)
        connection.execute("SET SESSION my.setting TO 'it''s'")
        assert show("my.setting") == ("it's",)
        connection.execute("RESET my.setting")
        assert show("my.setting") == ("x",)
        connection.execute("SET TIME ZONE 'Europe/Berlin'")
        assert connection.info.parameter_status("TimeZone") == "Europe/Berlin"
        connection.execute("DISCARD ALL")
        assert connection.info.parameter_status("TimeZone") == "UTC"
        assert ("search_path", '"$user", public', "") in connection.execute("SHOW ALL").fetchall()
        with pytest.raises(psycopg.errors.UndefinedObject):
            show("no_such_thing")
        with pytest.raises(psycopg.errors.CantChangeRuntimeParam):
            connection.execute("SET server_version = '9'")
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            connection.execute("SET client_encoding = 'LATIN1'")


def test_transactions_out_of_place_are_warned_of(connection: psycopg.Connection[tuple[int]]) -> None:
    heard: list[str] = []
    connection.add_notice_handler(lambda notice: heard.append(notice.sqlstate or ""))
    for statement in ("COMMIT", "BEGIN", "BEGIN", "ROLLBACK", "ROLLBACK"):
        connection.execute(statement)
    assert heard == ["25P01", "25001", "25P01"]
    with connection.transaction(), pytest.raises(psycopg.errors.ActiveSqlTransaction):
        connection.execute("DISCARD ALL")


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO t VALUES (1)", psycopg.errors.ReadOnlySqlTransaction),
        ("CREATE TABLE t (a int)", psycopg.errors.ReadOnlySqlTransaction),
        ("SELECT 1 INTO t", psycopg.errors.ReadOnlySqlTransaction),
        ("WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x", psycopg.Error),
        ("COPY t FROM STDIN", psycopg.errors.ReadOnlySqlTransaction),
        ("COPY (SELECT 1) TO '/tmp/x'", psycopg.errors.InsufficientPrivilege),
        ("COPY (SELECT 1) TO PROGRAM 'id'", psycopg.errors.InsufficientPrivilege),
        ("ATTACH 'x'", psycopg.errors.SyntaxError),
        ("PRAGMA database_list", psycopg.errors.SyntaxError),
        ("SELEC 1", psycopg.errors.SyntaxError),
        ("SELECT (1", psycopg.errors.SyntaxError),
        ("SELECT 'a", psycopg.errors.SyntaxError),
        ("SAVEPOINT x", psycopg.errors.NoActiveSqlTransaction),
        ("CLOSE nothing", psycopg.errors.InvalidCursorName),
        ("DEALLOCATE nothing", psycopg.errors.InvalidSqlStatementName),
    ],
)
def test_what_is_refused(
    connection: psycopg.Connection[tuple[int]], statement: str, error: type[psycopg.Error]
) -> None:
    with pytest.raises(error):
        connection.execute(statement)
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_several_statements_in_one_message(connection: psycopg.Connection[tuple[int]]) -> None:
    cursor = connection.execute("SELECT 1; BEGIN; SELECT 2; COMMIT;")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall() if cursor.description else [])
    assert found == [[(1,)], [], [(2,)], []]


def test_statements_are_prepared_in_sql(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    prepared = connection.execute(
        "PREPARE some (int, text) AS SELECT i, $2 FROM generate_series(1, 9) AS t(i) WHERE i = $1"
    )
    assert prepared.statusmessage == "PREPARE"
    assert connection.execute("EXECUTE some (3, 'it''s')").fetchall() == [(3, "it's")]
    assert connection.execute("EXECUTE some (+4, NULL)", prepare=True).fetchall() == [(4, None)]
    assert connection.execute("EXECUTE some ('5'::int, true)", binary=True).fetchall() == [(5, "true")]
    with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
        connection.execute("PREPARE some AS SELECT 1")
    with pytest.raises(psycopg.errors.SyntaxError, match="wrong number of parameters") as raised:
        connection.execute("EXECUTE some (3)")
    assert raised.value.diag.message_detail == "Expected 2 parameters but got 1."
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        connection.execute("EXECUTE some ('three', '')")
    connection.execute("DEALLOCATE some")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        connection.execute("EXECUTE some (3, '')")


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("PREPARE some (nosuch) AS SELECT 1", psycopg.errors.UndefinedObject),
        ("PREPARE some AS SHOW timezone", psycopg.errors.FeatureNotSupported),
        ("PREPARE some SELECT 1", psycopg.errors.SyntaxError),
        ("EXECUTE", psycopg.errors.SyntaxError),
        ("EXECUTE some 1", psycopg.errors.SyntaxError),
        ("EXECUTE some (now())", psycopg.errors.FeatureNotSupported),
    ],
)
def test_what_cannot_be_prepared(
    connection: psycopg.Connection[tuple[object, ...]], sql: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        connection.execute(sql)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("'europe/berlin'", "Europe/Berlin"),
        ("LOCAL", "UTC"),
        ("INTERVAL '+05:30' HOUR TO MINUTE", "<+05:30>-05:30"),
        ("-7", "<-07>+07"),
        ("'<+02>-02'", "<+02>-02"),
    ],
)
def test_time_zones(connection: psycopg.Connection[tuple[object, ...]], given: str, shown: str) -> None:
    connection.execute(f"SET TIME ZONE {given}")
    cursor = connection.execute("SHOW TIME ZONE")
    assert (cursor.description or [])[0].name == "TimeZone"
    assert cursor.fetchone() == (shown,)
    assert connection.info.parameter_status("TimeZone") == shown
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="Nowhere"):
        connection.execute("SET TIME ZONE 'Nowhere/X'")


@pytest.mark.parametrize(
    ("sql", "message", "position", "detail"),
    [
        ("SELECT 1 FROM", 'syntax error at or near "FROM"', "10", "The name of a table is missing."),
        ("SELECT 1 +", 'syntax error at or near "+"', "10", "Something that belongs here is missing."),
        ("SELECT (1", 'syntax error at or near "1"', "9", "A closing parenthesis is missing."),
        ("SELECT 1,\n 'abc", 'unterminated quoted string at or near "\'abc"', "12", None),
        ('SELECT "abc', 'unterminated quoted identifier at or near ""abc"', "8", None),
        ("SELECT $a$bc", 'unterminated dollar-quoted string at or near "$a$bc"', "8", None),
        ("SELECT /* 1", "unterminated comment or quoted string", None, None),
    ],
)
def test_what_is_no_sql_is_told_plainly(
    connection: psycopg.Connection[tuple[object, ...]],
    sql: str,
    message: str,
    position: str | None,
    detail: str | None,
) -> None:
    with pytest.raises(psycopg.errors.SyntaxError) as raised:
        connection.execute(sql)
    said = raised.value.diag
    assert (said.message_primary, said.statement_position, said.message_detail) == (message, position, detail)


def test_values_have_names(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    cursor = connection.execute("VALUES (1, 'a'), (2, 'b')")
    assert [column.name for column in cursor.description or ()] == ["column1", "column2"]
    assert cursor.fetchall() == [(1, "a"), (2, "b")]
