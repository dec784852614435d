"""The server of the page: its parts are made, joined and run. What visitors bring outlives it."""

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from dancheong import __version__
from dancheong.app.web.asked import Options
from dancheong.params import DancheongError, ExtraMissing
from dancheong.system.outputs import OutputTaken, claimed
from dancheong.system.signals import signals_handled

LOOPBACK = ("127.0.0.1", "localhost", "::1")
STORED_UPLOADS = 4  # there is room for so many uploads of the largest size


class Assembled(NamedTuple):
    """The whole server: an ASGI application, the token that visitors need (empty: none), and what asks its work to end."""

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
    try:
        import fastapi
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"the page needs {error.name}, which is not installed: pip install 'dancheong[web]'") from error
    # Only now, because these import numpy and more, for which a server that cannot run need not wait.
    from dancheong.app.web import api, api_hints, api_training, files
    from dancheong.app.web.access import LOOPBACK_HOSTS, AccessPolicy, guarded
    from dancheong.app.web.drafts import Drafts
    from dancheong.app.web.model_store import ModelStore
    from dancheong.app.web.problems import add_problems
    from dancheong.app.web.services import ERRORS, Services
    from dancheong.app.web.trainer import Trainer
    from dancheong.app.web.visits import Visits
    from dancheong.app.web.worker import Worker
    from dancheong.prediction.shipped import COLORIZER

    with _kept(options) as root, ExitStack() as stack:
        visits = Visits(root, STORED_UPLOADS * options.max_upload_bytes, options.keep_hours)
        models_folder = options.models_folder or root / "models"
        models_folder.mkdir(parents=True, exist_ok=True)
        offered = options.models or ((COLORIZER,) if COLORIZER.exists() else ())
        models = ModelStore(offered, models_folder, options.settings)
        for path in options.models:
            models.params(path)
        worker, trainer = Worker(visits, models, options.places), Trainer(root / "training")

        def end() -> None:
            visits.ended.set()
            trainer.stop()

        app = fastapi.FastAPI(
            title="dancheong", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json"
        )
        app.state.services = Services(
            options, visits, stack.enter_context(worker), models, Drafts(models), stack.enter_context(trainer), models_folder
        )
        add_problems(app)
        app.include_router(files.router)
        for part in (api, api_hints, api_training):
            app.include_router(part.router, prefix="/api/v1", responses=ERRORS)
        is_local = options.host in LOOPBACK
        names = () if is_local else (options.host, socket.gethostname(), socket.getfqdn())
        token = "" if is_local else _token(root / "token")
        policy = AccessPolicy(
            LOOPBACK_HOSTS | set(map(str.lower, names)), token, f"dancheong_{options.port}", options.max_upload_bytes
        )
        yield Assembled(guarded(app, policy, visits), token, end)


@contextmanager
def _kept(options: Options) -> Iterator[Path]:
    """The folder of visits, for this server alone. With `--port 0`, where no other server follows, a temporary one.

    Raises:
        DancheongError: another server uses it.
    """
    if options.is_temporary:
        with tempfile.TemporaryDirectory(prefix="dancheong-web-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    root = options.keep or _state_folder() / f"page-{options.port}"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        try:
            stack.enter_context(claimed(root / "visits"))
        except OutputTaken as error:
            said = f"{root}: another dancheong serve uses this folder; choose another --port or --keep"
            raise DancheongError(said) from error
        yield root
        shutil.rmtree(root / "incoming", ignore_errors=True)


def _token(path: Path) -> str:
    """The token of this folder's visitors: the same when the server starts again, so that their pages go on."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text("ascii")


def _state_folder() -> Path:
    """Where programs keep what outlives them, by the system's own rule."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "dancheong"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dancheong"


def serve(options: Options, say: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C or SIGTERM. Elsewhere than on loopback the address holds a new token."""
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
            timeout_graceful_shutdown=10,
        )
        say(address(options.host, listening.getsockname()[1], server.token))
        Server(config).run(sockets=[listening])
    if {thread.name for thread in threading.enumerate()} & {"training", "coloring"}:
        # Python would wait for the threads of what is still in work. What it has written so far is whole, and goes on later.
        os._exit(0)


def _listen(options: Options) -> socket.socket:
    """A socket that listens: a visitor who opens the address at once waits a moment instead of being refused."""
    try:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        return socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise DancheongError(
            f"{options.host} port {options.port} cannot be listened on ({error.strerror}); choose another --port (0: any free)"
        ) from error


def address(host: str, port: int, token: str) -> str:
    """The address at which a person opens the page."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/" + (f"?token={token}" if token else "")
