"""Is this model folder ready to be served at a ratio or budget? Template,
vocabulary, tied weights, end of turn, tokenizer.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotpress import latent_tokens
from cotpress.doctor.findings import Finding, ok, problem, unusable, warning
from cotpress.errors import TemplateRefusal
from cotpress.lm import templates
from cotpress.pipeline import instruction
from cotpress.prompts import Message
from cotpress.records import Asked
from cotpress.serving import chat_template
from cotpress.serving.export import ASKED, HISTORY, arguments, read_about, served_ids
from cotpress.training.options import TrainSummary

if TYPE_CHECKING:
    from cotpress.models.hf import HFModel

EXPORT = "cotpress export {} --out DIR"

PROBED: dict[chat_template.Takes, tuple[Asked, ...]] = {
    "ratio": (Asked(ratio=1.0), Asked(ratio=0.6), Asked(ratio=0.05)),
    "budget": (Asked(ratio=1.0), Asked(budget=256), Asked(budget=1)),
    "both": (Asked(ratio=1.0), Asked(ratio=0.6), Asked(ratio=0.05), Asked(budget=256)),
}
"""What a template that takes this must write."""


def examine_model(model: "HFModel", trained: TrainSummary | None) -> Iterator[Finding]:
    """All findings about a model folder; `trained` is what its `cotpress.json` says."""
    folder = Path(model.path)
    if (folder / "adapter_config.json").is_file():
        yield warning(
            "weights",
            f"an adapter of {model.weights}: who serves it needs that base too",
            f"{EXPORT.format(folder)} merges the two",
        )
    if fault := unusable(model):
        yield fault
        return
    takes = chat_template.taken(trained.ratios, trained.budgets) if trained else "ratio"
    yield from template(model, folder, takes)
    yield from thinking(model)
    yield from date(model, folder)
    yield from vocabulary(model, Asked(budget=60) if takes == "budget" else Asked(ratio=0.6))
    yield from tied_weights(Path(model.weights))
    yield from end_of_turn(model, folder)
    if trained:
        yield from same_tokenizer(model, trained)
        yield from instructed(trained)


def thinking(model: "HFModel") -> Iterator[Finding]:
    """How does the template mark thinking?"""
    markup = model.markup
    if not markup.family:
        yield ok("thinking", "the template marks none: reasoning and conclusion are plain text")
    else:
        who = "the prompt opens it" if markup.opened else "the model opens it"
        marks = f"{markup.opening.strip()} and {' '.join(markup.closing.split())}"
        yield ok("thinking", f"it stands between {marks}; {who}")


def date(model: "HFModel", folder: Path) -> Iterator[Finding]:
    """Does the template write today's date, and so another prompt every day?"""
    own = model.tokenizer.get_chat_template()
    if not templates.dated(own):
        return
    pinned = f"{templates.PINNED:%d %b %Y}"
    if templates.PIN in own:
        yield ok("date", f"the template writes a date, which is {pinned} in every prompt")
    else:
        yield warning(
            "date",
            f"the template writes today's date, and training writes {pinned}",
            f"{EXPORT.format(folder)} pins it in the served template, too",
        )


def template(
    model: "HFModel", folder: Path, takes: chat_template.Takes = "ratio"
) -> Iterator[Finding]:
    """Does the chat template take the ratio or the budget, and write what training wrote?"""
    from jinja2.exceptions import TemplateError

    written = model.tokenizer.chat_template
    text = written if isinstance(written, str) else written.get("default", "")
    name = chat_template.BUDGET if takes == "budget" else chat_template.RATIO
    if not chat_template.reads(text, name):
        says = f"the chat template does not read {name}: servers drop it without a word"
        yield problem("template", says, EXPORT.format(folder))
        return
    plain: list[Message] = [*HISTORY, ASKED]
    for one in PROBED[takes]:
        what = f"ratio {one.ratio:g}" if one.ratio is not None else f"a budget of {one}"
        tagged: list[Message] = [
            *HISTORY,
            {"role": "user", "content": ASKED["content"] + one.tag},
        ]
        try:
            served = served_ids(model.tokenizer, plain, **arguments(one))
            alike = served == model.prompt_ids(tagged)
        except (TemplateError, TemplateRefusal) as error:
            said = getattr(error.__cause__, "message", None) or str(error)
            yield problem(
                "template",
                f"it refuses {what}: {said}",
                "put the model's own back, and export it",
            )
            return
        if not alike:
            says = (
                f"at {what} the chat template writes another prompt "
                "than `Problem.prompt` did in training"
            )
            yield problem(
                "template", says, "put the model's own chat_template.jinja back, and export it"
            )
            return
    try:
        served_ids(model.tokenizer, plain, compression_ratio=2)
        yield warning(
            "template",
            "it takes a ratio of 2 in silence",
            "put the model's own back, and export it",
        )
    except TemplateError:
        about = read_about(folder)
        efforts = about.efforts if about else {}
        stands = ", ".join(f"{effort} {level:g}" for effort, level in efforts.items())
        named = f"{chat_template.RATIO} and {chat_template.BUDGET} write"
        yield ok(
            "template",
            f"{named if takes == 'both' else f'{name} writes'} the ids of training"
            + (f"; efforts: {stands}" if stands else ""),
        )


def vocabulary(model: "HFModel", asked: Asked) -> Iterator[Finding]:
    """Can what is asked for be said in this vocabulary, and is every latent
    token one token with an embedding of its own?
    """
    tokenizer = model.tokenizer
    tag, ids = asked.tag.strip(), model.text_ids(asked.tag)
    back = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    if "".join(back.split()) != tag:
        says = f"the tokenizer cannot write {tag}: it comes back as {back!r}"
        yield problem("vocabulary", says, "train with a tokenizer that knows these characters")
    else:
        kind = "ratio" if asked.budget is None else "budget"
        yield ok("vocabulary", f"the {kind} tag is {len(ids)} tokens")
    latent = {
        token.content: i
        for i, token in tokenizer.added_tokens_decoder.items()
        if latent_tokens.SPELLED.fullmatch(token.content)
    }
    split = [text for text, i in latent.items() if model.text_ids(text) != [i]]
    if split:
        says = f"{len(split)} latent tokens are not one token each, such as {split[0]}"
        yield problem(
            "vocabulary", says, "save the tokenizer that the model was trained with into the folder"
        )
    n_rows = int(_config(model).vocab_size)
    if len(tokenizer) > n_rows:
        says = f"the tokenizer has {len(tokenizer)} tokens, the model {n_rows} embeddings"
        yield problem(
            "vocabulary",
            says,
            "resize the embeddings and train again, or put the right tokenizer into the folder",
        )
    elif latent and not split:
        yield ok(
            "vocabulary",
            f"{len(latent)} latent tokens and markers, each one token with an embedding",
        )


def tied_weights(weights: Path) -> Iterator[Finding]:
    """Do config and weight files agree on whether input and output embeddings are one matrix?"""
    from safetensors import safe_open
    from transformers import AutoConfig

    files = sorted(weights.glob("*.safetensors"))
    if not files:
        return  # of the Hub, or of another format
    found: dict[str, Any] = {}
    for path in files:
        with safe_open(path, "pt") as file:
            found |= {
                name: (path, name)
                for name in file.keys()  # noqa: SIM118 - a file of safetensors, no mapping
                if name.endswith(("lm_head.weight", "embed_tokens.weight"))
            }
    heads, inputs = (
        [found[name] for name in found if name.endswith(end)]
        for end in ("lm_head.weight", "embed_tokens.weight")
    )
    if not inputs:
        return  # other names than Llama's and its kin
    tied = bool(
        AutoConfig.from_pretrained(weights, trust_remote_code=False)
        .get_text_config()
        .tie_word_embeddings
    )
    cure = "export the model again from the run that trained it"
    if not tied and not heads:
        yield problem(
            "tied weights",
            "the config says untied, but the files hold no lm_head: it would be random",
            cure,
        )
    elif tied and heads and not _equal(heads[0], inputs[0]):
        yield problem(
            "tied weights",
            "the config says tied, but the files hold another lm_head: libraries disagree",
            cure,
        )
    else:
        yield ok("tied weights", f"{'tied' if tied else 'untied'}, in the config and in the files")


def end_of_turn(model: "HFModel", folder: Path) -> Iterator[Finding]:
    """Do servers know the token that ends a turn?"""
    from transformers import GenerationConfig

    try:
        listed = GenerationConfig.from_pretrained(model.weights).eos_token_id
    except OSError:
        listed = None
    stops = {*(listed if isinstance(listed, list) else [listed]), model.tokenizer.eos_token_id}
    name = model.tokenizer.convert_ids_to_tokens(model.end_id)
    if model.end_id in stops:
        yield ok("end of turn", f"{name} ends a completion")
    else:
        says = (
            f"{name} ends a turn in the chat template, but neither "
            "generation config nor tokenizer stops there"
        )
        yield problem(
            "end of turn", says, EXPORT.format(folder) + " writes it into generation_config.json"
        )


def same_tokenizer(model: "HFModel", trained: TrainSummary) -> Iterator[Finding]:
    """Are tokenizer and template those of training?"""
    written = model.tokenizer.chat_template
    own = chat_template.unwrap(written) if isinstance(written, str) else written
    if trained.tokenizer in (model.tokenizer_hash, model.tokenizer_hash_with(own)):
        yield ok("tokenizer", f"that of training ({trained.tokenizer})")
    else:
        says = f"tokenizer or chat template are not those of training ({trained.tokenizer})"
        yield warning(
            "tokenizer",
            says,
            "put back the files that `cotpress train` wrote, unless you changed them on purpose",
        )


def instructed(trained: TrainSummary) -> Iterator[Finding]:
    """What must stand before every question, which no template writes."""
    if must := instruction.to_send(trained.instructions):
        yield warning("instruction", must, instruction.SEND)
    elif trained.instructions is not None:
        yield ok("instruction", "none stands before the questions")


def _config(model: "HFModel") -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(model.weights, trust_remote_code=False).get_text_config()


def _equal(one: tuple[Path, str], other: tuple[Path, str]) -> bool:
    import torch
    from safetensors import safe_open

    tensors = []
    for path, name in (one, other):
        with safe_open(path, "pt") as file:
            tensors.append(file.get_tensor(name))
    return torch.equal(*tensors)
