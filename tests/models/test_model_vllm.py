"""vLLM in process is asked with the ids of `hf` and says the same. Runs
where vllm is installed (`make test-serving`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cotpress import models, tasks
from cotpress.errors import CotpressError
from cotpress.models import Request, Sampling
from cotpress.plugins import PACKAGE

pytest.importorskip("vllm")
pytestmark = pytest.mark.serving

TINY = PACKAGE / "assets" / "tiny"


@pytest.fixture(scope="module")
def model() -> Iterator[models.Model]:
    made = models.load(f"vllm:{TINY},dtype=float32,max_len=512,eager=true,memory=0.3")
    yield made
    del made


def asked(n: int, **fields: str) -> list[Request]:
    problems = tasks.take(tasks.load("arithmetic"), "test", n)
    return [
        Request(key=one.id, messages=one.prompt(ratio), **fields)
        for one in problems
        for ratio in (1.0, 0.5)
    ]


def test_it_is_asked_with_the_same_ids_and_says_the_same(model: models.Model) -> None:
    here = models.load(f"hf:{TINY},dtype=float32")
    requests = [*asked(12), *asked(4, prefill="Let us go through this")]
    assert [model.prompt_ids(one) for one in requests] == [
        here.prompt_ids(one.messages, one.prefill) for one in requests
    ]  # type: ignore[attr-defined]
    for limit in (200, 7):
        answers, expected = (
            list(one.generate(requests, Sampling(max_tokens=limit))) for one in (model, here)
        )
        assert [(one.text, one.n_tokens, one.finished) for one in answers] == [
            (one.text, one.n_tokens, one.finished) for one in expected
        ]


def test_a_draw_belongs_to_its_request(model: models.Model) -> None:
    sampling = Sampling(max_tokens=30, temperature=1.0, seed=3)
    requests = asked(4)
    together = [one.text for one in model.generate(requests, sampling)]
    assert [one.text for one in model.generate(requests[::-1], sampling)] == together[::-1]


def test_an_adapter_is_put_on_its_base_and_says_what_the_merged_model_says(
    tmp_path: Path,
) -> None:
    peft = pytest.importorskip("peft")
    import torch

    base = models.load(f"hf:{TINY},dtype=float32")
    torch.manual_seed(0)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=4, target_modules="all-linear", init_lora_weights=False
    )
    net = peft.get_peft_model(base.torch_model, config)  # type: ignore[attr-defined]
    net.save_pretrained(tmp_path, save_embedding_layers=False)
    spec = f"{TINY},adapter={tmp_path},dtype=float32"
    here, bare = models.load(f"hf:{spec}"), models.load(f"hf:{TINY},dtype=float32")
    there = models.load(f"vllm:{spec},max_len=512,eager=true,memory=0.3")
    answers, expected, others = (
        [(one.text, one.n_tokens) for one in m.generate(asked(6), Sampling(max_tokens=40))]
        for m in (there, here, bare)
    )
    assert answers == expected != others


def test_one_engine_runs_at_a_time_and_starts_again() -> None:
    one, two = (
        models.load(f"vllm:{TINY},dtype=float32,max_len={n},eager=true,memory=0.3")
        for n in (256, 512)
    )
    said = [next(m.generate(asked(1), Sampling(max_tokens=20))).text for m in (one, two, one)]
    assert said[0] == said[1] == said[2] != ""


def test_the_engine_s_own_budget_ends_the_thinking() -> None:
    folder = PACKAGE / "assets" / "overthink"
    thinks = models.load(f"vllm:{folder},dtype=float32,max_len=1024,eager=true,memory=0.3")
    problems = tasks.take(tasks.load("overthink"), "test", 4)
    requests = [Request(key=one.id, messages=one.prompt()) for one in problems]
    for budget in (16, 48):
        sampling = Sampling(max_tokens=600, thinking_budget=budget)
        for one in thinks.generate(requests, sampling):
            (ends,) = thinks.token_ends([one.text.partition("</think>")[0]])
            assert "</think>" in one.text
            assert abs(len(ends) - budget) <= 3


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained model that knows, and likes, six latent tokens."""
    import torch

    from cotpress.training.vocabulary import with_latents

    known = with_latents(models.load(f"hf:{TINY},dtype=float32"), 6)  # type: ignore[arg-type]
    with torch.no_grad():
        ids = known.latent_ids
        assert ids
        head = known.torch_model.get_output_embeddings().weight
        head[[ids.begin, ids.end, *ids.codes]] *= 5
    folder = tmp_path_factory.mktemp("taught")
    known.torch_model.save_pretrained(folder)
    known.tokenizer.save_pretrained(folder)
    return str(folder)


def test_forced_latent_tokens_are_those_of_hf_and_runs_are_refused(taught: str) -> None:
    there = models.load(f"vllm:{taught},dtype=float32,max_len=256,eager=true,memory=0.3")
    here = models.load(f"hf:{taught},dtype=float32")
    requests = asked(2)
    for k, limit in ((0, 12), (1, 12), (4, 12), (4, 5)):
        sampling = Sampling(max_tokens=limit, latents=k)
        answers, expected = (list(one.generate(requests, sampling)) for one in (there, here))
        assert [(one.text, one.n_tokens, one.finished) for one in answers] == [
            (one.text, one.n_tokens, one.finished) for one in expected
        ]
    with pytest.raises(CotpressError, match="cannot keep latent tokens to their runs"):
        list(there.generate(requests, Sampling(legal_latents=True)))
