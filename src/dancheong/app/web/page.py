"""The whole page in one language."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from dancheong.app.web.color_tab import color_tab
from dancheong.app.web.compare_tab import compare_tab
from dancheong.app.web.services import AT_ONCE, Services
from dancheong.app.web.train_tab import train_tab
from dancheong.app.web.translations import LANGUAGES, Words

STYLE = Path(__file__).with_name("page.css")
_FONTS = ("system-ui", "Segoe UI", "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans CJK KR", "NanumGothic", "sans-serif")


def build(language: str, services: Services) -> Any:
    """The page in one of LANGUAGES, as gradio Blocks."""
    words = Words(language)
    with gr.Blocks(title=f"dancheong · {words('title')}", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(_head(words), apply_default_css=False, elem_id="head")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(words("tab_color"), id="color"):
                model = color_tab(words, services)
            with gr.Tab(words("tab_train"), id="train"):
                timer = train_tab(words, services)
            with gr.Tab(words("tab_compare"), id="compare"):
                compared = compare_tab(words, services)
        gr.HTML(f'<p class="promise">{escape(words("promise"))}</p>', apply_default_css=False, elem_id="foot")
        _keep_models_current(services, timer, [model, *compared], page)

        def leave(request: gr.Request) -> None:
            services.sessions.leave(request.session_hash or "")

        page.unload(leave)
    return page


def _keep_models_current(services: Services, timer: Any, dropdowns: list[Any], page: gr.Blocks) -> None:
    """Offer models that were trained meanwhile, without loading the page again."""
    known = gr.State([])

    def refresh(request: gr.Request, before: list[str], *chosen: Any) -> Any:
        names = list(services.models_for(services.sessions.find(request.session_hash or "")))
        if names == before:
            return [gr.skip()] * (1 + len(chosen))
        # The choice itself is not sent back, because the visitor may have made another one meanwhile.
        first = names[0] if names else None
        return [names, *(
            gr.update(choices=names) if name in names else gr.update(choices=names, value=first) for name in chosen
        )]

    gr.on([page.load, timer.tick], refresh, [known, *dropdowns], [known, *dropdowns], **AT_ONCE)


def _head(words: Words) -> str:
    other = next(language for language in LANGUAGES if language != words.language)
    return (
        '<div class="band" aria-hidden="true"></div><header class="masthead">'
        f'<h1><b lang="ko">단청</b> <span>dancheong</span></h1><p>{escape(words("title"))}</p>'
        f'<a class="language" lang="{other}" href="/{other}/" title="{escape(words("other_language_hint"))}">'
        f'{escape(words("other_language"))}</a></header>'
    )


def theme() -> Any:
    """Colors of paper and of green beams; fonts of the visitor's own computer."""
    return gr.themes.Base(
        primary_hue=gr.themes.Color(*GREEN, name="beam"), neutral_hue=gr.themes.Color(*PAPER, name="paper"),
        font=list(_FONTS), font_mono=["ui-monospace", "Consolas", "monospace"], radius_size="md", text_size="lg",
    )


GREEN = (
    "#f0f6f3", "#dcebe4", "#bcd8cb", "#8fbda9", "#5f9c83", "#3d8067", "#2b6f55", "#245a46", "#1f493a", "#1a3c30", "#0d211a"
)
PAPER = (
    "#fbfaf6", "#f4f1e9", "#e7e2d6", "#d5cebf", "#a89f8f", "#7d766a", "#625c52", "#4b463f", "#35322d", "#23211e", "#151412"
)


def head(language: str) -> str:
    """A script for the page's <head> that gives gradio's own texts the page's language instead of the browser's."""
    tag = {"en": "en-US", "ko": "ko-KR"}[language]
    return (
        f"<script>document.documentElement.lang='{language}';"
        f"for(const [key,value] of [['language','{tag}'],['languages',['{tag}']]])"
        "Object.defineProperty(navigator,key,{get:()=>value,configurable:true});</script>"
    )
