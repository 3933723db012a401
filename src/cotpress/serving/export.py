"""`checkpoint -> model folder`: merged weights, tokenizer and a chat template that takes the ratio;
nobody needs our code.

The folder is made beside its place and renamed when it is whole. Before that, prompts rendered by
the exported template are compared with those of training, token by token: a template whose turns
cannot be rewritten is refused, not shipped.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cotpress import __version__, folders, storage
from cotpress.errors import CotpressError, TemplateRefusal
from cotpress.lm.checkpoint import FINISHED
from cotpress.prompts import Message, ratio_tag
from cotpress.records import EvalRow, Record
from cotpress.serving import chat_template
from cotpress.serving.model_card import model_card
from cotpress.training.options import TrainSummary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cotpress.models.hf import HFModel

ABOUT = "cotpress_export.json"
"""Says what a folder was exported from and which ratios the efforts stand for; written last."""

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


class Exported(Record, frozen=True, kw_only=True):
    """What `cotpress_export.json` says."""

    source: str
    """Spec of the model that was exported."""
    revision: str
    method: str
    """How it was trained; `original`: it was not."""
    ratios: list[float]
    """Those it was trained on."""
    efforts: dict[str, float]
    """What `reasoning_effort` stands for."""
    version: str
    fingerprint: str


def export(
    model: "HFModel",
    out: Path,
    *,
    efforts: Sequence[float] | None = None,
    trained: TrainSummary | None = None,
    rows: Sequence[EvalRow] = (),
    say: Callable[[str], None] = print,
) -> Exported:
    """Write the model to the folder `out`; a folder that was finished under the same options is
    left as it is.

    `efforts` are the ratios of low, medium and high (as recorded before, else from those trained);
    `trained` is what the model's `cotpress.json` says; `rows` are its evaluation, for the model
    card.
    """
    ratios = trained.ratios if trained else []
    levels = tuple(
        efforts or recorded_efforts(Path(model.path)) or chat_template.efforts_for(ratios)
    )
    options = {
        "model": model.name,
        "revision": model.revision,
        "tokenizer": model.tokenizer_hash,
        "efforts": levels,
    }
    options |= {"trained": msgspec.to_builtins(trained), "rows": msgspec.to_builtins(rows)}
    exported = Exported(
        source=model.name,
        revision=model.revision,
        method=trained.method if trained else "original",
        ratios=ratios,
        efforts=dict(zip(chat_template.EFFORTS, levels, strict=True)),
        version=__version__,
        fingerprint=storage.fingerprint(options),
    )
    with folders.making(out, KIND, exported.fingerprint) as part:
        if part is None:
            say(f"export: {out} was finished before under the same options; nothing to do")
            return read_about(out) or exported
        save(model, part, levels)
        check(model, part, [*ratios, *levels])
        storage.write_atomic(
            part / "README.md", model_card(out.name, exported.efforts, trained, rows).encode()
        )
        if trained:  # goes along, so that `cotpress eval` knows the folder
            storage.write_atomic(
                part / FINISHED, msgspec.json.format(msgspec.json.encode(trained), indent=2) + b"\n"
            )
        folders.finish(part, KIND, exported)
    return exported


def save(model: "HFModel", folder: Path, efforts: Sequence[float]) -> None:
    """Weights in the precision their base is stored in,
    generation config, tokenizer and wrapped chat template.
    """
    if not model.tokenizer.chat_template:
        raise CotpressError(
            f"model {model.name} has no chat template to wrap: take its instruct version, "
            "or put a chat_template.jinja into its folder."
        )
    tokenizer = copy.deepcopy(model.tokenizer)
    tokenizer.chat_template = _each(
        tokenizer.chat_template, lambda own: chat_template.wrap(own, efforts, model.template)
    )
    net = model.torch_model
    if str(net.dtype) == "torch.float32" and (stored := model.stored_dtype) is not None:
        net = net.to(stored)
    model.stop_at_end_of_turn(net)
    net.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # written for their owner alone, and a server may be another user
    for weights in folder.glob("*.safetensors"):
        weights.chmod((folder / "config.json").stat().st_mode)


def check(model: "HFModel", folder: Path, ratios: Sequence[float]) -> None:
    """Compare token ids of the exported template's prompts with those of
    training at every ratio; `CotpressError` if unlike.
    """
    from cotpress.models.hf import load_tokenizer

    tokenizer = load_tokenizer(str(folder))
    for ratio in sorted({1.0, 0.05, 0.6, *ratios}):
        for messages in PROBES:
            asked: list[Message] = [
                *messages[:-1],
                {"role": "user", "content": ASKED["content"] + ratio_tag(ratio)},
            ]
            try:
                expected = model.prompt_ids(asked)
            except TemplateRefusal:
                continue  # some templates know no system turn: then nobody can send one
            if served_ids(tokenizer, messages, compression_ratio=ratio) != expected:
                raise CotpressError(
                    f"the folder would not serve ratio {ratio:g} as it was trained, "
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


def recorded_efforts(folder: Path) -> tuple[float, ...]:
    """What the efforts stand for in a folder that was exported before; empty for any other."""
    about = read_about(folder)
    return tuple(about.efforts[name] for name in chat_template.EFFORTS) if about else ()


def _each(template: Any, change: Callable[[str], str]) -> Any:
    """Some tokenizers have several templates by name."""
    return (
        {name: change(one) for name, one in template.items()}
        if isinstance(template, dict)
        else change(template)
    )
