"""The third tab: one photograph, two models, under one line, and scores where the truth is known."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from dancheong.app.web.color_tab import (
    AT_ONCE,
    IN_LINE,
    LOOK_SECONDS,
    claim,
    model_dropdown,
    models_of,
    reason,
    session_of,
    stand_in_line,
    taken,
    viewer,
)
from dancheong.app.web.coloring import Photograph, color
from dancheong.app.web.job_queue import Busy, QueuedJob
from dancheong.app.web.services import Services
from dancheong.app.web.sessions import Session
from dancheong.app.web.translations import Words
from dancheong.app.web.views import compared_value, status, table
from dancheong.evaluation.evaluate import score
from dancheong.imaging.color import as_rgb, gray_of
from dancheong.imaging.files import READ_SUFFIXES, read_photo
from dancheong.imaging.metrics import colorfulness, mean_delta_e_2000
from dancheong.imaging.profiles import to_eight


@dataclass(frozen=True)
class CompareTab:
    """What other parts of the page need of this tab."""

    models: tuple[Any, Any]


def compare_tab(words: Words, services: Services) -> CompareTab:
    """Build the tab."""
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=0, min_width=340, elem_classes="side"):
            gr.Markdown(words("compare_intro"))
            photo = gr.File(label=words("photo"), file_types=sorted(READ_SUFFIXES), elem_id="compare-drop", height=150)
            first = model_dropdown(words, services, "model_a", "model-a")
            second = model_dropdown(words, services, "model_b", "model-b")
            go = gr.Button(words("compare"), variant="primary", size="lg", elem_id="compare")
        with gr.Column(scale=1, min_width=420, elem_classes="main"):
            told_status = gr.HTML(elem_id="compare-status")
            shown = viewer(words, "compared")
            scores = gr.HTML(elem_id="scores")

    def compare(upload: str | None, name_a: str | None, name_b: str | None, request: gr.Request) -> Iterator[Any]:
        visit = services.workplace.visit(session_of(request))
        models = models_of(services, visit)
        if not upload or name_a not in models or name_b not in models:
            yield status(words("need_model" if upload else "need_photos"), "bad"), gr.skip(), gr.skip(), gr.skip()
            return
        yield from _compare(words, services, visit, upload, (str(name_a), str(name_b)))

    photo.upload(claim(services), photo, None, **AT_ONCE)
    go.click(compare, [photo, first, second], [told_status, shown, scores, go], **IN_LINE)
    return CompareTab((first, second))


def _compare(words: Words, services: Services, visit: Session, upload: str, names: tuple[str, str]) -> Iterator[Any]:
    models = models_of(services, visit)
    for former in visit.compared:
        shutil.rmtree(former.folder, ignore_errors=True)
        visit.photographs.pop(former.number, None)
    visit.compared = []

    def work(ticket: QueuedJob) -> tuple[Photograph, Photograph, str]:
        results = []
        for number, name in enumerate(names):
            ticket.done, ticket.total, ticket.text = number, len(names), name
            one = taken(services, visit, upload)
            visit.compared.append(one)
            one = color(services.shelf.colorizer(models[name], {}), one)
            visit.photographs[one.number] = one
            results.append(one)
        return results[0], results[1], _scores(words, results[0], results[1], names)

    try:
        ticket = stand_in_line(services, visit, work)
    except Busy as error:
        yield status(words(str(error)), "bad"), gr.skip(), gr.skip(), gr.skip()
        return
    while not ticket.wait(LOOK_SECONDS):
        ahead = services.desk.ahead(ticket)
        text = words("in_line", ahead=ahead) if ahead else words("comparing", name=ticket.text)
        yield status(text, "work", ticket.done / 2), gr.skip(), gr.skip(), gr.update(interactive=False)
    if (wrong := ticket.future.exception()) is not None:
        told = words("failed", reason=reason(wrong, visit.folder))
        yield status(told, "bad"), gr.skip(), gr.skip(), gr.update(interactive=True)
        return
    first, second, scores = ticket.future.result()
    failed = first.error or second.error
    told = status(words("failed", reason=failed), "bad") if failed else status(words("compared"), "good")
    yield told, compared_value(visit, words, (first, second), names), scores, gr.update(interactive=True)


def _scores(words: Words, first: Photograph, second: Photograph, names: tuple[str, str]) -> str:
    """Both results in numbers: against the truth where the photograph has colors, and against each other."""
    if first.result is None or second.result is None:
        return ""
    photo = read_photo(first.source).pixels
    results = [to_eight(as_rgb(read_photo(one.result).pixels)) for one in (first, second) if one.result is not None]
    seconds = [words("score_seconds"), *(f"{one.seconds:.2f}" for one in (first, second))]
    between = ""
    if results[0].shape == results[1].shape:
        between = words("score_between", value=f"{mean_delta_e_2000(results[0], results[1]):.2f}")
    if photo.ndim == 2 or results[0].shape != photo.shape or results[1].shape != photo.shape:
        rows = [[words("score_colorfulness"), *(f"{colorfulness(one):.1f}" for one in results)], seconds]
        return table(["", *names], rows, between)
    truth = to_eight(photo)
    scored = [score(one, truth) for one in (*results, as_rgb(gray_of(truth)))]
    rows = [
        [words("score_delta_e"), *(f"{one.delta_e_2000:.2f}" for one in scored)],
        [words("score_psnr"), *(f"{one.psnr:.2f}" for one in scored)],
        [words("score_colorfulness"), *(f"{one.colorfulness:.1f}" for one in scored)],
        [*seconds, ""],
    ]
    return table(["", *names, words("gray_column")], rows, between)
