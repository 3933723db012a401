"""What lies in a model's folder or on the hub: configuration,
tokenizer, and which weights these are.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import cached_file

from cotpress.errors import CotpressError
from cotpress.lm.templates import plain


def load_tokenizer(target: str, **where: str) -> PreTrainedTokenizerFast:
    """The fast tokenizer of a hub id or folder."""
    _check_path(target)
    try:
        tokenizer = AutoTokenizer.from_pretrained(target, trust_remote_code=False, **where)
    except (OSError, ValueError) as error:
        raise CotpressError(
            f"cannot load the tokenizer of {target}: {first_line(error)}"
        ) from error
    if not tokenizer.is_fast:
        raise CotpressError(
            f"the tokenizer of {target} has no fast version, which "
            "knows where tokens end: convert it."
        )
    if not tokenizer.chat_template:
        begins = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
        tokenizer.chat_template = plain(str(tokenizer.bos_token) if begins else "")
        print(
            f"{target} has no chat template: prompts are plain text, the question and its answer "
            "on lines of their own (put a chat_template.jinja into the folder for another form)",
            file=sys.stderr,
            flush=True,
        )
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = (
        True  # ours is to cut in chunks
    )
    return tokenizer


def tokenizer_hash(tokenizer: PreTrainedTokenizerFast, template: str | None) -> str:
    """A short hash of a tokenizer with a chat template."""
    parts = json.loads(tokenizer.backend_tokenizer.to_str()) | {"padding": None, "truncation": None}
    text = json.dumps([parts, template], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def revision_of(target: str, config: Any) -> str:
    """What tells the weights at `target` from later ones: a hash of a
    folder's, or the hub's commit in its `config`.
    """
    return (
        weights_hash(Path(target))
        if Path(target).is_dir()
        else str(getattr(config, "_commit_hash", None) or "")
    )


def weights_hash(folder: Path) -> str:
    """A short hash over the ends of each weight file: cheap for
    many gigabytes, and another model differs there.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(f"{path.name} {path.stat().st_size}".encode() + file.read(2**20))
            file.seek(max(0, path.stat().st_size - 2**20))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def _check_path(target: str) -> None:
    """Complain of a path that leads nowhere, which
    transformers would take for a misspelt name of the Hub.
    """
    if target.startswith(("/", "./", "../", "~")) and not Path(target).exists():
        raise CotpressError(f"there is no folder {target}: check the path.")


def read_config(target: str) -> Any:
    """The configuration of a hub id or folder."""
    _check_path(target)
    if Path(target).is_dir() and not (Path(target) / "config.json").is_file():
        raise CotpressError(
            f"{target} is not a model folder: it holds no config.json (and no adapter_config.json)."
        )
    try:
        return AutoConfig.from_pretrained(target, trust_remote_code=False)
    except (OSError, ValueError) as error:
        cure = f"check the name; an adapter on the hub is hf:BASE,adapter={target}"
        if cannot_reach(error):
            raise CotpressError(f"cannot load model {target}: {OFFLINE}") from error
        raise CotpressError(f"cannot load model {target}: {first_line(error)} ({cure})") from error


OFFLINE = (
    "the Hub cannot be reached, and it is not in the cache: go online, set HF_ENDPOINT to a "
    "mirror, or download it elsewhere (hf download NAME --local-dir FOLDER) and name the folder."
)


def cannot_reach(error: Exception) -> bool:
    """Whether transformers found no way to the Hub."""
    return any(words in str(error) for words in ("couldn't connect to", "offline mode"))


def generation_config(target: str) -> dict[str, Any]:
    """What the generation_config.json of a hub id or folder says; empty where there is none."""
    name = "generation_config.json"
    if Path(target).is_dir():
        path: str | None = str(Path(target) / name) if (Path(target) / name).is_file() else None
    else:
        path = cached_file(target, name, _raise_exceptions_for_missing_entries=False)
    if path is None:
        return {}
    try:
        said = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise CotpressError(f"the {name} of {target} is not JSON ({error}): repair it.") from error
    return said if isinstance(said, dict) else {}


def first_line(error: Exception) -> str:
    """The first sentence of a library's many-lined message."""
    return str(error).strip().split("\n")[0]
