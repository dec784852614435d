"""HTML and JSON of the page: lines of status, the viewer's content, the state of a training."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import quote

from dancheong.app.web.coloring import Photograph
from dancheong.app.web.sessions import Session
from dancheong.app.web.trainer import Status
from dancheong.app.web.translations import Words
from dancheong.report.chart import line_chart

VIEWER_WORDS = (
    "empty", "view_slider", "view_mask", "slider_hint", "zoom_fit", "zoom_full", "download", "download_all", "mask_help",
    "mask_drawn", "brush_glare", "brush_clear", "brush_size", "undo", "recolor", "mask_reset", "photo_of",
)


def status(text: str, kind: str = "note", share: float | None = None) -> str:
    """A line of status. `kind`: note, work, good or bad; `share`: of the work that is done, 0 to 1."""
    bar = "" if share is None else f'<div class="progress"><i style="width:{100 * min(max(share, 0), 1):.1f}%"></i></div>'
    live = "alert" if kind == "bad" else "status"
    return f'<div class="status {kind}" role="{live}"><p>{escape(text)}</p>{bar}</div>' if text else ""


def viewer_value(session: Session, words: Words, photographs: Iterable[Photograph], select: int | None = None) -> str:
    """The viewer's content: photographs before and after, and their addresses."""
    items = [_item(session, words, photograph) for photograph in photographs]
    done = sum(item["done"] for item in items)
    zipped = f"/pictures/{session.key}/all.zip" if done > 1 else ""
    return json.dumps({"items": items, "zip": zipped, "select": select}, ensure_ascii=False)


def _item(session: Session, words: Words, photograph: Photograph) -> dict[str, Any]:
    base, version = f"/pictures/{session.key}/{photograph.number}", f"v={photograph.version}"
    return {
        "number": photograph.number, "name": photograph.name, "done": photograph.result is not None, "error": photograph.error,
        "width": photograph.width_px, "height": photograph.height_px, "version": photograph.version, "drawn": photograph.drawn,
        "left": f"{base}/before/SIZE?{version}", "right": f"{base}/after/SIZE?{version}",
        "mask": f"{base}/mask/SIZE?{version}" if photograph.mask is not None and not photograph.masks_unused else "",
        "mask_note": words("mask_off", why=photograph.masks_unused) if photograph.masks_unused else "",
        "left_label": words("before"), "right_label": words("after"), "facts": facts(words, photograph),
        "download": f"{base}/result" if photograph.result is not None else "", "strokes": f"{base}/strokes",
    }


def compared_value(session: Session, words: Words, pair: tuple[Photograph, Photograph], names: tuple[str, str]) -> str:
    """The viewer's content for two results of the same photograph."""
    left, right = pair
    item = _item(session, words, right) | {
        "left": f"/pictures/{session.key}/{left.number}/after/SIZE?v={left.version}", "mask": "", "mask_note": "",
        "download": "", "left_label": names[0], "right_label": names[1], "error": left.error or right.error,
        "done": left.result is not None and right.result is not None,
        "facts": f"{right.name} · {right.width_px} × {right.height_px} px",
    }
    return json.dumps({"items": [item], "zip": "", "select": right.number}, ensure_ascii=False)


def facts(words: Words, photograph: Photograph) -> str:
    """Name, size, time and light reflection of one photograph."""
    size = f"{photograph.width_px} × {photograph.height_px} px"
    parts = [photograph.name, size, words("seconds", seconds=photograph.seconds)]
    if photograph.masks_unused:
        parts.append(words("mask_off", why=photograph.masks_unused))
    elif photograph.glare_share is not None:
        share = f"{100 * photograph.glare_share:.2g}"
        key = "glare_abstained" if photograph.abstained else "glare_share" if photograph.glare_share > 0 else "glare_none"
        parts.append(words(key, share=share))
    return " · ".join(parts)


def table(head: list[str], rows: list[list[str]], note: str = "") -> str:
    """A small table; the first cell of a row is its heading."""
    top = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    foot = f"<p>{escape(note)}</p>" if note else ""
    return f"<div class='scores'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{foot}</div>"


def training_panel(
    words: Words, look: Status, history: list[dict[str, float]], preview: str | None, models_are_kept: bool
) -> str:
    """The state of the training: progress, charts of the losses, the newest preview, photographs that were left out.

    Args:
        preview: name of the newest preview's file; None where there is none yet.
    """
    if look.order is None:
        return status(words("train_idle"))
    lines = [_training_status(words, look)]
    losses = {
        "l1": "chart_l1", "val_l1": "chart_l1", "d_real": "chart_gan", "d_fake": "chart_gan", "g_gan": "chart_gan",
    }
    for chart in ("chart_l1", "chart_gan"):
        series = {
            name: [(entry["images"], entry[name]) for entry in history if name in entry]
            for name, its_chart in losses.items() if its_chart == chart
        }
        series = {words(f"loss_{name}"): points for name, points in series.items() if points}
        if series:
            drawing = line_chart(series, words("chart_x"), words(chart), words("chart_summary"))
            lines.append(f"<div class='drawing'>{drawing}</div>")
    if preview is not None:
        # The name changes with the picture: a browser asks again only for a new one.
        lines.append(f'<figure><img class="preview" src="/training/preview?{quote(preview)}" alt="{escape(words("preview"))}">'
                     f'<figcaption>{escape(words("preview"))}</figcaption></figure>')
    if look.refusals:
        file, reason = look.refusals[0]
        lines.append(status(words("left_out", count=len(look.refusals), first=f"{file}: {reason}")))
    if look.state in ("done", "stopped"):
        name = look.order.model.name
        lines.append(f'<p><a class="get strong" href="/training/model" download="{escape(name)}">'
                     f'{escape(words("model_download"))}</a></p>')
        if not models_are_kept:
            lines.append(status(words("model_temporary")))
    return "".join(lines)


def _training_status(words: Words, look: Status) -> str:
    name = look.order.name if look.order else ""
    if look.state == "failed":
        return status(words("train_failed", name=name, reason=look.message), "bad")
    if look.state in ("done", "stopped"):
        return status(words(f"train_{look.state}", name=name), "good", _share(look))
    progress = look.progress
    if progress is None:
        return status(words("train_begins" if look.state == "running" else "train_stopping", name=name), "work", 0)
    left = (progress.images_total - progress.images_seen) / max(progress.images_per_second, 1e-9) / 60
    text = " · ".join([
        words("train_stopping" if look.state == "stopping" else "train_running", name=name),
        words("images", seen=progress.images_seen, total=progress.images_total),
        words("rate", rate=f"{progress.images_per_second:.1f}"), words("time_left", minutes=f"{left:.1f}"),
    ])
    advice = status(look.message) if look.message else ""
    return status(text, "work", _share(look)) + advice


def _share(look: Status) -> float | None:
    progress = look.progress
    return None if progress is None else progress.images_seen / max(progress.images_total, 1)
