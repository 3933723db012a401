"""A model's own chat template, wrapped so that it takes `compression_ratio` or `thinking_budget`,
whichever was taught, and `reasoning_effort`.

The wrapper stands before the model's own template, which stays as it is, byte for byte. It puts the
text of `ratio_tag` or `budget_tag` at the end of the last user turn and hands the messages on: what
is served is what `Problem.prompt` wrote in training. It uses only what every engine's Jinja knows:
minja prints 0.6 as 0.600000, so the digits are looked up (whole numbers are printed plainly
everywhere); llama.cpp has no `round`; no sandbox lets a template append to a list; vLLM takes a
loop over `content` for a template of images.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cotpress.errors import CotpressError
from cotpress.lm.taught import Budgets
from cotpress.lm.templates import pinned, unpinned
from cotpress.prompts import BUDGET_TAG, RATIO_TAG, budget_tag, ratio_tag

EFFORTS = ("low", "medium", "high")
"""OpenAI's `reasoning_effort`, from short to long."""

UNTRAINED = (0.5, 0.7, 1.0)
"""What the efforts ask for by default, when nothing was trained."""

RATIO, BUDGET = "compression_ratio", "thinking_budget"
"""What the template's arguments are called."""

NO_RATIO = "this model was taught budgets and no ratios"
NO_BUDGET = "this model was taught no budgets"
"""How the template begins to refuse what was not taught."""

Takes = Literal["ratio", "budget", "both"]
"""What a template takes: what the model was taught, ratios where it was taught neither."""

MARK = "{#- cotpress: "
BEGIN = MARK + "what a request asks for is written into the last user turn -#}\n"
END = "{#- cotpress: from here on it is the model's own template #}\n"

HEAD = '{%- set cotpress = namespace(tag="", number=0, last=-1, messages=[]) -%}\n'
ONE = """\
{%- if __RATIO_SENT__ and __BUDGET_SENT__ -%}
    {{- raise_exception("compression_ratio and thinking_budget are both set: send one of them") -}}
{%- endif -%}
"""
RATIOS = """\
{%- if __RATIO_SENT__ -%}
    {%- set whole = compression_ratio is not boolean and compression_ratio in [1, "1", "1.0", "1.00"] -%}
    {%- for tenths in range(10) -%}
        {%- for hundredths in range(10) -%}
            {%- set written = "0." ~ tenths ~ hundredths -%}
            {%- set short = written if hundredths > 0 else "0." ~ tenths -%}
            {%- if tenths + hundredths > 0 and compression_ratio in [(tenths * 10 + hundredths) / 100.0, written, short] -%}
                {%- set cotpress.tag = __BEFORE__ + short + __AFTER__ -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if cotpress.tag == "" and not whole -%}
        {{- raise_exception("compression_ratio " ~ compression_ratio ~ " is not a fraction of kept tokens: \
send a number above 0 and at most 1 with at most two decimals, such as 0.6") -}}
    {%- endif -%}
{%- endif -%}
"""
NO_RATIOS = """\
{%- if __RATIO_SENT__ and (compression_ratio is boolean or compression_ratio not in [1, "1", "1.0", "1.00"]) -%}
    {{- raise_exception("__NO_RATIO__: send thinking_budget instead of compression_ratio") -}}
{%- endif -%}
"""
BUDGETS = """\
{%- if __BUDGET_SENT__ -%}
    {%- if thinking_budget is string -%}
        {%- set cotpress.number = thinking_budget | int -%}
    {%- elif thinking_budget is integer and thinking_budget is not boolean -%}
        {%- set cotpress.number = thinking_budget -%}
    {%- endif -%}
    {%- if cotpress.number < 1 or (cotpress.number ~ "") != (thinking_budget ~ "") -%}
        {{- raise_exception("thinking_budget " ~ thinking_budget ~ " is not a number of tokens: \
send a whole number of at least 1, such as 256") -}}
    {%- endif -%}
    {%- set cotpress.tag = __BEFORE__ + (cotpress.number ~ "") + __AFTER__ -%}
{%- endif -%}
"""
NO_BUDGETS = """\
{%- if __BUDGET_SENT__ -%}
    {{- raise_exception("__NO_BUDGET__: send compression_ratio instead of thinking_budget") -}}
{%- endif -%}
"""
EFFORT = """\
{%- if __NONE_SENT__ and reasoning_effort is defined and reasoning_effort is not none -%}
    {%- set efforts = __EFFORTS__ -%}
    {%- if reasoning_effort not in efforts -%}
        {{- raise_exception("reasoning_effort " ~ reasoning_effort ~ " is not known here: send low, medium or high") -}}
    {%- endif -%}
    {%- set cotpress.tag = efforts[reasoning_effort] -%}
{%- endif -%}
"""
TAG = """\
{%- if cotpress.tag != "" -%}
    {%- for message in messages -%}
        {%- if message.role == "user" -%}{%- set cotpress.last = loop.index0 -%}{%- endif -%}
    {%- endfor -%}
    {%- if cotpress.last < 0 -%}
        {{- raise_exception("what is asked for is written at the end of the last user message, and there is none") -}}
    {%- endif -%}
    {%- for message in messages -%}
        {%- set tag = cotpress.tag -%}
        {%- set tagged = message.content is string and (message.content.endswith(__RATIO_END__) or message.content.endswith(__BUDGET_END__)) -%}
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


def taken(ratios: Sequence[float], budgets: Budgets | None) -> Takes:
    """What the template of a model takes that was taught these."""
    if budgets is None:
        return "ratio"
    return "both" if any(ratio < 1 for ratio in ratios) else "budget"


def wrap(
    own: str,
    efforts: Sequence[float],
    arguments: Mapping[str, Any] | None = None,
    takes: Takes = "ratio",
) -> str:
    """The template that takes a ratio, a budget, or either; `efforts` are the ratios of low, medium
    and high (the budgets, where no ratio is taken), `arguments` what the template was told in
    training (`enable_thinking`), unless a request says otherwise.

    A wrapped template is wrapped anew. One that reads `reasoning_effort` itself keeps it for
    itself, and so does one that reads `thinking_budget` where no budgets are taken. One that writes
    the date gets that of training (`lm.templates.PINNED`).
    """
    own = unwrap(own)
    for name in (RATIO, BUDGET) if takes != "ratio" else (RATIO,):
        if reads(own, name):
            cure = "put the model's original chat_template.jinja back"
            cure += ", or teach ratios" if name == BUDGET else ""
            raise CotpressError(
                f"the chat template already takes {name}, but cotpress did not write it: {cure}."
            )
    kept = reads(own, BUDGET)
    text = "".join(
        (
            HEAD,
            "" if kept else ONE,
            NO_RATIOS if takes == "budget" else _of(RATIOS, RATIO_TAG),
            "" if kept else NO_BUDGETS if takes == "ratio" else _of(BUDGETS, BUDGET_TAG),
            "" if reads(own, "reasoning_effort") else EFFORT,
            TAG,
        )
    )
    levels = {name: level_tag(level, takes) for name, level in zip(EFFORTS, efforts, strict=True)}
    put_in = {
        "__NO_RATIO__": NO_RATIO,
        "__NO_BUDGET__": NO_BUDGET,
        "__EFFORTS__": json.dumps(levels),
        "__NONE_SENT__": "not __RATIO_SENT__" + ("" if kept else " and not __BUDGET_SENT__"),
        "__RATIO_SENT__": f"({RATIO} is defined and {RATIO} is not none)",
        "__BUDGET_SENT__": f"({BUDGET} is defined and {BUDGET} is not none)",
        "__RATIO_END__": json.dumps(RATIO_TAG.partition("{}")[2]),
        "__BUDGET_END__": json.dumps(BUDGET_TAG.partition("{}")[2]),
    }
    for name, said in put_in.items():
        text = text.replace(name, said)
    return BEGIN + _defaults(arguments or {}) + text + END + pinned(own)


def level_tag(level: float, takes: Takes) -> str:
    """What an effort writes into the prompt: a ratio, or where none is taken a budget."""
    if takes != "budget":
        return ratio_tag(level)
    if level != int(level):
        raise CotpressError(
            f"effort {level:g} is not a number of tokens, and the model was taught budgets: write "
            "whole numbers, such as --efforts 64 128 256."
        )
    return budget_tag(int(level))


def _of(part: str, tag: str) -> str:
    """The part of the template with what stands around the number in `tag`."""
    before, after = tag.split("{}")
    return part.replace("__BEFORE__", json.dumps(before)).replace("__AFTER__", json.dumps(after))


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
    return template.startswith(MARK) and END in template


def reads(template: str, variable: str) -> bool:
    """Whether a template mentions a variable."""
    return re.search(rf"\b{variable}\b", template) is not None


def efforts_for(ratios: Sequence[float], budgets: Budgets | None = None) -> tuple[float, ...]:
    """Ratios for low, medium and high: the smallest, middle and largest that were trained; the
    usual budgets where only those were.
    """
    if budgets and taken(ratios, budgets) == "budget":
        return budgets.usual
    trained = sorted(ratios) or list(UNTRAINED)
    return trained[0], trained[(len(trained) - 1) // 2], trained[-1]
