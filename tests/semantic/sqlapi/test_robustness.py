"""What hostile, broken and slow clients send: the server answers with an error or hangs up, and serves the others."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as some

from semantic.sqlapi import server as server_module
from semantic.sqlapi.auth import ScramExchange, Users, Verifier
from semantic.sqlapi.errors import AuthenticationFailed, ProtocolViolation
from tests.semantic.sqlapi.conftest import Running

STARTUP = b"\x00\x03\x00\x00user\0ada\0database\0x\0\0"
LONG = "SELECT count(*) FROM generate_series(1, 10000000000) t(i) WHERE i % 7 = 3"


def message(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack("!i", len(body) + 4) + body


def connect(server: Running, startup: bytes = STARTUP) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    client.sendall(struct.pack("!i", len(startup) + 4) + startup)
    return client


def drain(client: socket.socket) -> bytes:
    """All that the server says until it hangs up."""
    received = b""
    try:
        while piece := client.recv(65536):
            received += piece
    except (ConnectionError, TimeoutError):
        pass
    return received


def answers(server: Running) -> bool:
    with psycopg.connect(server.dsn(), connect_timeout=5) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "packet",
    [
        struct.pack("!i", 20_000) + b"x" * 20_000,
        struct.pack("!i", 4),
        struct.pack("!i", -1),
        struct.pack("!ii", 8, 0x00020000),
        struct.pack("!i", len(STARTUP) + 4) + STARTUP[:-1] + b"y",
        struct.pack("!i", 12) + b"\x00\x03\x00\x00ada\0",
        struct.pack("!i", 9) + b"\x00\x03\x00\x00\0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_bad_startup_packets_are_refused(plain: Running, packet: bytes) -> None:
    with socket.create_connection(("127.0.0.1", plain.port), timeout=10) as client:
        client.sendall(packet)
        client.shutdown(socket.SHUT_WR)
        said = drain(client)
    assert said[:1] in (b"E", b"")
    assert answers(plain)


def test_messages_are_limited_before_and_after_authentication(plain: Running, start: Callable[..., Running]) -> None:
    closed = start(users={"ada": "secret"})
    with connect(closed) as client:
        client.sendall(b"p" + struct.pack("!i", 70_000))
        assert b"54000" in drain(client)
    with connect(plain) as client:
        client.sendall(b"Q" + struct.pack("!i", 17 * 1024 * 1024))
        assert b"54000" in drain(client)


def test_who_does_not_log_in_is_hung_up_on(start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "AUTHENTICATION_SECONDS", 0.3)
    server = start(users={"ada": "secret"})
    began = time.monotonic()
    with connect(server) as client:
        drain(client)
    assert time.monotonic() - began < 5


def test_too_many_sessions(start: Callable[..., Running]) -> None:
    server = start(max_sessions=1)
    with psycopg.connect(server.dsn()), pytest.raises(psycopg.OperationalError, match="too many clients"):
        psycopg.connect(server.dsn())


def test_a_lost_client_ends_its_query(start: Callable[..., Running]) -> None:
    server = start()
    client = connect(server)
    client.sendall(message(b"Q", LONG.encode() + b"\0"))
    time.sleep(0.3)
    client.close()
    deadline = time.monotonic() + 10
    while server.server._sessions and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.server._sessions


def test_stalled_readers_do_not_hold_up_the_others(plain: Running) -> None:
    rows = "SELECT repeat('x', 1000) FROM generate_series(1, 5000000) t(i)"
    stalled = [connect(plain) for _ in range(3)]
    for client in stalled:
        client.sendall(message(b"Q", rows.encode() + b"\0"))
    time.sleep(0.5)
    began = time.monotonic()
    assert answers(plain)
    assert time.monotonic() - began < 3
    for client in stalled:
        client.close()


@given(some.binary(max_size=300))
def test_random_bytes_after_login(plain: Running, noise: bytes) -> None:
    with connect(plain) as client:
        client.sendall(noise)
        client.shutdown(socket.SHUT_WR)
        drain(client)


TEXTS = some.sampled_from(
    [b"", b"s1", b"SELECT 1", b"SELECT $1::int", b"BEGIN", b"SHOW all", b"FETCH 1 FROM s1", b"\xff"]
)
BODIES = some.one_of(
    some.binary(max_size=40),
    TEXTS.map(lambda text: text + b"\0"),
    some.tuples(TEXTS, TEXTS, some.binary(max_size=12)).map(lambda parts: b"\0".join(parts)),
    some.tuples(some.sampled_from([b"S", b"P"]), TEXTS).map(lambda parts: b"".join(parts) + b"\0"),
)
MESSAGES = some.lists(some.tuples(some.sampled_from([bytes([c]) for c in b"QPBDECSHXFdcfp?"]), BODIES), max_size=8)


@given(MESSAGES)
def test_random_messages_after_login(plain: Running, messages: list[tuple[bytes, bytes]]) -> None:
    with connect(plain) as client:
        client.sendall(b"".join(message(tag, body) for tag, body in messages))
        client.shutdown(socket.SHUT_WR)
        drain(client)


def test_the_server_survived_all_that(plain: Running) -> None:
    assert answers(plain)


def test_an_unknown_user_meets_the_same_salt_each_time() -> None:
    users = Users({"ada": "secret"})
    (first, known), (second, _) = users.verifier("eve"), users.verifier("eve")
    assert not known
    assert first.salt == second.salt != users.verifier("mallory")[0].salt
    assert len(first.salt) == len(users.verifier("ada")[0].salt)


def test_stored_verifiers_are_postgresql_s() -> None:
    # The example of RFC 7677, section 3.
    salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
    made = Verifier.of_password("pencil", __import__("base64").b64decode(salt))
    exchange = ScramExchange(made, is_known=True)
    exchange._nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    exchange._messages = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={exchange._nonce},s={salt},i=4096"
    proof = f"c=biws,r={exchange._nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert exchange.finish(proof.encode()) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    with pytest.raises(AuthenticationFailed):
        exchange.finish(proof.replace("dHzb", "dHzc").encode())
    with pytest.raises(ProtocolViolation):
        exchange.finish(b"c=biws,r=other,p=AAAA")


@pytest.fixture
def openssl_installed(request: pytest.FixtureRequest) -> None:
    if shutil.which("openssl") is None:
        request.applymarker(pytest.mark.xfail(run=False, strict=False, reason="openssl is not installed"))


@pytest.mark.usefixtures("openssl_installed")
def test_tls(start: Callable[..., Running], tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    options = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {key} -out {certificate}"
    subprocess.run(["openssl", *options.split()], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = start(tls=context, users={"ada": "secret"})
    with psycopg.connect(server.dsn(sslmode="require"), password="secret") as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT count(*) FROM generate_series(1, 100000)").fetchone() == (100_000,)
