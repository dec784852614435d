"""What the handlers of all tabs share: the parts of the server, and what each tab does with them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dancheong.app.web.coloring import Photograph, without_folder
from dancheong.app.web.job_queue import Busy, JobQueue, QueuedJob
from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.sessions import Session, Sessions
from dancheong.app.web.trainer import Trainer
from dancheong.app.web.translations import Words
from dancheong.app.web.views import VIEWER_WORDS, status
from dancheong.prediction.result import error_message

POLL_SECONDS = 0.4
# How an event reaches the server. Events that report progress are sent over a stream that all events of a page share.
# gradio closes the stream when no event is under way, and then loses an event that has just joined. So only events that
# report progress go through it.
STREAMED: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
AT_ONCE: dict[str, Any] = {**STREAMED, "queue": False}

_VIEWER = Path(__file__).with_name("viewer.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Services:
    """The parts of one server.

    `roots`: folders whose photographs may be trained on. `models_folder`: where trained models go; `models_are_kept`: whether
    it outlives the server. `max_upload_bytes`: of one upload, and of the photographs in a zip.
    """

    sessions: Sessions
    queue: JobQueue
    models: ModelStore
    trainer: Trainer
    roots: tuple[Path, ...]
    models_folder: Path
    models_are_kept: bool
    max_upload_bytes: int

    @property
    def upload_mb(self) -> str:
        """The largest upload, as the page shows it."""
        return f"{self.max_upload_bytes / 1e6:,.0f}"

    def session(self, request: gr.Request) -> Session:
        """The session of the open page that sent a request."""
        return self.sessions.session(request.session_hash or "")

    def claim(self, uploads: str | list[str] | None, request: gr.Request) -> None:
        """Event of dropped files: from now on they belong to a session, and are removed with it."""
        paths = [uploads] if isinstance(uploads, str) else uploads or ()
        self.session(request).uploads.update(map(Path, paths))

    def models_for(self, session: Session | None) -> dict[str, Path]:
        """The models that can be chosen: the server's, and those that a session has brought."""
        return {**self.models.models(), **(session.models if session else {})}

    def new_photograph(self, session: Session, upload: str) -> Photograph:
        """A photograph of a session, made of an upload."""
        number = session.next_number()
        source = self.sessions.take(session, upload, session.folder / str(number) / "in")
        return Photograph(number, source.name, source, upload)

    def submit(self, session: Session, work: Callable[[QueuedJob], Any]) -> QueuedJob:
        """Queue `work` for a session. Raises Busy, whose message is the key of the page's text."""
        if session.job is not None and not session.job.future.done():
            raise Busy("already")
        session.job = self.queue.submit(work)
        return session.job

    def follow(self, words: Words, job: QueuedJob, progress: Callable[[QueuedJob], str]) -> Iterator[str]:
        """The line of status of a job, each time it changes, until the job has ended."""
        shown = ""
        while not job.wait(POLL_SECONDS):
            ahead = self.queue.ahead(job)
            text = words("in_line", ahead=ahead) if ahead else progress(job) if job.total else words("opening")
            line = status(text, "work", job.done / job.total if job.total else 0.0)
            if line != shown:
                shown = line
                yield line


def page_message(error: BaseException, folder: Path) -> str:
    """An error in words, without the folders of this machine."""
    return without_folder(error_message(error), folder)


def viewer(words: Words, name: str) -> Any:
    """The empty viewer of photographs."""
    texts = {key: words(key) for key in VIEWER_WORDS}
    if name == "compared":
        texts["empty"] = words("compare_empty")
    return gr.HTML(
        value="", html_template="<div></div>", js_on_load=_VIEWER, words=texts, elem_id=name, apply_default_css=False,
    )


def model_dropdown(words: Words, services: Services, label: str, name: str) -> Any:
    """A choice of models; the first is chosen."""
    names = list(services.models.models())
    return gr.Dropdown(choices=names, value=names[0] if names else None, label=words(label), elem_id=name, filterable=False)
