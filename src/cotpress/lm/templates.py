"""Chat templates as programs of strangers: tried once in a child process, with the date pinned, and
a plain one for models that have none.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from cotpress.errors import CotpressError

SECONDS = 10.0
"""How long a template may take for one short question."""

MEMORY = 2**30
"""How many bytes it may take."""

PINNED = date(2024, 7, 26)
"""The date that a template writes into a prompt: training and serving must not drift apart by a
day. It is the one that Llama 3.1's template has by default.
"""

NOW = re.compile(r"\bstrftime_now\s*\(\s*(?:'([^']*)'|\"([^\"]*)\")")
"""Where a template asks for today's date, and in what form."""

PIN = "{#- cotpress: the date of every prompt -#}\n"
END_OF_PIN = "{#- cotpress: from here on the date is pinned #}\n"

PLAIN = """\
{%- for message in messages -%}
{{ message.content }}{% if message.role == "assistant" %}{{ eos_token }}{% endif %}{{ "\\n" }}
{%- endfor -%}
"""
"""For a base model: turns on lines of their own, an answer ends with the end of the text."""

CURE = "put the model's own chat_template.jinja back, or another one"


def plain(bos: str = "") -> str:
    """The template of a model that has none; `bos` begins each of its texts, where it has one."""
    return (f"{{{{- {json.dumps(bos)} }}}}\n" if bos else "") + PLAIN


def checked(template: str, tokens: Mapping[str, str], name: str) -> str:
    """The template, its date pinned; `CotpressError` where it fails, never ends or takes gigabytes
    for one short question. `tokens` are its special tokens by name, `name` is whose it is.
    """
    if wrong := _trouble(template, json.dumps(dict(tokens), sort_keys=True)):
        raise CotpressError(f"the chat template of {name} {wrong}: {CURE}.")
    return pinned(template)


def dated(template: str) -> bool:
    """Whether a template writes today's date."""
    return "strftime_now" in template and not template.startswith(PIN)


def pinned(template: str) -> str:
    """The template with `PINNED` in place of today's date; another is returned as it is."""
    if not dated(template):
        return template
    forms = dict.fromkeys(one or other for one, other in NOW.findall(template))
    cases = "".join(
        f"{{%- {'elif' if i else 'if'} format == {json.dumps(form)} -%}}"
        f"{{{{- {json.dumps(PINNED.strftime(form))} -}}}}\n"
        for i, form in enumerate(forms)
    )
    usual = f"{{{{- {json.dumps(PINNED.isoformat())} -}}}}\n"
    chosen = f"{cases}{{%- else -%}}{usual}{{%- endif -%}}\n" if forms else usual
    macro = f"{{%- macro strftime_now(format) -%}}\n{chosen}{{%- endmacro -%}}\n"
    return PIN + macro + END_OF_PIN + template


def unpinned(template: str) -> str:
    """The model's own template."""
    return template.partition(END_OF_PIN)[2] if template.startswith(PIN) else template


@lru_cache(maxsize=64)
def _trouble(template: str, tokens: str) -> str:
    """What is wrong with a template, tried in a process of its own."""
    asked: dict[str, Any] = {"template": template, "tokens": json.loads(tokens), "memory": MEMORY}
    child = Path(__file__).with_name("_template_child.py")
    try:
        done = subprocess.run(
            [sys.executable, str(child)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"does not end within {SECONDS:g} s"
    if done.returncode:
        return "takes too much memory"
    return str(json.loads(done.stdout))
