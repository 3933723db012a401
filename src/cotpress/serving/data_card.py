"""The README.md of training examples on the Hub: what they are, and what they were made with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cotpress import storage
from cotpress.serving.model_card import TAGS, escaped

SHOWN = ("draw", "ratios", "control", "think", "format", "target", "seed")
"""Options of `build` that say what the rows are; others may hold paths of this machine."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What the card needs of the meta file of a finished output."""

    version: str
    counts: dict[str, Any]
    options: dict[str, Any]


def data_card(name: str, out: Path) -> str:
    """Markdown with the Hub's metadata, from the meta file beside the finished rows `out`.

    `name` is the title. Paths of this machine are left out.
    """
    made = msgspec.json.decode(storage.meta_path(out).read_bytes(), type=Made)
    metadata = {
        "configs": [{"config_name": "default", "data_files": out.name}],
        "task_categories": ["text-generation"],
        "tags": list(TAGS),
    }
    head = yaml.safe_dump(metadata, allow_unicode=True, sort_keys=False)
    return f"---\n{head}---\n\n# {escaped(name)}\n\n" + "\n".join(_about(made, out)) + "\n"


def _about(made: Made, out: Path) -> Iterator[str]:
    counts, dropped = made.counts, made.counts["dropped"]
    yield (
        "Examples that teach a language model to reason in fewer tokens: each row is a question "
        "and a shortened answer to it.\n"
    )
    yield f"- rows: {counts['out']}, in {escaped(out.name)}, from {counts['in']} traces"
    if dropped:
        left = ", ".join(f"{count} ({why})" for why, count in sorted(dropped.items()))
        yield f"- left out: {escaped(left)}"
    options = {key: made.options.get(key) for key in SHOWN}
    target = Path((made.options.get("target") or "").removeprefix("hf:"))
    if target.exists():
        options["target"] = target.name
    said = ", ".join(
        f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in options.items()
        if value not in (None, "", [])
    )
    yield f"- made by: `cotpress build`, version {escaped(made.version)}: {escaped(said)}"
    yield (
        "- licence: that of the questions' data set, and of the model that wrote the reasoning; "
        "say both here"
    )
