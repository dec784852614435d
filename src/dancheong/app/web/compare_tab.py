"""The third tab: one photograph colored by two models, side by side, and scores where the true colors are known."""

import shutil
from collections.abc import Iterator
from typing import Any

import gradio as gr

from dancheong.app.web.coloring import Photograph, color
from dancheong.app.web.job_queue import Busy, QueuedJob
from dancheong.app.web.services import AT_ONCE, STREAMED, Services, model_dropdown, page_message, viewer
from dancheong.app.web.translations import Words
from dancheong.app.web.views import compared_value, status, table
from dancheong.evaluation.evaluate import score
from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import read_photo
from dancheong.imaging.formats import READ_SUFFIXES
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000
from dancheong.imaging.profiles import to_eight


def compare_tab(words: Words, services: Services) -> tuple[Any, Any]:
    """Build the tab; returns its two choices of models."""
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=0, min_width=340, elem_classes="side"):
            gr.Markdown(words("compare_intro"))
            photo = gr.File(label=words("photo"), file_types=sorted(READ_SUFFIXES), elem_id="compare-drop", height=150)
            first = model_dropdown(words, services, "model_a", "model-a")
            second = model_dropdown(words, services, "model_b", "model-b")
            go = gr.Button(words("compare"), variant="primary", size="lg", elem_id="compare")
        with gr.Column(scale=1, min_width=420, elem_classes="main"):
            line = gr.HTML(elem_id="compare-status")
            shown = viewer(words, "compared")
            scores = gr.HTML(elem_id="scores")

    def compare(upload: str | None, name_a: str | None, name_b: str | None, request: gr.Request) -> Iterator[Any]:
        yield from _compare(words, services, upload, (name_a or "", name_b or ""), request)

    photo.upload(services.claim, photo, None, **AT_ONCE)
    go.click(compare, [photo, first, second], [line, shown, scores, go], **STREAMED)
    return first, second


def _compare(
    words: Words, services: Services, upload: str | None, names: tuple[str, str], request: gr.Request
) -> Iterator[Any]:
    session = services.session(request)
    models = services.models_for(session)
    if not upload or not models.keys() >= set(names):
        yield status(words("need_model" if upload else "need_photos"), "bad"), gr.skip(), gr.skip(), gr.skip()
        return

    def work(job: QueuedJob) -> tuple[Photograph, Photograph, str]:
        # The earlier comparison of this session makes room.
        for former in session.compared:
            shutil.rmtree(former.folder, ignore_errors=True)
            session.photographs.pop(former.number, None)
        session.compared = []
        results = []
        job.total = len(names)
        for number, name in enumerate(names):
            job.done = number
            photograph = services.new_photograph(session, upload)
            session.compared.append(photograph)
            photograph = color(services.models.colorizer(models[name], {}), photograph)
            session.photographs[photograph.number] = photograph
            results.append(photograph)
        return results[0], results[1], _scores(words, results[0], results[1], names)

    try:
        job = services.submit(session, work)
    except Busy as error:
        yield status(words(str(error)), "bad"), gr.skip(), gr.skip(), gr.skip()
        return
    for line in services.follow(words, job, lambda job: words("comparing", name=names[job.done])):
        yield line, gr.skip(), gr.skip(), gr.update(interactive=False)
    if (raised := job.future.exception()) is not None:
        line = status(words("failed", reason=page_message(raised, session.folder)), "bad")
        yield line, gr.skip(), gr.skip(), gr.update(interactive=True)
        return
    first, second, scores = job.future.result()
    failed = first.error or second.error
    line = status(words("failed", reason=failed), "bad") if failed else status(words("compared"), "good")
    yield line, compared_value(session, words, (first, second), names), scores, gr.update(interactive=True)


def _scores(words: Words, first: Photograph, second: Photograph, names: tuple[str, str]) -> str:
    """Scores of both results: against the truth where the photograph has colors, and against each other."""
    if first.result is None or second.result is None:
        return ""
    photo = read_photo(first.source).pixels
    results = [to_eight(as_rgb(read_photo(path).pixels)) for path in (first.result, second.result)]
    seconds = [words("score_seconds"), *(f"{one.seconds:.2f}" for one in (first, second))]
    between = ""
    if results[0].shape == results[1].shape:
        between = words("score_between", value=f"{mean_delta_e_2000(results[0], results[1]):.2f}")
    if photo.ndim == 2 or any(result.shape != photo.shape for result in results):
        rows = [[words("score_colorfulness"), *(f"{colorfulness(result):.1f}" for result in results)], seconds]
        return table(["", *names], rows, between)
    truth = to_eight(photo)
    scored = [score(rgb, truth) for rgb in (*results, as_rgb(gray_of(truth)))]
    rows = [
        [words("score_delta_e"), *(f"{one.delta_e_2000:.2f}" for one in scored)],
        [words("score_psnr"), *(f"{one.psnr:.2f}" for one in scored)],
        [words("score_colorfulness"), *(f"{one.colorfulness:.1f}" for one in scored)],
        [*seconds, ""],
    ]
    return table(["", *names, words("gray_column")], rows, between)
