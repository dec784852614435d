"""The first tab: drop gray photographs, color them, look, correct the mask, take them home."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from dancheong.app.web.coloring import Photograph, color, forget_drawing, plain
from dancheong.app.web.form import Form, prediction_form
from dancheong.app.web.job_queue import Busy, QueuedJob
from dancheong.app.web.services import Services
from dancheong.app.web.sessions import Session
from dancheong.app.web.translations import Words
from dancheong.app.web.views import VIEWER_WORDS, status, viewer_value
from dancheong.imaging.files import READ_SUFFIXES
from dancheong.params import DancheongError, ParamError, Params
from dancheong.prediction.result import error_message

MAX_PHOTOGRAPHS = 200
LOOK_SECONDS = 0.4

_VIEWER = Path(__file__).with_name("viewer.js").read_text(encoding="utf-8")


def viewer(words: Words, name: str) -> Any:
    """The empty viewer."""
    told_words = {key: words(key) for key in VIEWER_WORDS}
    if name == "compared":
        told_words["empty"] = words("compare_empty")
    return gr.HTML(
        value="", html_template="<div></div>", js_on_load=_VIEWER, words=told_words, elem_id=name, apply_default_css=False,
    )


def session_of(request: gr.Request) -> str:
    """What tells one open page from another."""
    return request.session_hash or ""


# How an event reaches the server. What lasts is told of in a stream that all events of a page share; it is closed when none
# is under way, and an event that has just joined is then never heard of again. So only what must go through it does.
IN_LINE: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
AT_ONCE: dict[str, Any] = {**IN_LINE, "queue": False}


def claim(services: Services) -> Callable[..., None]:
    """What happens when files are dropped: they belong to a visit from now on, and go with it."""

    def received(uploads: str | list[str] | None, request: gr.Request) -> None:
        visit = services.workplace.visit(session_of(request))
        visit.uploads.update(Path(upload) for upload in ([uploads] if isinstance(uploads, str) else uploads or ()))

    return received


def models_of(services: Services, visit: Session | None) -> dict[str, Path]:
    """The models a visitor can choose: the server's, and those brought along."""
    return {**services.shelf.models(), **(visit.models if visit else {})}


def model_dropdown(words: Words, services: Services, label: str, name: str) -> Any:
    """A choice of models; the first is chosen."""
    names = list(services.shelf.models())
    return gr.Dropdown(choices=names, value=names[0] if names else None, label=words(label), elem_id=name, filterable=False)


def reason(error: BaseException, folder: Path) -> str:
    """An error in words, without the folders of this machine."""
    return plain(error_message(error), folder)


@dataclass(frozen=True)
class ColorTab:
    """What other parts of the page need of this tab."""

    model: Any


def color_tab(words: Words, services: Services) -> ColorTab:
    """Build the tab."""
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=0, min_width=340, elem_classes="side"):
            gr.Markdown(f"### {words('step_photos')}")
            files = gr.File(
                label=words("photos"), file_count="multiple", elem_id="drop", height=200, file_types=sorted(READ_SUFFIXES),
            )
            gr.Markdown(words("photos_kinds", limit=services.upload_mb), elem_classes="hint")
            gr.Markdown(f"### {words('step_model')}")
            none = gr.Markdown(words("no_model"), visible=not services.shelf.models(), elem_classes="nomodel")
            model = model_dropdown(words, services, "model", "model")
            with gr.Accordion(words("bring_model"), open=False, elem_classes="more"):
                brought = gr.File(label=".h5", file_types=[".h5"], elem_id="bring", height=120)
            gr.Markdown(f"### {words('step_color')}")
            go = gr.Button(words("color"), variant="primary", size="lg", elem_id="color")
            halt = gr.Button(words("stop"), visible=False, elem_id="halt")
            params = [services.shelf.params(path) for path in list(services.shelf.models().values())[:1]]
            form = prediction_form(words, params[0] if params else Params())
        with gr.Column(scale=1, min_width=420, elem_classes="main"):
            told_status = gr.HTML(elem_id="status")
            shown = viewer(words, "shown")
    # What the form was filled with, and for which model: only what a person changes afterwards is a setting.
    adopted, filled = gr.State(model.value), gr.State(form.values(params[0] if params else Params()))
    actions = _Actions(words, services, form)
    files.upload(claim(services), files, None, **AT_ONCE)
    # Only where a person chooses: a page that fills its fields while it loads would undo what was set meanwhile.
    adoption = [actions.adopt, [model, adopted], [adopted, filled, *form.fields]]
    brought.upload(actions.bring, brought, [model, none, told_status], **AT_ONCE).then(*adoption, **AT_ONCE)
    model.input(*adoption, **AT_ONCE)
    outputs = [told_status, shown, go, halt]
    go.click(actions.color, [files, model, filled, *form.fields], outputs, **IN_LINE)
    halt.click(actions.halt, None, None, **AT_ONCE)
    shown.recolor(actions.recolor, [model, filled, *form.fields], outputs, **IN_LINE)
    return ColorTab(model)


class _Actions:
    """What happens when something is pressed. Holds nothing but what the page is made of."""

    def __init__(self, words: Words, services: Services, form: Form) -> None:
        self.words, self.services, self.form = words, services, form

    def bring(self, upload: str | None, request: gr.Request) -> Any:
        """Take a model file along for this visit, if it is one."""
        visit = self.services.workplace.visit(session_of(request))
        if not upload:
            return gr.skip(), gr.skip(), ""
        folder = visit.folder / f"model{visit.next_number()}"
        try:
            path = self.services.workplace.take(visit, upload, folder)
            self.services.shelf.params(path)
        except (DancheongError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            return gr.skip(), gr.skip(), status(self.words("failed", reason=reason(error, folder)), "bad")
        visit.models[path.stem] = path
        choices = list(models_of(self.services, visit))
        return (
            gr.update(choices=choices, value=path.stem), gr.update(visible=False),
            status(self.words("model_brought", name=path.stem), "good"),
        )

    def adopt(self, model: str | None, adopted: str | None, request: gr.Request) -> Any:
        """Show a model's own parameters in the form, once it is another model's."""
        if model == adopted:
            return [gr.skip()] * (2 + len(self.form.fields))
        visit = self.services.workplace.visit(session_of(request))
        path = models_of(self.services, visit).get(model or "")
        try:
            params = Params() if path is None else self.services.shelf.params(path)
        except (DancheongError, OSError):
            params = Params()  # pressing the button tells why
        values = self.form.values(params)
        return [model, values, *values]

    def halt(self, request: gr.Request) -> None:
        """Stop after the photograph that is being colored."""
        ticket = self.services.workplace.visit(session_of(request)).ticket
        if ticket is not None:
            ticket.cancel()

    def color(
        self, request: gr.Request, uploads: list[str] | None, model: str | None, filled: list[Any], *values: Any
    ) -> Iterator[Any]:
        """Color what was dropped."""
        visit = self.services.workplace.visit(session_of(request))
        path = models_of(self.services, visit).get(model or "")
        if path is None or not uploads or len(uploads) > MAX_PHOTOGRAPHS:
            yield self._say(self._missing(uploads))
            return
        try:
            photographs = _gathered(self.services, visit, uploads)
        except (DancheongError, OSError) as error:
            yield self._say(self.words("failed", reason=reason(error, visit.folder)))
            return

        def work(ticket: QueuedJob) -> None:
            colorizer = self.services.shelf.colorizer(path, self.form.settings(values, filled))
            ticket.total = len(photographs)
            for number, photograph in enumerate(photographs):
                if ticket.cancelled:
                    return
                ticket.done = number
                visit.photographs[photograph.number] = color(colorizer, photograph)
            ticket.done = ticket.total

        def doing(ticket: QueuedJob) -> str:
            number = min(ticket.done + 1, ticket.total)
            return self.words("coloring", number=number, total=ticket.total, name=photographs[number - 1].name)

        began = time.monotonic()
        yield from self._serve(visit, work, doing, lambda ticket: self._result(visit, ticket, photographs, began))

    def _missing(self, uploads: list[str] | None) -> str:
        if not uploads:
            return self.words("need_photos")
        if len(uploads) > MAX_PHOTOGRAPHS:
            return self.words("many_photos", count=len(uploads), limit=MAX_PHOTOGRAPHS)
        return self.words("need_model")

    def _result(self, visit: Session, ticket: QueuedJob, photographs: list[Photograph], began: float) -> str:
        """How many were colored, in which time."""
        current = [visit.photographs[one.number] for one in photographs]
        failed = sum(bool(one.error) for one in current)
        if ticket.cancelled:
            return status(self.words("stopped_by_you"))
        seconds = f"{time.monotonic() - began:.1f}"
        text = self.words("colored", good=len(current) - failed, total=len(current), seconds=seconds)
        more = f" {self.words('failed_some', count=failed)}" if failed else ""
        return status(text + more, "bad" if failed == len(current) else "good")

    def recolor(
        self, request: gr.Request, event: gr.EventData, model: str | None, filled: list[Any], *values: Any
    ) -> Iterator[Any]:
        """Color one photograph again, with the mask a person has drawn or without it."""
        visit = self.services.workplace.visit(session_of(request))
        asked = event._data if isinstance(event._data, dict) else {}
        photograph = visit.photographs.get(asked.get("number", 0))
        path = models_of(self.services, visit).get(model or "")
        if photograph is None or path is None:
            yield self._say(self.words("need_model" if path is None else "gone"))
            return

        def work(ticket: QueuedJob) -> None:
            ticket.total = 1
            if asked.get("forget"):
                forget_drawing(photograph)
            colorizer = self.services.shelf.colorizer(path, self.form.settings(values, filled))
            visit.photographs[photograph.number] = color(colorizer, photograph)

        yield from self._serve(
            visit, work, lambda ticket: self.words("recoloring", name=photograph.name),
            lambda ticket: status(self.words("recolored", name=photograph.name), "good"), select=photograph.number,
        )

    def _serve(
        self, visit: Session, work: Callable[[QueuedJob], Any], doing: Callable[[QueuedJob], str],
        finished: Callable[[QueuedJob], str], select: int | None = None,
    ) -> Iterator[Any]:
        """Stand in line, tell how it goes, show what is done."""
        try:
            ticket = stand_in_line(self.services, visit, work)
        except Busy as error:
            yield self._say(self.words(str(error)))
            return
        shown, text = -1, ""
        while not ticket.wait(LOOK_SECONDS):
            ahead = self.services.desk.ahead(ticket)
            now = self.words("in_line", ahead=ahead) if ahead else doing(ticket) if ticket.total else self.words("opening")
            now = status(now, "work", ticket.done / ticket.total if ticket.total else 0.0)
            if now != text:
                text, done = now, ticket.done
                pictures = self._shown(visit) if done != shown else gr.skip()
                yield text, pictures, gr.update(interactive=False), gr.update(visible=True)
                shown = done
        wrong = ticket.future.exception()
        result = finished(ticket) if wrong is None else status(self._told(wrong, visit), "bad")
        yield result, self._shown(visit, select), gr.update(interactive=True), gr.update(visible=False)

    def _told(self, error: BaseException, visit: Session) -> str:
        key = "settings_wrong" if isinstance(error, ParamError) else "failed"
        return self.words(key, reason=reason(error, visit.folder))

    def _shown(self, visit: Session, select: int | None = None) -> str:
        done = [one for one in visit.photographs.values() if one.upload and (one.version or one.error)]
        return viewer_value(visit, self.words, done, select)

    def _say(self, text: str) -> Any:
        return status(text, "bad"), gr.skip(), gr.update(interactive=True), gr.update(visible=False)


def stand_in_line(services: Services, visit: Session, work: Callable[[QueuedJob], Any]) -> QueuedJob:
    """A ticket for `work`. Raises Busy, whose message is the key of what is said."""
    if visit.ticket is not None and not visit.ticket.future.done():
        raise Busy("already")
    try:
        visit.ticket = services.desk.submit(work)
    except Busy:
        raise Busy("busy") from None
    ticket: QueuedJob = visit.ticket
    return ticket


def _gathered(services: Services, visit: Session, uploads: Sequence[str]) -> list[Photograph]:
    """The photographs of these uploads; what was dropped before and is not there any more is removed."""
    known = {one.upload: one for one in visit.photographs.values() if one.upload}
    for upload, one in known.items():
        if upload not in uploads:
            visit.photographs.pop(one.number)
            shutil.rmtree(one.folder, ignore_errors=True)
    photographs = []
    for upload in dict.fromkeys(uploads):
        photograph = known.get(upload) or taken(services, visit, upload)
        # Another model or other settings: the former result is no longer shown as this one's.
        photograph = replace(photograph, result=None, error="")
        visit.photographs[photograph.number] = photograph
        photographs.append(photograph)
    return photographs


def taken(services: Services, visit: Session, upload: str) -> Photograph:
    """A new photograph of this visit."""
    number = visit.next_number()
    source = services.workplace.take(visit, upload, visit.folder / str(number) / "in")
    return Photograph(number, source.name, source, upload)
