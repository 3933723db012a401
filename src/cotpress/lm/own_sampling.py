"""Sampling as a model's authors mean it: what its generation_config.json says of temperature and of
which tokens are drawn from.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from cotpress.errors import CotpressError
from cotpress.lm.contract import Model, Sampling

TAKEN = ("temperature", "top_p", "top_k", "min_p")
"""Fields of generation_config.json that are fields of `Sampling`, too; one that it does not name
is off."""

PASSED_OVER = ("repetition_penalty", "no_repeat_ngram_size", "typical_p", "epsilon_cutoff")
"""What would reshape the distribution, too, and no backend here is asked for."""


def own_sampling(model: Model, sampling: Sampling) -> tuple[Sampling, str]:
    """`sampling` with what the model's own generation_config.json says in place of its temperature,
    top-p, top-k and min-p; and a sentence that says so.

    `do_sample: false` means greedy, and `do_sample: true` without a temperature means 1.0, as in
    transformers. `CotpressError` where the model has no such file, or the file none of the fields.
    """
    said: Mapping[str, Any] = getattr(model, "generation_config", None) or {}
    known = {name: said[name] for name in TAKEN if _is_number(said.get(name))}
    greedy = said.get("do_sample") is False
    if not (known or greedy or said.get("do_sample")):
        raise CotpressError(
            f"model {model.name} has no generation_config.json that says how to sample: name "
            "--temperature and the rest yourself, as its card does."
        )
    taken = dict.fromkeys(TAKEN, 0) | {"temperature": 1.0, "top_p": 1.0} | known
    if greedy:
        taken["temperature"] = 0.0
    found = msgspec.structs.replace(
        sampling,
        temperature=float(taken["temperature"]),
        top_p=float(taken["top_p"]),
        top_k=int(taken["top_k"]),
        min_p=float(taken["min_p"]),
    )
    words = ", ".join(f"{name} {getattr(found, name):g}" for name in TAKEN)
    over = [f"{name} {said[name]:g}" for name in PASSED_OVER if _reshapes(said.get(name))]
    sentence = f"{words}, from the generation_config.json of {model.name}"
    return found, sentence + (f"; not taken: {', '.join(over)}" if over else "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _reshapes(value: object) -> bool:
    """Whether a field is set to something else than what leaves the distribution as it is."""
    return _is_number(value) and value not in (0, 1)
