"""Arguments of a chat template as options of a model's spec, `template.enable_thinking=false`: in
`hf`, `vllm` and `http` alike.
"""

import json

from cotpress.plugins import Arguments, Spec, argument

NO_ARGUMENTS: Arguments = {}


def told(template: Arguments) -> str:
    """The arguments as a spec has them, in one order: they belong to a model's name."""
    return "".join(
        f",template.{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in sorted(template.items())
    )


def template_of(spec: Spec) -> Arguments:
    """The arguments of a chat template in a spec."""
    return {
        key.removeprefix("template."): argument(value)
        for key, value in spec.options.items()
        if key.startswith("template.")
    }
