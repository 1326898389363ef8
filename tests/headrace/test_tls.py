"""With a certificate in the settings both APIs are encrypted."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from headrace.config import ServeSettings
from headrace.errors import HeadraceError
from headrace.serve import tls_of
from tests.semantic.rest.library import serving


@pytest.fixture
def certificate(tmp_path: Path, request: pytest.FixtureRequest) -> ServeSettings:
    if shutil.which("openssl") is None:
        request.applymarker(pytest.mark.xfail(run=False, strict=False, reason="openssl is not installed"))
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    names = "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    options = f"req -x509 -newkey rsa:2048 -nodes -days 2 {names} -out {files[0]} -keyout {files[1]}"
    subprocess.run(["openssl", *options.split()], check=True, capture_output=True)
    return ServeSettings(tls_certificate=str(files[0]), tls_key=str(files[1]))


def test_rest_is_https(certificate: ServeSettings) -> None:
    app = Starlette(routes=[Route("/cubejs-api/v1/hello", lambda _: PlainTextResponse("hello"))])
    with serving(app, tls_of(certificate)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=certificate.tls_certificate)
        assert httpx.get(f"{server.url}/hello", verify=trusted).text == "hello"
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{server.url}/hello".replace("https", "http"))


def test_without_a_certificate() -> None:
    assert tls_of(ServeSettings()) is None


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("not one")
    settings = ServeSettings(tls_certificate=str(tmp_path / "cert.pem"), tls_key=str(tmp_path / "key.pem"))
    with pytest.raises(HeadraceError, match=r"tls_certificate .*cert.pem cannot be used"):
        tls_of(settings)
