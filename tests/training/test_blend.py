"""A blend is what a naive loop over two models' weights gives, either model at its ends, and is
refused where the two do not fit.
"""

import copy

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from make import sum_examples  # noqa: E402
from tokenizers import normalizers  # noqa: E402
from train_fixtures import make_model  # noqa: E402

from cotpress.errors import CotpressError  # noqa: E402
from cotpress.latent_tokens import vocabulary  # noqa: E402
from cotpress.models.hf import HFModel, load  # noqa: E402
from cotpress.training.blend import blended, interpolate  # noqa: E402
from cotpress.training.sft import TrainOptions, train  # noqa: E402
from cotpress.training.vocabulary import with_latents  # noqa: E402

FAMILIES = [
    ("llama", {}),
    ("llama", {"tie_word_embeddings": True}),
    ("qwen3", {"tie_word_embeddings": True}),
    ("gemma2", {"sliding_window": 16}),
]


def taught(model, seed=1):
    """The same model, further on: other weights, everything else alike."""
    noise = torch.Generator().manual_seed(seed)
    net = copy.deepcopy(model.torch_model)
    with torch.no_grad():
        for weight in net.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=noise).to(weight.dtype)
    return HFModel("taught", "", model.tokenizer, lambda: net)


@pytest.fixture(params=FAMILIES, ids=lambda one: f"{one[0]}{'-tied' if one[1] else ''}")
def pair(causal_lm, request):
    family, config = request.param
    original = causal_lm(family, **config)
    return taught(original), original


@torch.inference_mode()
def logits(model):
    ids = model.prompt_ids([{"role": "user", "content": "She sold 48/2 clips."}])
    return model.torch_model(torch.tensor([ids])).logits


def test_at_its_ends_a_blend_is_one_of_the_two_models_to_the_bit(pair):
    short, original = pair
    assert torch.equal(logits(blended(short, original, 1.0)), logits(short))
    assert torch.equal(logits(blended(short, original, 0.0)), logits(original))
    assert not torch.equal(logits(short), logits(original))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_blend_is_what_a_naive_loop_over_the_weights_gives(pair, dtype):
    short, original = pair
    short.torch_model.to(dtype)
    before = {name: value.clone() for name, value in short.torch_model.state_dict().items()}
    theirs = {name: value.clone() for name, value in original.torch_model.state_dict().items()}
    found = blended(short, original, 0.3).torch_model.state_dict()
    for name, value in found.items():
        expected = (0.3 * before[name].float() + 0.7 * theirs[name].float()).to(dtype)
        assert value.dtype == dtype
        assert torch.equal(value, expected), name
    for name, value in before.items():
        assert torch.equal(short.torch_model.state_dict()[name], value), name
        assert torch.equal(original.torch_model.state_dict()[name], theirs[name]), name


def test_tied_weights_stay_tied_and_are_blended_once(causal_lm):
    original = causal_lm(tie_word_embeddings=True)
    net = blended(taught(original), original, 0.5).torch_model
    assert net.get_output_embeddings().weight is net.get_input_embeddings().weight


@given(weight=st.floats(0, 1))
def test_every_weight_lies_between_those_of_the_two(weight):
    short, original = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    low, high = (pick(short.weight, original.weight) for pick in (torch.minimum, torch.maximum))
    assert interpolate(short, original, weight) == ""
    assert bool(((short.weight >= low - 1e-6) & (short.weight <= high + 1e-6)).all())


@pytest.mark.parametrize("weight", [-0.1, 1.5, float("nan")])
def test_a_weight_that_is_no_share_is_refused(pair, weight):
    with pytest.raises(CotpressError, match="is not a share of the short model: choose 0"):
        blended(*pair, weight)


def test_models_of_other_sizes_or_families_are_refused_by_what_differs(causal_lm):
    with pytest.raises(CotpressError, match=r"differ in num_hidden_layers 3 and 2; blend a model"):
        blended(causal_lm(num_hidden_layers=3), causal_lm(), 0.5)
    with pytest.raises(CotpressError, match="their configurations differ in "):
        blended(causal_lm("qwen3"), causal_lm(), 0.5)
    with pytest.raises(CotpressError, match=r"differ in tie_word_embeddings True and False"):
        blended(causal_lm(tie_word_embeddings=True), causal_lm(), 0.5)


def test_what_changes_no_result_may_differ(causal_lm):
    original = causal_lm()
    short = taught(original)
    short.torch_model.config.eos_token_id = 2
    short.torch_model.config._name_or_path = "elsewhere"
    short.tokenizer = copy.deepcopy(short.tokenizer)
    short.tokenizer.chat_template = short.tokenizer.chat_template + " "
    assert blended(short, original, 0.5).torch_model is not None


def test_another_vocabulary_and_another_tokenizer_of_the_same_words_are_refused(causal_lm):
    original, other = causal_lm(), causal_lm()
    other.tokenizer.add_tokens(["cotpress"])
    with pytest.raises(CotpressError, match=r"vocabularies differ \(301 and 300 tokens"):
        blended(other, original, 0.5)
    unlike = causal_lm()
    unlike.tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    with pytest.raises(CotpressError, match=r"their tokenizers differ \(hashes \w+ and \w+\)"):
        blended(unlike, original, 0.5)


def test_rows_of_latent_tokens_have_nothing_to_be_blended_with(causal_lm):
    short = with_latents(causal_lm(), 4)
    assert set(vocabulary(4)) <= set(short.tokenizer.get_vocab())
    with pytest.raises(CotpressError, match="only one of them was taught latent tokens"):
        blended(short, causal_lm(), 0.5)


def test_weights_that_do_not_fit_are_refused_and_left_alone():
    short = torch.nn.Linear(3, 2)
    before = short.weight.clone()
    told = interpolate(short, torch.nn.Linear(4, 2), 0.5)
    assert told == "the weight weight has the shapes [2, 3] and [2, 4]"
    assert interpolate(short, torch.nn.Linear(3, 2, bias=False), 0.5) == (
        "only one of them has the weight bias"
    )
    small = torch.nn.Linear(3, 2)
    small.weight = torch.nn.Parameter(torch.zeros(2, 3, dtype=torch.int8), requires_grad=False)
    assert interpolate(short, small, 0.5) == "the weight weight is quantised (torch.int8)"
    assert torch.equal(short.weight, before)


def test_a_buffer_of_positions_stays_as_it_is():
    short, original = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    short.num_batches_tracked += 3
    original.running_mean += 1.0
    assert interpolate(short, original, 0.25) == ""
    assert int(short.num_batches_tracked) == 3
    assert short.running_mean.tolist() == [0.75, 0.75]


def test_an_adapter_is_merged_before_it_is_blended(tmp_path):
    original = make_model(tmp_path / "base")
    options = TrainOptions(epochs=2, lr=1e-2, batch=4, gradient_checkpointing=False)
    train(sum_examples(4), original, tmp_path / "x", options, say=lambda line: None)
    original, short = load(str(tmp_path / "base")), load(str(tmp_path / "x"))
    assert torch.equal(logits(blended(short, original, 1.0)), logits(short))
    half = blended(short, original, 0.5).torch_model.state_dict()
    merged, base = short.torch_model.state_dict(), original.torch_model.state_dict()
    assert half.keys() == base.keys()
    assert all(torch.equal(half[key], 0.5 * merged[key] + 0.5 * base[key]) for key in half)
    assert any(not torch.equal(merged[key], base[key]) for key in half)
