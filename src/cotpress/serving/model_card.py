"""The README.md of an exported model: what it is, what shorter reasoning costs, how it is
served.

Names and texts of files stand in it, so they are escaped: none can add metadata, a link, a column
or a command.
"""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from cotpress.lm.adapters import Lora
from cotpress.methods import ORIGINAL, method
from cotpress.records import Asked, EvalRow
from cotpress.serving.adapter import command
from cotpress.serving.chat_template import BUDGET, RATIO, taken
from cotpress.shown import shown
from cotpress.training.options import TrainSummary

OURS = "made by cotpress, Apache-2.0"

COMPETITION = "of the Mathematical Association of America; see the data set's card"

LICENCES = {
    "aime24": COMPETITION,
    "aime25": COMPETITION,
    "amc23": COMPETITION,
    "arithmetic": OURS,
    "gpqa-diamond": "CC BY 4.0",
    "gsm-symbolic": "made by reasoning-gym, Apache-2.0",
    "gsm8k": "MIT",
    "math500": "MIT",
    "hub": "see the data set's card",
    "maze": OURS,
    "olympiadbench": "see the data set's card",
    "overthink": OURS,
    "prontoqa": OURS,
    "prosqa": OURS,
    "prosqa:": "MIT",
}
"""Of the problems of the tasks; a name with a colon is that of a file in the released format."""

TAGS = ("cotpress", "chain-of-thought-compression")
"""What the Hub finds our models and data sets by."""

HEAD = """\
---
{metadata}---

# {name}

{what}
"""

SHORTER = """\
A model whose reasoning length is set per request: `compression_ratio` (above 0, at most 1, two decimals) asks for that
fraction of the reasoning tokens; without it the model reasons at full length. `reasoning_effort` stands for: {efforts}.
"""

BUDGETED = """\
A model whose reasoning length is set per request: `thinking_budget` asks for so many reasoning tokens; it was taught
{budgets} of them, and never the question without a budget: always send one. `reasoning_effort` stands for: {efforts} tokens.
"""

EITHER = """\
A model whose reasoning length is set per request, in one of two ways: `compression_ratio` (above 0, at most 1, two
decimals) asks for that fraction of the reasoning tokens, `thinking_budget` for so many of them ({budgets} were taught);
without either the model reasons at full length. `reasoning_effort` stands for the ratios: {efforts}.
"""

LATENT = """\
A model that may write the beginning of its reasoning as latent tokens, `<boLatent><|latent_3|>…<eoLatent>`, of which it
knows {codebook}. How many is its own choice. Its chat template takes `compression_ratio`, but it was taught none below 1.
"""

FULL = """\
A model that reasons at full length. Its chat template takes `compression_ratio`, but it was taught none below 1.
"""

UNASKED = """\
A model that decides by itself how long it reasons. {sentence} Its chat template takes `compression_ratio`, but it was
taught none.
"""

SERVE = """
## Serving

{asked}The {kind} is a variable of the chat template; no other code is needed. It becomes the text {tag} at the end of
the last user turn, which is also how to ask where template variables cannot be sent (Ollama, many gateways).

```
{start}
curl localhost:8000/v1/chat/completions -H 'Content-Type: application/json' -d '{{"model": {quoted},
  "messages": [{{"role": "user", "content": "…"}}], "chat_template_kwargs": {{"{variable}": {value}}}}}'
```

{elsewhere}
```python
ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, {variable}={value})
```

`cotpress doctor server http://localhost:8000` says whether a server passes the {kind} on.
"""

MERGED = "vllm serve {word}                                       # or: transformers serve, sglang"
GGUF = """\
```
python convert_hf_to_gguf.py {word} --outfile {gguf}      # of llama.cpp
llama-server -m {gguf} --jinja --chat-template-kwargs '{{"{variable}": {value}}}'
```
"""
ON_ITS_BASE = """\
The folder holds a LoRA adapter, which the server puts on its base, unmerged. For llama.cpp and servers without
adapters export the model merged.
"""


def model_card(
    name: str,
    efforts: Mapping[str, float],
    trained: TrainSummary | None,
    rows: Sequence[EvalRow] = (),
    blend: float | None = None,
    lora: Lora | None = None,
) -> str:
    """Markdown with the Hub's metadata; figures only from `rows`. `blend` is the weight of the
    trained model where the exported one is a blend; `lora` its adapter, where that is all there is.
    """
    base = trained.base.removeprefix("hf:") if trained else ""
    on_hub = re.fullmatch(r"\w[\w.-]*/[\w.-]+", base, re.ASCII) and not Path(base).exists()
    metadata = {
        "library_name": "peft" if lora else "transformers",
        "pipeline_tag": "text-generation",
        "tags": list(TAGS),
        **({"base_model": base} if on_hub else {}),
        **_model_index(name, trained.method if trained else ORIGINAL, rows),
    }
    head = HEAD.format(
        metadata=yaml.safe_dump(metadata, allow_unicode=True, sort_keys=False),
        name=escaped(name),
        what=_what(efforts, trained),
    )
    medium = efforts["medium"]
    if trained and taken(trained.ratios, trained.budgets) == "budget":
        kind, variable, example = "budget", BUDGET, Asked(budget=int(medium))
    else:
        kind, variable, example = "ratio", RATIO, Asked(ratio=medium if medium < 1 else 0.6)
    value, word = f"{example.budget or example.ratio:g}", shlex.quote(shown(name))
    gguf = shlex.quote(shown(f"{name}.gguf"))
    elsewhere = GGUF.format(word=word, gguf=gguf, variable=variable, value=value)
    serve = SERVE.format(
        start=command(lora, name, name, base if on_hub else Path(lora.base).name)
        if lora
        else MERGED.format(word=word),
        elsewhere=ON_ITS_BASE if lora else elsewhere,
        quoted=_quoted(name).replace("'", "'\\''"),
        asked=_asked(trained),
        kind=kind,
        variable=variable,
        value=value,
        tag=f"`{example.tag.strip()}` on a line of its own",
    )
    about = [*_about(trained, base if on_hub else Path(base).name)] if trained else [UNTRAINED]
    about += [] if blend is None else [BLENDED.format(blend, 1 - blend)]
    return head + "\n".join([*about, *_table(rows)]) + "\n" + serve


def _model_index(name: str, method: str, rows: Iterable[EvalRow]) -> dict[str, Any]:
    """The Hub's evaluation results, of the rows of this very model: one for each task, with two
    metrics for whatever was asked. Empty without rows, and where they are of several models.
    """
    own = [row for row in rows if row.method == method]
    if len({row.setting.model for row in own}) != 1:
        return {}
    tasks = dict.fromkeys(row.task for row in own)
    results = [
        {
            "task": {"type": "text-generation", "name": "Text generation"},
            "dataset": {"type": _data_set(task), "name": _line(task)},
            "metrics": [one for row in own if row.task == task for one in _metrics(row)],
        }
        for task in tasks
    ]
    return {"model-index": [{"name": _line(name), "results": results}]}


def _data_set(task: str) -> str:
    """A data set's name on the Hub, where the task says so; else the task's own name."""
    name, _, rest = task.partition(",")[0].partition(":")
    return _line(rest if name == "hub" and rest else name)


def _metrics(row: EvalRow) -> Iterator[dict[str, Any]]:
    """Accuracy as a share, and tokens per problem, at what the row asked for."""
    asked: dict[str, Any] = {}
    if row.budget is not None:
        asked = {BUDGET: row.budget}
    elif row.ratio is not None:
        asked = {RATIO: row.ratio}
    at = "".join(f" at {kind} {value:g}" for kind, value in asked.items())
    for kind, says, value in (
        ("accuracy", "Accuracy", row.accuracy),
        ("mean_reasoning_tokens", "Mean reasoning tokens", row.mean_tokens),
    ):
        metric = {"type": kind, "name": says + at, "value": round(value, 4)}
        yield metric | ({"args": asked} if asked else {})


def escaped(text: str) -> str:
    """One line of Markdown that reads as the text does, without a meaning of its own."""
    return MEANING.sub(r"\\\g<0>", _line(text))


def _line(text: str) -> str:
    """The text in one line."""
    return shown(" ".join(text.split()))


def _quoted(text: str) -> str:
    """As JSON has it."""
    return json.dumps(shown(text), ensure_ascii=False)


MEANING = re.compile(r"[\\`*\[\]<>|~$&#]|(?<![^\W_])_|_(?![^\W_])")
"""Characters that may mean something in Markdown; `_` inside of a word does not."""

UNTRAINED = (
    "It was exported as it is: it was not trained with cotpress, so "
    "nothing says that it obeys the ratio."
)


BLENDED = (
    "- weights: {:g} times those of the trained model plus {:g} times those of the original, "
    "without further training"
)


def _what(efforts: Mapping[str, float], trained: TrainSummary | None) -> str:
    """What the model does, as far as its training says."""
    stands = ", ".join(f"`{effort}` {level:g}" for effort, level in efforts.items())
    if trained and trained.budgets:
        said = BUDGETED if taken(trained.ratios, trained.budgets) == "budget" else EITHER
        return said.format(efforts=stands, budgets=trained.budgets)
    if trained and not trained.ratios and not trained.codebook:
        told = method(trained.method).sentence
        return UNASKED.format(sentence=told[:1].upper() + told[1:])
    if trained and not any(ratio < 1 for ratio in trained.ratios):
        return LATENT.format(codebook=trained.codebook) if trained.codebook else FULL
    return SHORTER.format(efforts=stands)


def _about(trained: TrainSummary, base: str) -> Iterator[str]:
    yield f"- base model: {escaped(base)}"
    scorer = (
        f", tokens scored by {escaped(trained.scorer.partition(':')[0])}" if trained.scorer else ""
    )
    tuned = (
        f"{escaped(trained.kind)} fine-tuning on {trained.examples} examples, "
        f"with cotpress {escaped(trained.version)}"
    )
    yield f"- method: {escaped(trained.method)}{scorer}; {tuned}"
    if trained.budgets:
        told = ", ".join(f"{budget}" for budget in trained.budgets.usual)
        yield f"- budgets trained: {trained.budgets} tokens (10 %, 50 %, 90 %: {told})"
    if trained.ratios or not trained.budgets:
        ratios = (
            ", ".join(f"{ratio:g}" for ratio in trained.ratios)
            or "none, so nothing says that it obeys one"
        )
        yield f"- ratios trained: {ratios}"
    for task in trained.tasks:
        name = re.split("[:,]", task)[0]
        read = LICENCES.get(f"{name}:") if task.startswith(f"{name}:") else None
        licence = read or LICENCES.get(name, "not known to cotpress; say it here")
        yield f"- data: {escaped(task)} (problems: {licence})"
    yield (
        "- reasoning: under the licence of the model that wrote it, which is "
        "the base model unless traces were imported"
    )


def _asked(trained: TrainSummary | None) -> str:
    """What must stand before every question, as a paragraph
    with the very text; empty where nothing does.
    """
    texts = [text for text in (trained and trained.instructions) or () if text]
    if not texts:
        return ""
    which = "this instruction" if len(texts) == 1 else "the instruction of its task, one of these"
    blocks = "\n\n".join(indent(shown(text), "    ", lambda _: True) for text in texts)
    return (
        f"Ask as in training: {which}, a newline, the question. The chat "
        f"template does not write it.\n\n{blocks}\n\n"
    )


def _table(rows: Iterable[EvalRow]) -> Iterator[str]:
    """What each ratio costs."""
    rows = list(rows)
    if not rows:
        yield "\nIt was not evaluated: `cotpress eval` measures what a ratio costs."
        return
    yield "\n| task | method | asked | n | accuracy [95 %] | reasoning tokens | kept | cut off |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        interval = (
            f"{row.accuracy:.1%} [{100 * row.accuracy_low:.1f}, {100 * row.accuracy_high:.1f}]"
        )
        kept = "" if row.kept is None else f"{row.kept:.2f}"
        asked = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells = (
            escaped(row.task),
            escaped(row.method),
            asked if row.budget is None else str(row.setting.asked),
            row.n,
            interval,
            f"{row.mean_tokens:.1f}",
            kept,
            f"{row.truncated:.1%}",
        )
        yield f"| {' | '.join(map(str, cells))} |"
    yield (
        "\nWrong and cut-off answers are in every mean; *kept* is against "
        "the base model on the same problems."
    )
