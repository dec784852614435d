"""The server of the page: its parts are made, joined and run. What visitors bring outlives it."""

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from dancheong import __version__
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
    keep: Path | None = None
    keep_hours: float = 24.0


@dataclass(frozen=True)
class Assembled:
    """The whole server: an ASGI application, the token that visitors need (empty: none), and what ends its streams."""

    application: Callable[..., Any]
    token: str
    end: Callable[[], None]


@contextmanager
def assembled(options: Options) -> Iterator[Assembled]:
    """The whole server.

    Raises:
        ExtraMissing: fastapi is not installed.
        DancheongError: a model file or folder that is not there, or a folder that another server uses.
    """
    _check(options)
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"the page needs {error.name}, which is not installed: pip install 'dancheong[web]'") from error
    # Only now, because these import numpy and more, for which a server that cannot run need not wait.
    from dancheong.app.web.model_store import ModelStore
    from dancheong.app.web.services import Services
    from dancheong.app.web.trainer import Trainer
    from dancheong.app.web.visits import Visits
    from dancheong.app.web.worker import Worker

    with ExitStack() as stack:
        root = stack.enter_context(_kept(options))
        limit = options.max_upload_mb * 1_000_000
        visits = stack.enter_context(Visits(root, STORED_UPLOADS * limit, options.keep_hours))
        models_folder = options.models_folder or root / "models"
        models_folder.mkdir(parents=True, exist_ok=True)
        models = ModelStore(options.models, models_folder, options.settings, None if options.models else _comes_along())
        for path in options.models:
            models.params(path)
        services = Services(
            visits, stack.enter_context(Worker(visits, models, options.places)), models,
            stack.enter_context(Trainer(root / "training")), options.roots, models_folder,
            options.models_folder is not None, limit, f"dancheong_visit_{options.port}",
        )
        token = "" if options.host in LOOPBACK else _token(root / "token")
        yield Assembled(_application(services, options, token), token, visits.end)


@contextmanager
def _kept(options: Options) -> Iterator[Path]:
    """The folder of visits, for this server alone. With `--port 0`, where no other server follows, a temporary one.

    Raises:
        DancheongError: another server uses it.
    """
    if options.keep is None and options.port == 0:
        with tempfile.TemporaryDirectory(prefix="dancheong-web-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    root = options.keep or state_folder() / f"page-{options.port}"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (root / "lock").open("ab") as file:
        if not _lock(file):
            raise DancheongError(f"{root}: another dancheong serve uses this folder; choose another --port or --keep")
        yield root
        shutil.rmtree(root / "incoming", ignore_errors=True)


def _token(path: Path) -> str:
    """The token of this folder's visitors: the same when the server starts again, so that their pages go on."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text("ascii")


def state_folder() -> Path:
    """Where programs keep what outlives them, by the system's own rule."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "dancheong"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dancheong"


def _lock(file: IO[bytes]) -> bool:
    """Hold a file for this process; False where another one does."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


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


def _application(services: Any, options: Options, token: str) -> Callable[..., Any]:
    from fastapi import FastAPI

    from dancheong.app.web.access import LOOPBACK_HOSTS, AccessPolicy, guarded
    from dancheong.app.web.api import add_problems, visit_api
    from dancheong.app.web.api_training import training_api
    from dancheong.app.web.files import add_files

    app = FastAPI(title="dancheong", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    add_problems(app)
    app.include_router(visit_api(services))
    app.include_router(training_api(services))
    add_files(app, services)
    hosts = LOOPBACK_HOSTS
    if options.host not in LOOPBACK:
        hosts |= {name.lower() for name in (options.host, socket.gethostname(), socket.getfqdn())}
    policy = AccessPolicy(hosts, token, f"dancheong_{options.port}", services.max_upload_bytes)
    return guarded(app, policy, services.visits)


def serve(options: Options, say: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C or SIGTERM. Elsewhere than on loopback the address holds a new token."""
    _check(options)
    listening = _listen(options)
    # As an exception, so that the photograph in work is finished; SIGHUP comes from a terminal that is closed.
    ended = signals_handled(signal.default_int_handler, ("SIGTERM", "SIGHUP"))
    with suppress(KeyboardInterrupt), ended, listening, assembled(options) as server:
        import uvicorn

        class Server(uvicorn.Server):
            """A server that ends its streams of events first, lest it wait for them."""

            def handle_exit(self, sig: int, frame: Any) -> None:
                server.end()
                super().handle_exit(sig, frame)

        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(
            server.application, log_config=None, access_log=False, server_header=False, proxy_headers=False, ws="none",
            timeout_graceful_shutdown=2,
        )
        listening.listen()  # a visitor who opens the address at once waits a moment instead of being refused
        for address in addresses(options.host, listening.getsockname()[1], server.token):
            say(address)
        Server(config).run(sockets=[listening])


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
