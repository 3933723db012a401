"""`checkpoint -> model folder`: merged weights, tokenizer and a chat template that takes the ratio
or the budget; nothing needs our code.

The folder is made beside its place and renamed when it is whole. Before that, prompts rendered by
the exported template are compared with those of training, token by token: a template whose turns
cannot be rewritten is refused, not shipped.
"""

import copy
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cotpress import __version__, folders, storage
from cotpress.errors import CotpressError, TemplateRefusal
from cotpress.lm.checkpoint import FINISHED
from cotpress.lm.taught import Budgets
from cotpress.methods import BLEND, ORIGINAL
from cotpress.pipeline.overlap import FILE as TAUGHT
from cotpress.prompts import Message
from cotpress.records import Asked, EvalRow, Record
from cotpress.serving import adapter as unmerged
from cotpress.serving import chat_template
from cotpress.serving.model_card import model_card
from cotpress.training.options import TrainSummary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cotpress.models.hf import HFModel

ABOUT = "cotpress_export.json"
"""Says what a folder was exported from and what the efforts stand for; written last."""

KIND = folders.Kind(
    ABOUT, "an export", "was exported from another model or under other options", whole=True
)

HISTORY: list[Message] = [
    {"role": "user", "content": "What is 1 + 1?"},
    {"role": "assistant", "content": "It is 2."},
]
SYSTEM: list[Message] = [{"role": "system", "content": "You are a calculator."}]
ASKED: Message = {"role": "user", "content": "Add.\nWhat is 2 + 3?"}
PROBES = ([ASKED], [*HISTORY, ASKED], [*SYSTEM, ASKED], [*SYSTEM, *HISTORY, ASKED])
"""Chats that the exported template must write as training wrote them."""
SOME_BUDGETS = (1, 256, 32_768)


class Exported(Record, frozen=True, kw_only=True):
    """What `cotpress_export.json` says."""

    source: str
    """Spec of the model that was exported."""
    revision: str
    method: str
    """How it was trained; `original`: it was not."""
    ratios: list[float]
    """Those it was trained on."""
    budgets: Budgets | None = None
    """The same of budgets; None: none."""
    efforts: dict[str, float]
    """What `reasoning_effort` stands for: ratios, or budgets where no ratio is taken."""
    takes: chat_template.Takes = "ratio"
    version: str
    fingerprint: str
    blend: float | None = None
    """The trained model's weight in a blend; `source` names both models. None: no blend."""
    adapter: bool = False
    """Whether the folder holds an adapter alone, to be put on its base by whoever serves it."""


def export(
    model: "HFModel",
    out: Path,
    *,
    efforts: Sequence[float] | None = None,
    trained: TrainSummary | None = None,
    rows: Sequence[EvalRow] = (),
    blend: float | None = None,
    adapter: bool = False,
    say: Callable[[str], None] = print,
) -> Exported:
    """Write the model to the folder `out`; a folder that was finished under the same options is
    left as it is.

    The chat template takes `compression_ratio`, `thinking_budget` and `reasoning_effort`, as far as
    the model was taught them.

    Args:
        model: A transformers model.
        out: Folder for weights, tokenizer, chat template and model card.
        efforts: Ratios or budgets (reasoning tokens) of low, medium and high effort; default: as
            recorded with the model before, else chosen from those it was trained on.
        trained: What the model's `cotpress.json` says; default: it was not trained.
        rows: The model's evaluation, for the model card.
        blend: The weight, from 0 to 1, with which `model` was blended; the card then has the rows
            of that weight and the original's. Default: no blend.
        adapter: Write the model's LoRA adapter alone, not merged.
        say: Gets a line of progress now and then.

    Returns:
        What `cotpress_export.json` says: source, ratios, budgets and what the efforts stand for.

    Raises:
        CotpressError: The model has no chat template, or one that takes these names already; its
            weights were rounded when it was loaded; the folder would serve other prompts than those
            of training; `adapter` is asked for and there is none that vLLM serves; or `out` holds
            something else or is being written.
    """
    lora = unmerged.of(model) if adapter else None
    if blend is not None:
        trained = msgspec.structs.replace(trained, method=BLEND) if trained else None
        rows = [row for row in rows if row.method == ORIGINAL or row.blend == blend]
        rows = rows if any(row.blend == blend for row in rows) else []
    ratios, budgets = (trained.ratios, trained.budgets) if trained else ([], None)
    takes = chat_template.taken(ratios, budgets)
    levels = tuple(
        efforts
        or recorded_efforts(Path(model.path), takes)
        or chat_template.efforts_for(ratios, budgets)
    )
    options = {
        "model": model.name,
        "revision": model.revision,
        "tokenizer": model.tokenizer_hash,
        "efforts": levels,
        **({} if blend is None else {"blend": blend}),
        **({"adapter": True} if adapter else {}),
    }
    options |= {"trained": msgspec.to_builtins(trained), "rows": msgspec.to_builtins(rows)}
    exported = Exported(
        source=model.name,
        revision=model.revision,
        method=trained.method if trained else ORIGINAL if blend is None else BLEND,
        ratios=ratios,
        budgets=budgets,
        takes=takes,
        efforts=dict(zip(chat_template.EFFORTS, levels, strict=True)),
        version=__version__,
        fingerprint=storage.fingerprint(options),
        blend=blend,
        adapter=adapter,
    )
    with folders.making(out, KIND, exported.fingerprint) as part:
        if part is None:
            say(f"export: {out} was finished before under the same options; nothing to do")
            return read_about(out) or exported
        save_words(model, part, levels, takes)
        if lora:
            unmerged.save(model, lora, part)
        else:
            save_weights(model, part)
        check(model, part, probes(ratios, budgets, levels))
        storage.write_atomic(
            part / "README.md",
            model_card(out.name, exported.efforts, trained, rows, blend, lora).encode(),
        )
        if trained:  # goes along, so that `cotpress eval` knows the folder
            storage.write_atomic(
                part / FINISHED, msgspec.json.format(msgspec.json.encode(trained), indent=2) + b"\n"
            )
        if (taught := Path(model.path) / TAUGHT).is_file():
            shutil.copyfile(taught, part / TAUGHT)
        folders.finish(part, KIND, exported)
    return exported


def save_words(
    model: "HFModel", folder: Path, efforts: Sequence[float], takes: chat_template.Takes
) -> None:
    """Tokenizer and wrapped chat template."""
    if not model.tokenizer.chat_template:
        raise CotpressError(
            f"model {model.name} has no chat template to wrap: take its instruct version, "
            "or put a chat_template.jinja into its folder."
        )
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.chat_template = _each(
        tokenizer.chat_template, lambda own: chat_template.wrap(own, efforts, model.template, takes)
    )
    tokenizer.save_pretrained(folder)


def save_weights(model: "HFModel", folder: Path) -> None:
    """Weights in the precision their base is stored in, and generation config."""
    net, stored = model.torch_model, model.stored_dtype
    if stored is not None and stored != net.dtype:
        if net.dtype.itemsize < stored.itemsize:
            raise CotpressError(
                f"model {model.name} is stored in {stored} and was loaded in {net.dtype}, so that "
                "its weights are rounded: load it with dtype=float32, and export that."
            )
        net = net.to(stored)
    model.stop_at_end_of_turn(net)
    net.save_pretrained(folder)
    # written for their owner alone, and a server may be another user
    for weights in folder.glob("*.safetensors"):
        weights.chmod((folder / "config.json").stat().st_mode)


def probes(
    ratios: Sequence[float], budgets: Budgets | None, levels: Sequence[float]
) -> list[Asked]:
    """What the template of a model that was taught these must write: nothing, what was taught, what
    the efforts (`levels`) stand for, and some more of each kind that it takes.
    """
    takes, found = chat_template.taken(ratios, budgets), [Asked(ratio=1.0)]
    if takes != "budget":
        found += [Asked(ratio=ratio) for ratio in sorted({0.05, 0.6, *ratios, *levels} - {1.0})]
    if budgets:
        taught = {budgets.least, *budgets.usual, budgets.most, *SOME_BUDGETS}
        taught |= {int(level) for level in levels} if takes == "budget" else set()
        found += [Asked(budget=budget) for budget in sorted(taught)]
    return found


def arguments(asked: Asked) -> dict[str, float | None]:
    """What a request sends to the template to ask for this."""
    if asked.budget is not None:
        return {chat_template.BUDGET: asked.budget}
    return {chat_template.RATIO: asked.ratio}


def check(model: "HFModel", folder: Path, asked: Sequence[Asked]) -> None:
    """Compare token ids of the exported template's prompts with those of training, whatever is
    asked for; `CotpressError` if unlike.
    """
    from cotpress.models.hf import load_tokenizer

    tokenizer = load_tokenizer(str(folder))
    for one in asked:
        for messages in PROBES:
            tagged: list[Message] = [
                *messages[:-1],
                {"role": "user", "content": ASKED["content"] + one.tag},
            ]
            try:
                expected = model.prompt_ids(tagged)
            except TemplateRefusal:
                continue  # some templates know no system turn: then none can be sent
            if served_ids(tokenizer, messages, **arguments(one)) != expected:
                what = f"ratio {one}" if one.budget is None else f"a budget of {one}"
                raise CotpressError(
                    f"the folder would not serve {what} as it was trained, "
                    f"because the tokenizer of {model.name} "
                    "does not come back from disk as it was: save it with this "
                    "version of transformers, and export again."
                )


def served_ids(
    tokenizer: "PreTrainedTokenizerFast", messages: Sequence[Message], **asked: Any
) -> list[int]:
    """Token ids of a chat as servers render it with these template arguments."""
    ids = tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=True, tokenize=True, return_dict=False, **asked
    )
    return [int(i) for i in ids]


def read_about(folder: Path) -> Exported | None:
    """What an exported folder says about itself; None for any other folder."""
    path = folder / ABOUT
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Exported)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CotpressError(
            f"{path} does not describe an export ({error}): export the model again."
        ) from error


def recorded_efforts(folder: Path, takes: chat_template.Takes) -> tuple[float, ...]:
    """What the efforts stand for in a folder that was exported before and takes the same; empty for
    any other.
    """
    about = read_about(folder)
    if about is None or (about.takes == "budget") != (takes == "budget"):
        return ()
    return tuple(about.efforts[name] for name in chat_template.EFFORTS)


def _each(template: Any, change: Callable[[str], str]) -> Any:
    """Some tokenizers have several templates by name."""
    return (
        {name: change(one) for name, one in template.items()}
        if isinstance(template, dict)
        else change(template)
    )
