"""A server in this process, and a client of its interface."""

from contextlib import contextmanager

import pytest

VISIT = "a-visit-that-a-test-makes"


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
