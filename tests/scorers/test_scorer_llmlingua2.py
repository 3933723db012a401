"""llmlingua2 gives p(keep) to characters of the original text, whatever the
family, the length of the text and the batch.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from make import make_trace  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from token_classifiers import bert, modernbert, xlm_roberta  # noqa: E402
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM  # noqa: E402

from cotpress import scorers  # noqa: E402
from cotpress.errors import CotpressError, UnknownName  # noqa: E402
from cotpress.lm.fitting import batch_size  # noqa: E402
from cotpress.pipeline.segmenting import Rules, segmented, usual_rules  # noqa: E402
from cotpress.scorers import Importance, llmlingua2  # noqa: E402

TEXTS = [
    "Natalia sold 48/2 = 24 clips in May.",
    "\n\nStep 1:\r\n  10³ is 1000, so x² … ½ of \\boxed{18} is \\frac{18}{2}  \n",
    "the 😀 answer 中文 is 👩‍👧 18.",
    "a",
    "she sold 48+24 = 72 clips altogether, (that is a lot) at $1,234.56 each. " * 6,
]
FAMILIES = {"xlm-roberta": xlm_roberta, "bert": bert, "modernbert": modernbert}
WINDOW = 40


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES[request.param](
        tmp_path_factory.mktemp("family") / request.param, TEXTS, window=WINDOW
    )


@pytest.fixture(scope="module")
def scorer(family: Path) -> llmlingua2.LLMLingua2:
    return llmlingua2.load(str(family))


@pytest.fixture(scope="module")
def xlmr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return xlm_roberta(tmp_path_factory.mktemp("checkpoint") / "xlmr", TEXTS, window=WINDOW)


def score(scorer: scorers.Scorer, texts: Sequence[str]) -> list[Importance]:
    return list(scorer.score([make_trace(text) for text in texts]))


class Characters:
    """A target whose tokens are characters."""

    name = "characters"

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        return [list(range(1, len(text) + 1)) for text in texts]

    def generate(self, requests: object, sampling: object) -> Iterator[object]:
        raise NotImplementedError


def naive(scorer: llmlingua2.LLMLingua2, text: str) -> Importance:
    """Every token by itself, one window at a time: of the windows that hold
    it, the one where it is farthest from an edge.
    """
    tokenizer, model = scorer.classifier.tokenizer, scorer.classifier.model
    plain = tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True
    )
    ids, room, step = plain["input_ids"], WINDOW - 2, WINDOW - 2 - WINDOW // 4
    starts = [0]
    while starts[-1] + room < len(ids):
        starts.append(starts[-1] + step)
    ends: dict[int, list[float]] = {}
    reached = 0
    for i, (start, end) in enumerate(plain["offset_mapping"]):
        holding = [s for s in starts if s <= i < s + room]
        # at an edge of the text there is nothing more to see; on a tie the later window
        chosen = max(
            holding,
            key=lambda s: (
                min(
                    i - s if s else len(ids), s + room - 1 - i if s + room < len(ids) else len(ids)
                ),
                s,
            ),
        )
        row = [tokenizer.cls_token_id, *ids[chosen : chosen + room], tokenizer.sep_token_id]
        with torch.no_grad():
            keep = model(input_ids=torch.tensor([row])).logits[0, 1 + i - chosen].softmax(-1)[1]
        reached = max(reached, (start or end) if plain.tokens()[i] == "▁" else end)
        ends.setdefault(reached, []).append(float(keep))
    return Importance(list(ends), [sum(values) / len(values) for values in ends.values()])


@pytest.mark.parametrize("text", TEXTS)
def test_scores_equal_a_naive_loop_over_tokens(scorer: llmlingua2.LLMLingua2, text: str) -> None:
    (found,) = score(scorer, [text])
    wanted = naive(scorer, text)
    assert found.ends == wanted.ends
    assert found.values == pytest.approx(wanted.values, abs=1e-5)


def test_a_long_text_is_scored_to_its_end(scorer: llmlingua2.LLMLingua2) -> None:
    (parts,) = scorer.classifier.chunks([TEXTS[-1]])
    assert len(parts) > 3
    assert all(len(part.ids) <= WINDOW for part in parts)
    (found,) = score(scorer, [TEXTS[-1]])
    assert found.ends[-1] == len(TEXTS[-1].rstrip()) or found.ends[-1] == len(TEXTS[-1])


def test_scores_do_not_depend_on_the_batch(family: Path, scorer: llmlingua2.LLMLingua2) -> None:
    alone = [score(scorer, [text])[0] for text in TEXTS]
    one_row_each = llmlingua2.load(str(family), batch_tokens=1)
    for judge in (scorer, one_row_each):
        order = list(range(len(TEXTS)))
        random.Random(0).shuffle(order)
        for i, found in zip(order, score(judge, [TEXTS[i] for i in order]), strict=True):
            assert found.ends == alone[i].ends
            assert found.values == pytest.approx(alone[i].values, abs=1e-5)


def test_batches_hold_what_suits_the_device_unless_told_otherwise(
    family: Path, scorer: llmlingua2.LLMLingua2
) -> None:
    assert scorer.classifier.batch_tokens == batch_size(scorer.classifier.model.device)
    assert llmlingua2.load(str(family), batch_tokens=7).classifier.batch_tokens == 7


def test_where_memory_ends_smaller_batches_give_the_same_scores(
    scorer: llmlingua2.LLMLingua2, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = score(scorer, TEXTS)
    net, most, failed = scorer.classifier.model, 2 * WINDOW, list[int]()
    whole = net.forward

    def forward(*, input_ids: torch.Tensor, **given: object) -> object:
        if input_ids.numel() > most:
            failed.append(input_ids.numel())
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return whole(input_ids=input_ids, **given)

    monkeypatch.setattr(net, "forward", forward)
    for found, wanted in zip(score(scorer, TEXTS), expected, strict=True):
        assert found.ends == wanted.ends
        assert found.values == pytest.approx(wanted.values, abs=1e-5)
    assert failed
    most = 1
    with pytest.raises(CotpressError, match=r"one text alone, of .* choose a larger device"):
        score(scorer, TEXTS)


def test_every_chunk_stands_between_the_tokenizers_own_special_tokens(
    scorer: llmlingua2.LLMLingua2,
) -> None:
    tokenizer = scorer.classifier.tokenizer
    for parts in scorer.classifier.chunks(TEXTS):
        for part in parts:
            assert (part.ids[0], part.ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)


def test_special_tokens_spelled_out_in_a_text_are_scored_as_text(
    scorer: llmlingua2.LLMLingua2,
) -> None:
    tokenizer = scorer.classifier.tokenizer
    text = f"a{tokenizer.sep_token}b"
    ((part,),) = scorer.classifier.chunks([text])
    if tokenizer.sep_token != "</s>":  # a word like others in the Unigram vocabulary of XLM-R
        assert part.ids.count(tokenizer.sep_token_id) == 1
    (found,) = score(scorer, [text])
    assert {1, len(text) - 1, len(text)} <= set(found.ends)


@pytest.mark.parametrize("unit", ["word", "number", "token"])
def test_scored_segments_join_to_the_text(family: Path, unit: str) -> None:
    judge = scorers.load(f"llmlingua2:{family}")
    for text, scored in zip(
        TEXTS, scorers.score(map(make_trace, TEXTS), judge, Characters()), strict=True
    ):
        assert "".join(segmented(scored, Rules(unit)).texts) == text
        assert all(0 <= value <= 1 for value in scored.importance)


def test_a_word_takes_the_mean_of_its_tokens(xlmr: Path) -> None:
    judge = llmlingua2.load(str(xlmr))
    (found,) = score(judge, ["longword"])
    (scored,) = scorers.score([make_trace("longword")], judge, Characters())
    assert len(found.values) > 2
    of_each_letter = [
        v
        for a, b, v in zip([0, *found.ends], found.ends, found.values, strict=False)
        for _ in range(b - a)
    ]
    assert scored.importance == pytest.approx(of_each_letter)
    assert segmented(scored, usual_rules(judge.name)).importance == pytest.approx(
        [sum(of_each_letter) / 8]
    )


def test_a_batch_holds_no_more_tokens_than_asked_for_unless_one_row_does() -> None:
    lengths = [3, 50, 7, 7, 1, 20, 2]
    made = list(llmlingua2.batches(lengths, 21))
    assert sorted(i for batch in made for i in batch) == list(range(len(lengths)))
    assert all(
        len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 21 for batch in made
    )
    assert made == [[1], [5], [2, 3, 0], [6, 4]]


@pytest.mark.parametrize(
    ("labels", "keep"),
    [
        ({"LABEL_0": 0, "LABEL_1": 1}, 1),
        ({"drop": 0, "keep": 1}, 1),
        ({"KEEP": 0, "DROP": 1}, 0),
        ({"preserve": 0, "x": 1}, 0),
    ],
)
def test_the_label_called_keep_means_keep_and_else_label_one(
    labels: dict[str, int], keep: int
) -> None:
    assert llmlingua2.keep_label(labels) == keep


def test_a_checkpoint_that_names_its_labels_the_other_way_round_is_read_so(tmp_path: Path) -> None:
    plain = llmlingua2.load(str(xlm_roberta(tmp_path / "plain", TEXTS)))
    named = {"id2label": {0: "keep", 1: "drop"}, "label2id": {"keep": 0, "drop": 1}}
    turned = llmlingua2.load(str(xlm_roberta(tmp_path / "turned", TEXTS, **named)))
    one, other = score(plain, TEXTS[:1])[0], score(turned, TEXTS[:1])[0]
    assert one.values == pytest.approx([1 - value for value in other.values], abs=1e-5)


@pytest.mark.parametrize("build", FAMILIES.values())
def test_the_window_is_what_the_position_table_holds(
    build: Callable[..., Path], tmp_path: Path
) -> None:
    folder = build(tmp_path, TEXTS, window=64)
    judge = llmlingua2.load(str(folder))
    judge.classifier.tokenizer.model_max_length = 10**30  # as where nobody set it
    assert llmlingua2.window(judge.classifier.model, judge.classifier.tokenizer) == 64


def test_the_name_is_the_spec_with_what_was_chosen(xlmr: Path) -> None:
    assert llmlingua2.load(str(xlmr)).name == f"llmlingua2:{xlmr}"
    assert usual_rules(f"llmlingua2:{xlmr}").unit == "word"


def test_what_is_no_token_classifier_is_refused(tmp_path: Path) -> None:
    config = XLMRobertaConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    XLMRobertaForMaskedLM(config).save_pretrained(tmp_path)
    with pytest.raises(
        CotpressError,
        match="is XLMRobertaForMaskedLM with 2 labels, not a token classifier with two",
    ):
        llmlingua2.load(str(tmp_path))


def test_three_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CotpressError, match="with 3 labels, not a token classifier with two"):
        llmlingua2.load(str(xlm_roberta(tmp_path, TEXTS, num_labels=3)))


def test_a_checkpoint_without_its_head_is_refused_and_not_given_a_random_one(
    tmp_path: Path,
) -> None:
    weights = xlm_roberta(tmp_path, TEXTS) / "model.safetensors"
    save_file(
        {key: value for key, value in load_file(weights).items() if "classifier" not in key},
        weights,
        {"format": "pt"},
    )
    with pytest.raises(CotpressError, match=r"lacks the weights of classifier\.bias"):
        llmlingua2.load(str(tmp_path))


def test_a_folder_without_a_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CotpressError, match=r"cannot load .*; try microsoft/llmlingua-2") as error:
        llmlingua2.load(str(tmp_path))
    assert "\n" not in str(error.value)


def test_no_checkpoint_at_all_is_one_sentence() -> None:
    with pytest.raises(CotpressError, match="needs a checkpoint: write llmlingua2:microsoft"):
        scorers.load("llmlingua2")


def test_an_unknown_option_is_refused(xlmr: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean compat"):
        scorers.load(f"llmlingua2:{xlmr},compatt=released")
