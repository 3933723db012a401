"""One forward pass of a transformers model over a few texts, to time it."""

from collections.abc import Callable, Sequence
from typing import Any

from cotpress import plugins
from cotpress.backends import on_transformers
from cotpress.cost.shape import Shape
from cotpress.errors import CotpressError
from cotpress.lm.capabilities import Tokenizing, able, gives
from cotpress.models import Model, load


def reader(model: Model) -> Callable[[Sequence[str]], int] | None:
    """Reads texts at once and says how many tokens they have; None for a model whose weights are
    elsewhere.
    """
    if not hasattr(model, "torch_model") or not gives(model, Tokenizing):
        return None
    import torch

    tokenizer, net = able(model, Tokenizing, "--dry-run"), model.torch_model

    @torch.no_grad()
    def read(texts: Sequence[str]) -> int:
        rows = [torch.tensor(tokenizer.text_ids(text)) for text in texts]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        n = [len(row) for row in rows]
        mask = torch.arange(ids.shape[1])[None] < torch.tensor(n)[:, None]
        logits = net(ids.to(net.device), attention_mask=mask.long().to(net.device)).logits
        logits[0, 0, 0].item()  # waits for a GPU
        return sum(n)

    return read


def shape_of(spec: str) -> Shape | None:
    """The shape of a model of transformers, or of the one that a server was named after; None
    where nothing says.
    """
    config: Any = None
    try:
        model = load(on_transformers(spec))
        if weights := getattr(model, "weights", ""):
            transformers = plugins.require("transformers", "--dry-run")
            config = transformers.AutoConfig.from_pretrained(weights, trust_remote_code=False)
    except (CotpressError, OSError, ValueError):
        return None
    return Shape.of(config) if config is not None else None
