"""The page itself, drawn with gradio, which is imported here alone and late.

Nothing leaves the machine and nothing comes from other hosts: gradio's analytics are off, its fonts
are the system's, and there is no share link.
"""

import os
from collections.abc import Iterator
from textwrap import shorten
from typing import Any

from cotpress.errors import CotpressError
from cotpress.play.control import Control
from cotpress.play.session import Playground, View
from cotpress.play.shown import as_html, summary
from cotpress.plugins import PACKAGE, require

WHAT = "the page of `cotpress play`"
SANS = ("system-ui", "sans-serif")
MONO = ("ui-monospace", "monospace")
SIDE, BUTTON = 320, 120
"""Pixels that an answer and a button need; narrower screens stack them."""
LABEL, SHOWN = 110, 6
"""Letters of an example, and examples at once."""
PORTS = 100
"""Ports from the first one on of which the first free one is taken, as gradio has it."""


def page(playground: Playground) -> Any:
    """The page as gradio's `Blocks`; `MissingExtra` where gradio is not installed."""
    gr = _gradio()
    control = playground.control

    def ask(question: str, reference: str, value: float = 0.0) -> Iterator[tuple[str, str, str]]:
        try:
            for pair in playground.ask(question, reference, value):
                yield as_html(pair[0]), as_html(pair[1]), summary(pair)
        except CotpressError as error:
            raise gr.Error(str(error), duration=None, print_exception=False) from None

    first = playground.examples[0] if playground.examples else None
    empty = [as_html(View(player.title)) for player in playground.players(control.usual)]
    with gr.Blocks(title="cotpress play", analytics_enabled=False) as blocks:
        gr.HTML(f"<h1>cotpress play</h1><p>{_about(control)}</p>", elem_classes="head")
        with gr.Row():
            question = gr.Textbox(
                first.question if first else "", label="Question", lines=4, scale=3
            )
            with gr.Column(scale=2):
                reference = gr.Textbox(
                    first.answer if first else "", label="Reference answer (may be empty)"
                )
                sliders = [_slider(gr, control)] if control.kind else []
        with gr.Row():
            go = gr.Button("Ask both", variant="primary", scale=0, min_width=BUTTON)
            stop = gr.Button("Stop", scale=0, min_width=BUTTON)
        total = gr.HTML(elem_classes="total")
        with gr.Row(equal_height=False):
            sides = []
            for html in empty:
                with gr.Column(min_width=SIDE):
                    sides.append(gr.HTML(html, elem_classes="side"))
        if examples := playground.examples:
            samples = [[problem.question, problem.answer] for problem in examples]
            labels = [shorten(problem.question, LABEL, placeholder="…") for problem in examples]
            gr.Examples(
                samples,
                [question, reference],
                example_labels=labels,
                examples_per_page=SHOWN,
                elem_id="examples",
                api_visibility="private",
            )
        asked = gr.on(
            [go.click, question.submit],
            ask,
            [question, reference, *sliders],
            [*sides, total],
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=1,
        )
        stop.click(None, cancels=[asked], api_visibility="private")
    return blocks


def serve(playground: Playground, host: str, port: int | None) -> tuple[Any, str]:
    """Start to serve the page, and say under which URL; `CotpressError` where the port is taken.

    `port` None: the first free one from gradio's usual one on.
    """
    gr = _gradio()
    blocks = page(playground)
    theme = gr.themes.Base(
        primary_hue="blue", neutral_hue="gray", font=list(SANS), font_mono=list(MONO)
    )
    try:
        _, url, _ = blocks.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            footer_links=[],
            theme=theme,
            css=(PACKAGE / "assets" / "play" / "page.css").read_text(encoding="utf-8"),
        )
    except OSError as error:
        where = f"port {port}" if port else f"any of {PORTS} ports"
        raise CotpressError(
            f"cannot serve the page at {host} on {where} ({error}): choose another --port or "
            "--host."
        ) from error
    return blocks, str(url)


def _gradio() -> Any:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    return require("gradio", WHAT)


def _slider(gr: Any, control: Control) -> Any:
    label = "Ratio: share of the reasoning to keep"
    if control.kind == "budget":
        label = "Budget: reasoning tokens to spend"
    return gr.Slider(
        control.least, control.most, control.usual, step=control.step, label=label, buttons=[]
    )


def _about(control: Control) -> str:
    """What is known of the model, above the page."""
    known = "The same question to both models, greedily decoded."
    if control.taught:
        return f"{known} The shortened one was taught {control.taught}."
    return (
        f"{known} What the shortened one was taught is not recorded here: it may not know "
        f"{control.kind}s."
    )
