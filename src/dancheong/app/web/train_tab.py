"""The second tab: train on a zip or on a folder that the server allows, watch it, stop and go on."""

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dancheong.app.web.color_tab import AT_ONCE, claim, reason, session_of
from dancheong.app.web.form import Form, training_form
from dancheong.app.web.services import Services
from dancheong.app.web.sessions import Session
from dancheong.app.web.trainer import Occupied, Order, model_path
from dancheong.app.web.translations import Words
from dancheong.app.web.unpack import BadZip, unpack
from dancheong.app.web.views import status, training_panel
from dancheong.params import DancheongError, Params, resolve
from dancheong.params.table import PRESETS

LOOK_SECONDS = 2.0


class Refused(DancheongError):
    """What was asked for cannot be done; the message is in the page's language already."""


@dataclass(frozen=True)
class TrainTab:
    """What other parts of the page need of this tab: ticks while the page is open."""

    timer: Any


def train_tab(words: Words, services: Services) -> TrainTab:
    """Build the tab."""
    fields = _fields(words, services)
    form = fields.form
    seen, filled = gr.State(""), gr.State(("default", form.values(Params())))
    timer = gr.Timer(LOOK_SECONDS)

    def look(shown: str) -> Any:
        now, active = _panel(words, services), services.trainer.active
        if now == shown:
            return [gr.skip()] * 5
        return now, now, gr.update(interactive=not active), gr.update(visible=active), gr.update(visible=not active)

    def fill(preset: str) -> Any:
        values = form.values(resolve(preset=preset).params)
        return [(preset, values), *values]

    shown = [fields.panel, seen, fields.start, fields.stop, fields.resume]
    inputs = [fields.name, fields.source, fields.packed, fields.folder, filled, *form.fields]
    fields.packed.upload(claim(services), fields.packed, None, **AT_ONCE)
    fields.source.change(lambda kind: (gr.update(visible=kind == "zip"), gr.update(visible=kind == "folder")), fields.source,
                         [fields.packed, fields.folder], **AT_ONCE)
    fields.preset.input(fill, fields.preset, [filled, *form.fields], **AT_ONCE)
    for button, resumed in ((fields.start, False), (fields.resume, True)):
        begun = button.click(_beginning(words, services, form, resumed), inputs, fields.problem, **AT_ONCE)
        begun.then(look, seen, shown, **AT_ONCE)
    fields.stop.click(services.trainer.stop, None, None, **AT_ONCE).then(look, seen, shown, **AT_ONCE)
    timer.tick(look, seen, shown, **AT_ONCE)
    return TrainTab(timer)


@dataclass(frozen=True, eq=False)
class _Fields:
    """What the tab is made of."""

    name: Any
    source: Any
    packed: Any
    folder: Any
    preset: Any
    start: Any
    stop: Any
    resume: Any
    form: Form
    problem: Any
    panel: Any


def _fields(words: Words, services: Services) -> _Fields:
    sources = [(words("from_zip"), "zip"), (words("from_folder"), "folder")]
    presets = [(words(f"preset_{preset}"), preset) for preset in PRESETS]
    with gr.Row(elem_classes="desk"):
        with gr.Column(scale=0, min_width=340, elem_classes="side"):
            gr.Markdown(words("train_intro"))
            gr.Markdown(f"### {words('step_name')}")
            name = gr.Textbox(label=words("model_name"), value="palace", max_lines=1, elem_id="train-name")
            gr.Markdown(f"### {words('step_train_photos')}")
            source = gr.Radio(sources, value="zip", show_label=False, visible=bool(services.roots), elem_id="train-source")
            packed = gr.File(label=words("zip", limit=services.upload_mb), file_types=[".zip"], elem_id="train-zip", height=130)
            folder = gr.Dropdown(
                sorted(allowed_folders(services.roots)), value=None, label=words("folder"), info=words("folder_info"),
                visible=False, elem_id="train-folder",
            )
            gr.Markdown(f"### {words('step_train')}")
            preset = gr.Radio(presets, value="default", label=words("preset"), elem_id="train-preset")
            start = gr.Button(words("start"), variant="primary", size="lg", elem_id="train-start")
            stop = gr.Button(words("stop_training"), visible=False, elem_id="train-stop")
            resume = gr.Button(words("resume"), elem_id="train-resume")
            form = training_form(words, Params())
        with gr.Column(scale=1, min_width=420, elem_classes="main"):
            problem, panel = gr.HTML(elem_id="train-problem"), gr.HTML(elem_id="train-panel")
    return _Fields(name, source, packed, folder, preset, start, stop, resume, form, problem, panel)


def _panel(words: Words, services: Services) -> str:
    preview = services.trainer.preview()
    return training_panel(
        words, services.trainer.status, services.trainer.history(), preview.name if preview else None, services.models_are_kept
    )


def _beginning(words: Words, services: Services, form: Form, resumed: bool) -> Callable[..., str]:
    """What a press of Start or Go on does; it gives what is wrong, in words, or nothing."""

    def pressed(request: gr.Request, *values: Any) -> str:
        visit = services.workplace.visit(session_of(request))
        try:
            _begin(words, services, visit, form, resumed, values)
        except BadZip as error:
            return status(words(error.reason, **error.details), "bad")
        except Occupied:
            return status(words("train_occupied"), "bad")
        except Refused as error:
            return status(str(error), "bad")
        except (DancheongError, OSError) as error:
            return status(words("settings_wrong", reason=reason(error, services.workplace.root)), "bad")
        return ""

    return pressed


def _begin(
    words: Words, services: Services, visit: Session, form: Form, resumed: bool, values: tuple[Any, ...]
) -> None:
    """Check what was asked for and start the training.

    Raises:
        Refused, BadZip, Occupied, ParamError: in words or with the key of them.
    """
    name, source, packed, folder, (preset, filled), *fields = values
    model = model_path(str(name or ""), services.models_folder)
    if model is None:
        raise Refused(words("name_wrong", name=str(name or "")))
    if services.trainer.active:
        raise Occupied("running")
    former = services.trainer.status.order
    if resumed and former is not None and former.model == model and former.photos.is_dir():
        services.trainer.start(former, resume=True)
        return
    if resumed and not model.exists():
        raise Refused(words("train_nothing"))
    if not resumed and model.exists():
        raise Refused(words("name_taken", name=model.stem))
    params = resolve(settings=form.settings(fields, filled), preset=preset).params
    photos = _chosen(words, services, folder) if source == "folder" else _unpacked(words, services, visit, packed)
    services.trainer.start(Order(model.stem, photos, model, params), resume=resumed)


def _unpacked(words: Words, services: Services, visit: Session, packed: str | None) -> Path:
    if not packed:
        raise Refused(words("need_zip"))
    # Only one training runs at a time: what the one before it unpacked is not needed any more.
    for former in services.workplace.training.iterdir():
        shutil.rmtree(former, ignore_errors=True)
    place = services.workplace.training / secrets.token_hex(8)
    archive = services.workplace.take(visit, packed, place)
    photos = place / "photographs"
    try:
        unpack(archive, photos, services.max_upload_bytes)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    archive.unlink()
    return photos


def _chosen(words: Words, services: Services, folder: str | None) -> Path:
    if not folder:
        raise Refused(words("need_folder"))
    path = allowed_folders(services.roots).get(folder)
    if path is None:
        raise Refused(words("folder_wrong", folder=folder))
    return path


def allowed_folders(roots: tuple[Path, ...]) -> dict[str, Path]:
    """The folders that may be trained on, by the name they are shown under: the roots and what lies directly in them."""
    folders: dict[str, Path] = {}
    for root in roots:
        folders[root.name] = root
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            # A link may lead anywhere.
            if path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
                folders[f"{root.name}/{path.name}"] = path
    return folders
