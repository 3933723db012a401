"""A model's own chat template, wrapped so that it takes `compression_ratio` and `reasoning_effort`.

The wrapper stands before the model's own template, which stays as it is, byte for byte. It puts the
text of `ratio_tag` at the end of the last user turn and hands the messages on: what is served is
what `Problem.prompt` wrote in training. It uses only what every engine's Jinja knows: minja prints
0.6 as 0.600000, so the digits are looked up; llama.cpp has no `round`; no sandbox lets a template
append to a list; vLLM takes a loop over `content` for a template of images.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cotpress.errors import CotpressError
from cotpress.lm.templates import pinned, unpinned
from cotpress.prompts import RATIO_TAG, ratio_tag

EFFORTS = ("low", "medium", "high")
"""OpenAI's `reasoning_effort`, from short to long."""

UNTRAINED = (0.5, 0.7, 1.0)
"""What the efforts ask for where nobody says and no ratios were trained."""

TAKES = "compression_ratio"

BEGIN = (
    "{#- cotpress: compression_ratio or reasoning_effort writes how much "
    "reasoning to keep into the last user turn -#}\n"
)
END = "{#- cotpress: from here on it is the model's own template #}\n"

RATIO = """\
{%- set cotpress = namespace(ratio="", last=-1, messages=[]) -%}
{%- if compression_ratio is defined and compression_ratio is not none -%}
    {%- set whole = compression_ratio is not boolean and compression_ratio in [1, "1", "1.0", "1.00"] -%}
    {%- for tenths in range(10) -%}
        {%- for hundredths in range(10) -%}
            {%- set written = "0." ~ tenths ~ hundredths -%}
            {%- set short = written if hundredths > 0 else "0." ~ tenths -%}
            {%- if tenths + hundredths > 0 and compression_ratio in [(tenths * 10 + hundredths) / 100.0, written, short] -%}
                {%- set cotpress.ratio = short -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if cotpress.ratio == "" and not whole -%}
        {{- raise_exception("compression_ratio " ~ compression_ratio ~ " is not a fraction of kept tokens: \
send a number above 0 and at most 1 with at most two decimals, such as 0.6") -}}
    {%- endif -%}
"""
EFFORT = """\
{%- elif reasoning_effort is defined and reasoning_effort is not none -%}
    {%- set efforts = __EFFORTS__ -%}
    {%- if reasoning_effort not in efforts -%}
        {{- raise_exception("reasoning_effort " ~ reasoning_effort ~ " is not known here: send low, medium or high") -}}
    {%- endif -%}
    {%- set cotpress.ratio = efforts[reasoning_effort] -%}
"""
TAG = """\
{%- endif -%}
{%- if cotpress.ratio != "" -%}
    {%- for message in messages -%}
        {%- if message.role == "user" -%}{%- set cotpress.last = loop.index0 -%}{%- endif -%}
    {%- endfor -%}
    {%- if cotpress.last < 0 -%}
        {{- raise_exception("compression_ratio is written at the end of the last user message, and there is none") -}}
    {%- endif -%}
    {%- for message in messages -%}
        {%- set tag = __BEFORE__ + cotpress.ratio + __AFTER__ -%}
        {%- set tagged = message.content is string and message.content.endswith(__AFTER__) -%}
        {%- if loop.index0 != cotpress.last or tagged -%}
            {%- set cotpress.messages = cotpress.messages + [message] -%}
        {%- elif message.content is string -%}
            {%- set cotpress.messages = cotpress.messages + [{"role": "user", "content": message.content + tag}] -%}
        {%- else -%}
            {%- set part = {"type": "text", "text": tag} -%}
            {%- set parts = message.content + [part] -%}
            {%- if message.content[-1].type == "text" -%}
                {%- set part = {"type": "text", "text": message.content[-1].text + tag} -%}
                {%- set parts = message.content[:-1] + [part] -%}
            {%- endif -%}
            {%- set cotpress.messages = cotpress.messages + [{"role": "user", "content": parts}] -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set messages = cotpress.messages -%}
{%- endif -%}
"""


def wrap(own: str, efforts: Sequence[float], arguments: Mapping[str, Any] | None = None) -> str:
    """The template that takes the ratio; `efforts` are the ratios of low, medium and high,
    `arguments` what the template was told in training (`enable_thinking`), unless a request says
    otherwise.

    A wrapped template is wrapped anew. One that reads `reasoning_effort` itself keeps it for
    itself. One that writes the date gets that of training (`lm.templates.PINNED`).
    """
    own = unwrap(own)
    if reads(own, TAKES):
        raise CotpressError(
            f"the chat template already takes {TAKES}, but cotpress did not write it: "
            "put the model's original chat_template.jinja back."
        )
    before, after = RATIO_TAG.split("{}")
    asked = [ratio_tag(ratio).removeprefix(before).removesuffix(after) for ratio in efforts]
    levels = json.dumps(dict(zip(EFFORTS, asked, strict=True)))
    effort = "" if reads(own, "reasoning_effort") else EFFORT.replace("__EFFORTS__", levels)
    tag = TAG.replace("__BEFORE__", json.dumps(before)).replace("__AFTER__", json.dumps(after))
    return BEGIN + _defaults(arguments or {}) + RATIO + effort + tag + END + pinned(own)


def _defaults(arguments: Mapping[str, Any]) -> str:
    """Sets the arguments that a request does not name."""
    return "".join(
        f"{{%- if {name} is not defined -%}}"
        f"{{%- set {name} = {'none' if value is None else json.dumps(value)} -%}}{{%- endif -%}}\n"
        for name, value in sorted(arguments.items())
    )


def unwrap(template: str) -> str:
    """The model's own template; one that is not wrapped is returned as it is."""
    return unpinned(template.partition(END)[2]) if is_wrapped(template) else template


def is_wrapped(template: str) -> bool:
    """Whether `wrap` wrote it."""
    return template.startswith(BEGIN) and END in template


def reads(template: str, variable: str) -> bool:
    """Whether a template mentions a variable."""
    return re.search(rf"\b{variable}\b", template) is not None


def efforts_for(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Ratios for low, medium and high: the smallest, middle and largest that were trained."""
    trained = sorted(ratios) or list(UNTRAINED)
    return trained[0], trained[(len(trained) - 1) // 2], trained[-1]
