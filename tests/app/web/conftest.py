"""A server in this process, and a client of its interface."""

import secrets
from contextlib import contextmanager

import pytest

VISIT = "a-visit-that-a-test-makes"
MAX_UPLOAD_MB = 3


@pytest.fixture(scope="module")
def open_server(trained):
    """Opens a server as a context: a client whose visit is VISIT, on a folder of visits."""
    pytest.importorskip("fastapi", reason="the page needs fastapi, which is not installed")
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    from dancheong.app.web.server import Options, assembled

    @contextmanager
    def open_at(keep, **options):
        from starlette.testclient import TestClient

        models = options.pop("models", (trained / "model.h5",))
        with assembled(Options(models=models, keep=keep, **options)) as server:
            yield TestClient(server.application, base_url="http://127.0.0.1:7860", headers={"visit": VISIT})

    assert httpx
    return open_at


@pytest.fixture(scope="module")
def one_server(open_server, tmp_path_factory):
    keep = tmp_path_factory.mktemp("keep")
    with open_server(keep, max_upload_mb=MAX_UPLOAD_MB) as opened:
        opened.keep = keep
        yield opened


@pytest.fixture
def client(one_server):
    """A client with a visit of its own, at a server that tests share; `keep` is its folder of visits."""
    one_server.headers["visit"] = secrets.token_urlsafe(24)
    yield one_server
    one_server.delete("/api/v1/visit")
