"""The second tab: train on a zip or on a folder that the server allows, watch it, stop and go on."""

import secrets
import shutil
from pathlib import Path
from typing import Any

import gradio as gr

from dancheong.app.web.form import Form, training_form
from dancheong.app.web.services import AT_ONCE, Services, page_message
from dancheong.app.web.sessions import Session
from dancheong.app.web.trainer import Occupied, Order, model_path
from dancheong.app.web.translations import Words
from dancheong.app.web.unpack import BadZip, unpack
from dancheong.app.web.views import status, training_panel
from dancheong.params import DancheongError, Params, resolve
from dancheong.params.table import PRESETS

REFRESH_SECONDS = 2.0


class CannotTrain(DancheongError):
    """Why a training does not start; the message is in the page's language."""


def train_tab(words: Words, services: Services) -> Any:
    """Build the tab; returns a timer that ticks while the page is open."""
    sources = [(words("from_zip"), "zip"), (words("from_folder"), "folder")]
    presets = [(words(f"preset_{preset}"), preset) for preset in PRESETS]
    with gr.Row(elem_classes="columns"):
        with gr.Column(scale=0, min_width=340, elem_classes="side"):
            gr.Markdown(words("train_intro"))
            gr.Markdown(f"### {words('step_name')}")
            name = gr.Textbox(label=words("model_name"), value="palace", max_lines=1, elem_id="train-name")
            gr.Markdown(f"### {words('step_train_photos')}")
            source = gr.Radio(sources, value="zip", show_label=False, visible=bool(services.roots), elem_id="train-source")
            limit = words("zip", limit=services.upload_mb)
            archive = gr.File(label=limit, file_types=[".zip"], elem_id="train-zip", height=130)
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
    seen, filled = gr.State(""), gr.State(("default", form.values(Params())))
    timer = gr.Timer(REFRESH_SECONDS)

    def refresh(shown: str) -> Any:
        now, active = _panel(words, services), services.trainer.active
        if now == shown:
            return [gr.skip()] * 5
        return now, now, gr.update(interactive=not active), gr.update(visible=active), gr.update(visible=not active)

    def fill(preset: str) -> Any:
        values = form.values(resolve(preset=preset).params)
        return [(preset, values), *values]

    def begin(resumed: bool, request: gr.Request, *values: Any) -> str:
        try:
            _begin(words, services, services.session(request), form, resumed, values)
        except BadZip as error:
            return status(words(error.reason, **error.details), "bad")
        except Occupied:
            return status(words("train_occupied"), "bad")
        except CannotTrain as error:
            return status(str(error), "bad")
        except (DancheongError, OSError) as error:
            return status(words("settings_wrong", reason=page_message(error, services.sessions.root)), "bad")
        return ""

    def begin_new(request: gr.Request, *values: Any) -> str:
        return begin(False, request, *values)

    def go_on(request: gr.Request, *values: Any) -> str:
        return begin(True, request, *values)

    refreshed: dict[str, Any] = {"fn": refresh, "inputs": seen, "outputs": [panel, seen, start, stop, resume], **AT_ONCE}
    archive.upload(services.claim, archive, None, **AT_ONCE)
    source.change(lambda kind: (gr.update(visible=kind == "zip"), gr.update(visible=kind == "folder")), source,
                  [archive, folder], **AT_ONCE)
    preset.input(fill, preset, [filled, *form.fields], **AT_ONCE)
    inputs = [name, source, archive, folder, filled, *form.fields]
    start.click(begin_new, inputs, problem, **AT_ONCE).then(**refreshed)
    resume.click(go_on, inputs, problem, **AT_ONCE).then(**refreshed)
    stop.click(services.trainer.stop, None, None, **AT_ONCE).then(**refreshed)
    timer.tick(**refreshed)
    return timer


def _panel(words: Words, services: Services) -> str:
    preview = services.trainer.preview()
    return training_panel(
        words, services.trainer.status, services.trainer.history(), preview.name if preview else None, services.models_are_kept
    )


def _begin(
    words: Words, services: Services, session: Session, form: Form, resumed: bool, values: tuple[Any, ...]
) -> None:
    """Check what was asked for and start the training.

    Raises:
        CannotTrain, BadZip, Occupied, ParamError: in words or with the key of them.
    """
    name, source, archive, folder, (preset, filled), *fields = values
    model = model_path(str(name or ""), services.models_folder)
    if model is None:
        raise CannotTrain(words("name_wrong", name=str(name or "")))
    if services.trainer.active:
        raise Occupied("running")
    former = services.trainer.status.order
    if resumed and former is not None and former.model == model and former.photos.is_dir():
        services.trainer.start(former, resume=True)
        return
    if resumed and not model.exists():
        raise CannotTrain(words("train_nothing"))
    if not resumed and model.exists():
        raise CannotTrain(words("name_taken", name=model.stem))
    params = resolve(settings=form.settings(fields, filled), preset=preset).params
    photos = _chosen(words, services, folder) if source == "folder" else _unpacked(words, services, session, archive)
    services.trainer.start(Order(model.stem, photos, model, params), resume=resumed)


def _unpacked(words: Words, services: Services, session: Session, upload: str | None) -> Path:
    if not upload:
        raise CannotTrain(words("need_zip"))
    # Only one training runs at a time, so the photographs of the one before are not needed any more.
    for former in services.sessions.training.iterdir():
        shutil.rmtree(former, ignore_errors=True)
    folder = services.sessions.training / secrets.token_hex(8)
    archive = services.sessions.take(session, upload, folder)
    photos = folder / "photographs"
    try:
        unpack(archive, photos, services.max_upload_bytes)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    archive.unlink()
    return photos


def _chosen(words: Words, services: Services, folder: str | None) -> Path:
    if not folder:
        raise CannotTrain(words("need_folder"))
    path = allowed_folders(services.roots).get(folder)
    if path is None:
        raise CannotTrain(words("folder_wrong", folder=folder))
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
