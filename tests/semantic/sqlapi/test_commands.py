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
