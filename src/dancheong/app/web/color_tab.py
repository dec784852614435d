"""The first tab: drop gray photographs, color them, look at them, correct the mask, download them."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from dancheong.app.web.coloring import Photograph, color, forget_drawing
from dancheong.app.web.form import Form, prediction_form
from dancheong.app.web.job_queue import Busy, QueuedJob
from dancheong.app.web.services import AT_ONCE, STREAMED, Services, model_dropdown, page_message, viewer
from dancheong.app.web.sessions import Session
from dancheong.app.web.translations import Words
from dancheong.app.web.views import status, viewer_value
from dancheong.imaging.formats import READ_SUFFIXES
from dancheong.params import DancheongError, ParamError, Params

MAX_PHOTOGRAPHS = 200


def color_tab(words: Words, services: Services) -> Any:
    """Build the tab; returns its choice of models."""
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=0, min_width=340, elem_classes="side"):
            gr.Markdown(f"### {words('step_photos')}")
            files = gr.File(
                label=words("photos"), file_count="multiple", elem_id="drop", height=200, file_types=sorted(READ_SUFFIXES),
            )
            gr.Markdown(words("photos_kinds", limit=services.upload_mb), elem_classes="hint")
            gr.Markdown(f"### {words('step_model')}")
            none = gr.Markdown(words("no_model"), visible=not services.models.models(), elem_classes="nomodel")
            model = model_dropdown(words, services, "model", "model")
            with gr.Accordion(words("bring_model"), open=False, elem_classes="more"):
                brought = gr.File(label=".h5", file_types=[".h5"], elem_id="bring", height=120)
            gr.Markdown(f"### {words('step_color')}")
            go = gr.Button(words("color"), variant="primary", size="lg", elem_id="color")
            stop = gr.Button(words("stop"), visible=False, elem_id="halt")
            first = next(iter(services.models.models().values()), None)
            params = Params() if first is None else services.models.params(first)
            form = prediction_form(words, params)
        with gr.Column(scale=1, min_width=420, elem_classes="main"):
            line = gr.HTML(elem_id="status")
            shown = viewer(words, "shown")
    # The model and the values that the form was filled with: a setting is what a person changes afterwards.
    adopted, filled = gr.State(model.value), gr.State(form.values(params))
    handlers = _Handlers(words, services, form)
    files.upload(services.claim, files, None, **AT_ONCE)
    # Only on a person's choice, because a page that fills its fields while it loads would undo what was set meanwhile.
    adoption = [handlers.adopt, [model, adopted], [adopted, filled, *form.fields]]
    brought.upload(handlers.bring, brought, [model, none, line], **AT_ONCE).then(*adoption, **AT_ONCE)
    model.input(*adoption, **AT_ONCE)
    outputs = [line, shown, go, stop]
    go.click(handlers.color, [files, model, filled, *form.fields], outputs, **STREAMED)
    stop.click(handlers.stop, None, None, **AT_ONCE)
    shown.recolor(handlers.recolor, [model, filled, *form.fields], outputs, **STREAMED)
    return model


@dataclass(frozen=True)
class _Handlers:
    """The events of the tab."""

    words: Words
    services: Services
    form: Form

    def bring(self, upload: str | None, request: gr.Request) -> Any:
        """Take a model file for this session, if it is one."""
        session = self.services.session(request)
        if not upload:
            return gr.skip(), gr.skip(), ""
        folder = session.folder / f"model{session.next_number()}"
        try:
            path = self.services.sessions.take(session, upload, folder)
            self.services.models.params(path)
        except (DancheongError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            return gr.skip(), gr.skip(), status(self.words("failed", reason=page_message(error, folder)), "bad")
        session.models[path.stem] = path
        choices = list(self.services.models_for(session))
        return (
            gr.update(choices=choices, value=path.stem), gr.update(visible=False),
            status(self.words("model_brought", name=path.stem), "good"),
        )

    def adopt(self, model: str | None, adopted: str | None, request: gr.Request) -> Any:
        """Fill the form with the parameters of a model that was chosen."""
        if model == adopted:
            return [gr.skip()] * (2 + len(self.form.fields))
        path = self.services.models_for(self.services.session(request)).get(model or "")
        try:
            params = Params() if path is None else self.services.models.params(path)
        except (DancheongError, OSError):
            params = Params()  # the button will say what is wrong with the model
        values = self.form.values(params)
        return [model, values, *values]

    def stop(self, request: gr.Request) -> None:
        """Stop after the photograph that is being colored."""
        job = self.services.session(request).job
        if job is not None:
            job.cancel()

    def color(
        self, request: gr.Request, uploads: list[str] | None, model: str | None, filled: list[Any], *values: Any
    ) -> Iterator[Any]:
        """Color what was dropped."""
        session = self.services.session(request)
        path = self.services.models_for(session).get(model or "")
        if path is None or not uploads or len(uploads) > MAX_PHOTOGRAPHS:
            yield self._problem(self._missing(uploads))
            return
        try:
            photographs = self._photographs(session, uploads)
        except (DancheongError, OSError) as error:
            yield self._problem(self.words("failed", reason=page_message(error, session.folder)))
            return

        def work(job: QueuedJob) -> None:
            colorizer = self.services.models.colorizer(path, self.form.settings(values, filled))
            job.total = len(photographs)
            for number, photograph in enumerate(photographs):
                if job.cancelled:
                    return
                job.done = number
                session.photographs[photograph.number] = color(colorizer, photograph)
            job.done = job.total

        def progress(job: QueuedJob) -> str:
            number = min(job.done + 1, job.total)
            return self.words("coloring", number=number, total=job.total, name=photographs[number - 1].name)

        began = time.monotonic()
        yield from self._run(session, work, progress, lambda job: self._summary(session, job, photographs, began))

    def recolor(
        self, request: gr.Request, event: gr.EventData, model: str | None, filled: list[Any], *values: Any
    ) -> Iterator[Any]:
        """Color one photograph again, with the mask that a person has drawn, or without it."""
        session = self.services.session(request)
        photograph = session.photographs.get(getattr(event, "number", 0))
        path = self.services.models_for(session).get(model or "")
        if photograph is None or path is None:
            yield self._problem(self.words("need_model" if path is None else "gone"))
            return

        def work(job: QueuedJob) -> None:
            job.total = 1
            if getattr(event, "forget", False):
                forget_drawing(photograph)
            colorizer = self.services.models.colorizer(path, self.form.settings(values, filled))
            session.photographs[photograph.number] = color(colorizer, photograph)

        yield from self._run(
            session, work, lambda job: self.words("recoloring", name=photograph.name),
            lambda job: status(self.words("recolored", name=photograph.name), "good"), select=photograph.number,
        )

    def _run(
        self, session: Session, work: Callable[[QueuedJob], Any], progress: Callable[[QueuedJob], str],
        summary: Callable[[QueuedJob], str], select: int | None = None,
    ) -> Iterator[Any]:
        """Queue the work, show its progress and, at the end, its results."""
        try:
            job = self.services.submit(session, work)
        except Busy as error:
            yield self._problem(self.words(str(error)))
            return
        done = -1
        for line in self.services.follow(self.words, job, progress):
            pictures = self._pictures(session) if job.done != done else gr.skip()
            done = job.done
            yield line, pictures, gr.update(interactive=False), gr.update(visible=True)
        raised = job.future.exception()
        if raised is None:
            line = summary(job)
        else:
            key = "settings_wrong" if isinstance(raised, ParamError) else "failed"
            line = status(self.words(key, reason=page_message(raised, session.folder)), "bad")
        yield line, self._pictures(session, select), gr.update(interactive=True), gr.update(visible=False)

    def _summary(self, session: Session, job: QueuedJob, photographs: list[Photograph], began: float) -> str:
        """How many photographs were colored, and in which time."""
        if job.cancelled:
            return status(self.words("stopped_by_you"))
        total, failed = len(photographs), sum(bool(session.photographs[one.number].error) for one in photographs)
        text = self.words("colored", good=total - failed, total=total, seconds=f"{time.monotonic() - began:.1f}")
        more = f" {self.words('failed_some', count=failed)}" if failed else ""
        return status(text + more, "bad" if failed == total else "good")

    def _missing(self, uploads: list[str] | None) -> str:
        if not uploads:
            return self.words("need_photos")
        if len(uploads) > MAX_PHOTOGRAPHS:
            return self.words("many_photos", count=len(uploads), limit=MAX_PHOTOGRAPHS)
        return self.words("need_model")

    def _photographs(self, session: Session, uploads: Sequence[str]) -> list[Photograph]:
        """The photographs of these uploads; those of uploads that are no longer in the list are removed."""
        known = {one.upload: one for one in session.photographs.values() if one.upload}
        for upload, one in known.items():
            if upload not in uploads:
                session.photographs.pop(one.number)
                shutil.rmtree(one.folder, ignore_errors=True)
        photographs = []
        for upload in dict.fromkeys(uploads):
            photograph = known.get(upload) or self.services.new_photograph(session, upload)
            # The earlier result may be of another model or of other settings.
            photograph = replace(photograph, result=None, error="")
            session.photographs[photograph.number] = photograph
            photographs.append(photograph)
        return photographs

    def _pictures(self, session: Session, select: int | None = None) -> str:
        done = [one for one in session.photographs.values() if one.upload and (one.version or one.error)]
        return viewer_value(session, self.words, done, select)

    def _problem(self, text: str) -> Any:
        return status(text, "bad"), gr.skip(), gr.update(interactive=True), gr.update(visible=False)
