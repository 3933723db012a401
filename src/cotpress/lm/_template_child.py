"""Renders a chat template once, in a process of its own that has little memory: run as a script.

On standard input JSON with the template and its special tokens; on standard output JSON with what
went wrong, or nothing. A template is a stranger's program: one may never end, another write
gigabytes.
"""

import contextlib
import datetime
import json
import re
import sys

LONGEST = 1_000_000
"""Characters that a chat of two short turns may become."""

CHAT = [{"role": "user", "content": "What is 2 + 3?"}]


def main() -> None:
    """Render, and say what went wrong."""
    asked = json.loads(sys.stdin.read())
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (asked["memory"], asked["memory"]))
    print(json.dumps(trouble(asked["template"], asked["tokens"])))


def trouble(template: str, tokens: dict[str, str]) -> str:
    """What is wrong with a template; empty where it writes a prompt."""
    import jinja2
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    env.filters["tojson"] = lambda value, **how: json.dumps(value, ensure_ascii=False)
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda how: datetime.date(2024, 7, 26).strftime(how)
    # what transformers knows beside Jinja: which part the model wrote
    plain = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template)
    try:
        text = env.from_string(plain).render(messages=CHAT, add_generation_prompt=True, **tokens)
    except MemoryError:
        return "takes too much memory"
    except Exception as error:
        return f"fails: {' '.join(str(error).split()) or type(error).__name__}"
    if len(text) > LONGEST:
        return f"writes {len(text):,} characters for one short question"
    return ""


if __name__ == "__main__":
    main()
