"""The server of the page: its parts are made, joined, run and, at the end, removed."""

import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dancheong.params import DancheongError, ExtraMissing
from dancheong.system.signals import signals_handled

LOOPBACK = ("127.0.0.1", "localhost", "::1")
STORED_UPLOADS = 4  # there is room for so many uploads of the largest size


@dataclass(frozen=True)
class Options:
    """What `dancheong serve` was asked for."""

    host: str = "127.0.0.1"
    port: int = 7860
    models: tuple[Path, ...] = ()
    models_folder: Path | None = None
    roots: tuple[Path, ...] = ()
    max_upload_mb: int = 500
    places: int = 8
    settings: dict[str, Any] = field(default_factory=dict)
    left_seconds: float | None = None


@contextmanager
def assembled(options: Options, token: str) -> Iterator[Callable[..., Any]]:
    """The whole server as an ASGI application; at the end its files are removed.

    Raises:
        ExtraMissing: gradio is not installed.
        DancheongError: a model file or folder that is not there.
    """
    _check(options)
    with ExitStack() as stack:
        from dancheong.app.web.sessions import LEFT_SECONDS, Sessions

        limit = options.max_upload_mb * 1_000_000
        left = LEFT_SECONDS if options.left_seconds is None else options.left_seconds
        sessions = stack.enter_context(Sessions(STORED_UPLOADS * limit, left))
        gradio = _gradio(sessions.uploads)
        # Only now, because these import numpy and more, for which a server that cannot run need not wait.
        from dancheong.app.web.job_queue import JobQueue
        from dancheong.app.web.model_store import ModelStore
        from dancheong.app.web.services import Services
        from dancheong.app.web.trainer import Trainer

        models_folder = options.models_folder or sessions.root / "models"
        models_folder.mkdir(parents=True, exist_ok=True)
        services = Services(
            sessions, stack.enter_context(JobQueue(options.places)),
            ModelStore(options.models, models_folder, options.settings, None if options.models else _comes_along()),
            stack.enter_context(Trainer()), options.roots, models_folder, options.models_folder is not None, limit,
        )
        for path in options.models:
            services.models.params(path)
        yield _application(gradio, services, options, token)


def _comes_along() -> Path | None:
    """The colorizer of this installation, if it has one."""
    from dancheong.prediction import shipped

    return shipped.COLORIZER if shipped.COLORIZER.exists() else None


def _check(options: Options) -> None:
    for folder in (*options.roots, *filter(None, [options.models_folder])):
        if folder.exists() and not folder.is_dir():
            raise DancheongError(f"{folder}: a folder was expected")
    for root in options.roots:
        if not root.is_dir():
            raise DancheongError(f"{root}: there is no such folder; give one that holds photographs")


def _gradio(uploads: Path) -> Any:
    """gradio, configured before it is imported: uploads go to `uploads`, and nothing is sent to other hosts."""
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_TEMP_DIR=str(uploads), HF_HUB_OFFLINE="1")
    try:
        import gradio
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"the page needs {error.name}, which is not installed: pip install 'dancheong[web]'") from error
    return gradio


def _application(gradio: Any, services: Any, options: Options, token: str) -> Callable[..., Any]:
    from fastapi import FastAPI

    from dancheong.app.web import page
    from dancheong.app.web.access import LOOPBACK_HOSTS, AccessPolicy, guarded
    from dancheong.app.web.routes import add_routes
    from dancheong.app.web.translations import LANGUAGES

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, services)
    for language in LANGUAGES:
        blocks = page.build(language, services)
        blocks.queue(max_size=None, api_open=False)
        gradio.mount_gradio_app(
            app, blocks, path=f"/{language}", footer_links=[], run_history=False, allowed_paths=[],
            show_error=False, max_file_size=services.max_upload_bytes, ssr_mode=False, enable_monitoring=False, pwa=False,
            mcp_server=False, theme=page.theme(), css_paths=page.STYLE, head=page.head(language),
        )
    hosts = LOOPBACK_HOSTS
    if options.host not in LOOPBACK:
        hosts |= {name.lower() for name in (options.host, socket.gethostname(), socket.getfqdn())}
    policy = AccessPolicy(hosts, token, f"dancheong_{options.port}", services.max_upload_bytes)
    return guarded(app, policy, services.sessions)


def serve(options: Options, say: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C or SIGTERM. Elsewhere than on loopback the address holds a new token."""
    token = "" if options.host in LOOPBACK else secrets.token_urlsafe(24)
    _check(options)
    listening = _listen(options)
    # As an exception, so that the files of visitors are removed; SIGHUP comes from a terminal that is closed.
    ended = signals_handled(signal.default_int_handler, ("SIGTERM", "SIGHUP"))
    with suppress(KeyboardInterrupt), ended, listening, assembled(options, token) as application:
        import uvicorn

        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(
            application, log_config=None, access_log=False, server_header=False, proxy_headers=False, ws="none",
            timeout_graceful_shutdown=2,
        )
        listening.listen()  # a visitor who opens the address at once waits a moment instead of being refused
        for address in addresses(options.host, listening.getsockname()[1], token):
            say(address)
        uvicorn.Server(config).run(sockets=[listening])


def _listen(options: Options) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        listening = socket.socket(family)
        if sys.platform != "win32":  # on Windows it would let two programs listen at one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((options.host, options.port))
    except OSError as error:
        raise DancheongError(
            f"{options.host} port {options.port} cannot be listened on ({error.strerror}); choose another --port (0: any free)"
        ) from error
    return listening


def addresses(host: str, port: int, token: str) -> Sequence[str]:
    """The addresses at which a person opens the page."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    shown = f"[{name}]" if ":" in name else name
    return [f"http://{shown}:{port}/" + (f"?token={token}" if token else "")]
