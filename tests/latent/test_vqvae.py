"""Alignment, causality, training, encoding and the folder of a VQ-VAE."""

import pytest

pytest.importorskip("torch")

import msgspec
import torch
from hypothesis import given
from hypothesis import strategies as st
from latent_fixtures import QUICK, SMALL, long_trace, made_up

from cotpress.errors import CotpressError
from cotpress.latent import checkpoint, encode, fit, folder
from cotpress.latent import train as stage
from cotpress.latent.about import About, Figures
from cotpress.latent.options import FitOptions, Shape
from cotpress.latent.sequences import Pieces, Vocabulary, batch, fits
from cotpress.latent.token_classes import CLASSES
from cotpress.latent.vqvae import PAD, UNKNOWN, VQVAE
from cotpress.models import tiny


@pytest.fixture(scope="module")
def trained():
    said = []
    model, vocabulary, figures = fit.fit(made_up(), SMALL, QUICK, say=said.append)
    return folder.Coder(model, vocabulary), figures, said


def untrained(shape: Shape = SMALL) -> folder.Coder:
    torch.manual_seed(0)
    vocabulary = Vocabulary(range(100))
    model = VQVAE(shape, len(vocabulary)).eval()
    model.quantiser.codebook.normal_(std=0.3)
    return folder.Coder(model, vocabulary)


def test_the_reasoning_begins_on_a_chunk_boundary_and_ends_where_it_says():
    vocabulary = Vocabulary([1, 2, 3, 4, 5, 6, 7])
    these = [
        Pieces([1, 2, 3, 4, 5], [6, 6, 6], [7]),
        Pieces([], [5] * 6, []),
        Pieces([1] * 4, [2], [99]),
    ]
    made = batch(these, vocabulary, SMALL)
    assert made.ids.shape == (3, 12)
    assert (made.start.tolist(), made.end.tolist()) == ([8, 0, 4], [11, 6, 5])
    assert made.ids[0].tolist() == [PAD] * 3 + vocabulary.numbers([1, 2, 3, 4, 5, 6, 6, 6, 7])
    assert made.ids[2, 4:6].tolist() == [*vocabulary.numbers([2]), UNKNOWN]
    assert vocabulary.ids(made.ids[0].tolist()) == [1, 2, 3, 4, 5, 6, 6, 6, 7]


def test_the_prompt_has_as_much_room_as_reasoning_and_solution_together():
    assert fits(Pieces([1] * 64, [2] * 60, [3] * 4), SMALL)
    assert not fits(Pieces([1] * 65, [2], [3]), SMALL)
    assert not fits(Pieces([1], [2] * 60, [3] * 5), SMALL)


def test_a_code_depends_on_what_stands_before_it_only():
    coder = untrained()
    one = Pieces([3, 4, 5], list(range(20, 36)), [7])
    alone = encode.encode(coder, [one])[0]
    assert len(alone) == 4
    longer = Pieces(one.prompt, [*one.reasoning, 50, 51, 52, 53, 54], [9, 9])
    others = [Pieces([8] * 11, [60] * 30, []), longer, one, Pieces([1], [2, 3], [4])]
    together = encode.encode(coder, others)
    assert together[1][:4] == together[2] == alone
    assert [len(codes) for codes in together] == [7, 5, 4, 0]


def test_codes_at_a_lower_rate_are_several_per_chunk():
    coder = untrained(Shape(chunk=8, rate=4, codebook=8, width=16, heads=2, layers=1, length=64))
    # two whole chunks
    assert len(encode.encode(coder, [Pieces([3], list(range(20, 43)), [])])[0]) == 4


def test_the_decoder_never_sees_what_it_has_to_say():
    model, vocabulary = untrained().model, Vocabulary(range(100))
    one = batch([Pieces([3, 4], list(range(20, 28)), [7])], vocabulary, SMALL)
    encoded = model.encode(one)
    vectors, _ = model.quantise(encoded, one)
    before = model.decode(vectors, encoded.condition, one.start)
    changed = vectors.clone()
    changed[:, 2] += 1.0
    after = model.decode(changed, encoded.condition, one.start)
    assert torch.equal(before[:, :8], after[:, :8])
    assert not torch.allclose(before[:, 8:], after[:, 8:])


def test_training_beats_guessing_and_its_figures_say_so(trained):
    _, figures, said = trained
    last = figures[-1]
    assert last.reasoning > 0.3 + max(last.position, last.unigram, last.other_codes)
    assert last.usage > 0.5
    assert 1 < last.perplexity <= SMALL.codebook
    assert len(said) == len(figures) > 1
    assert f"step {QUICK.steps}/{QUICK.steps}" in said[-1]


def test_the_figures_tell_the_classes_of_the_held_out_reasoning():
    asked = []

    def classes(i):
        asked.append(i)
        return ["words", "given_numbers", "words"] * 4

    said = []
    _, _, figures = fit.fit(made_up(), SMALL, QUICK, classes=classes, say=said.append)
    assert asked == fit.parted(40, QUICK)[1]
    last = figures[-1]
    told = {one.name: one for one in last.by_class()}
    assert set(told) == {"words", "given numbers"}
    assert last.new_numbers is None
    assert sum(one.share for one in told.values()) == pytest.approx(1)
    assert sum(one.share * one.right for one in told.values()) == pytest.approx(last.reasoning)
    right = ", ".join(f"{one.name} {one.right:.1%}" for one in told.values())
    assert f"reasoning {last.reasoning:.1%} ({right}; other codes" in said[-1]


def test_every_hit_counts_for_the_class_of_its_own_token(trained):
    coder = trained[0]
    these = [
        Pieces(one.prompt[: i % 4], one.reasoning[: 12 - i], one.solution)
        for i, one in enumerate(made_up(7))
    ]
    classes = [
        ["words" if hit else "new_numbers" for hit in row[inside].tolist()]
        for hits in fit.rebuilt(coder.model, these, coder.vocabulary, 1, "cpu")
        for row, inside in zip(hits.own, hits.parts["reasoning"], strict=True)
    ]
    assert [len(row) for row in classes] == [len(one.reasoning) for one in these]
    found = fit.accuracies(coder.model, these, coder.vocabulary, 3, "cpu", classes)
    coder.model.eval()
    assert (found["words"], found["new_numbers"]) == (1.0, 0.0)
    assert found["share_of_words"] == pytest.approx(found["reasoning"])
    assert 0 < found["reasoning"] < 1


def test_figures_of_before_there_were_classes_can_be_read_and_told(trained):
    last = trained[1][-1]  # trained without classes
    before = msgspec.to_builtins(last)
    for name in CLASSES:
        del before[name], before[f"share_of_{name}"]
    assert msgspec.convert(before, Figures) == last
    assert last.by_class() == []
    assert f"reasoning {last.reasoning:.1%} (other codes" in fit.line(last, 60)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(CLASSES)), min_size=1))
def test_the_shares_by_class_are_those_of_a_naive_loop(tokens):
    hits, classes = zip(*tokens, strict=True)
    found = fit.by_class(hits, classes)
    for name in CLASSES:
        of_class = [hit for hit, one in tokens if one == name]
        if of_class:
            assert found.pop(name) == sum(of_class) / len(of_class)
            assert found.pop(f"share_of_{name}") == len(of_class) / len(tokens)
    assert found == {}


def test_a_last_batch_of_one_has_no_other_codes():
    coder = untrained()
    found = list(fit.rebuilt(coder.model, made_up(5), coder.vocabulary, 2, "cpu"))
    assert [len(hits.own) for hits in found] == [2, 2, 1]
    assert [hits.other is None for hits in found] == [False, False, True]


def test_the_guesses_are_the_most_frequent_tokens():
    train = [Pieces([], [1, 2, 2], []), Pieces([], [1, 3], []), Pieces([], [1, 3, 2], [])]
    found = fit.baselines(train, [Pieces([], [1, 3, 1, 1], [])])
    assert found == {"unigram": 0.75, "position": 0.75}
    found = fit.baselines(train, [Pieces([], [1, 3, 2], [])])
    assert found == {"unigram": pytest.approx(1 / 3), "position": 1.0}


def test_codes_of_the_next_trace_are_put_where_the_reasoning_begins():
    vocabulary = Vocabulary(range(100))
    one = batch(
        [Pieces([1], [2] * 8, []), Pieces([1] * 5, [2] * 4, []), Pieces([], [2] * 12, [])],
        vocabulary,
        SMALL,
    )
    vectors = torch.arange(9.0).reshape(3, 3, 1)
    assert fit.exchanged(vectors, one, SMALL)[..., 0].tolist() == [[0, 5, 5], [3, 4, 6], [1, 2, 2]]


def test_the_loss_holds_the_commitment_by_its_weight():
    none, one, two = (
        fit.fit(
            made_up(),
            SMALL,
            FitOptions(steps=2, lr=1e-2, batch=8, commitment=weight),
            say=lambda line: None,
        )[2][-1].loss
        for weight in (0.0, 1.0, 2.0)
    )
    assert one > none
    assert two - none == pytest.approx(2 * (one - none), rel=1e-3)


def test_the_same_seed_gives_the_same_network(trained):
    again, _, _ = fit.fit(made_up(), SMALL, QUICK, say=lambda line: None)
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            again.state_dict().values(), trained[0].model.state_dict().values(), strict=True
        )
    )


@pytest.mark.parametrize("stopped_after", [1, 5, 6, 7, 31, 59])
def test_a_training_that_was_stopped_goes_on_to_the_same_network_and_figures(
    tmp_path, monkeypatch, stopped_after
):
    whole, _, figures = fit.fit(made_up(), SMALL, QUICK, say=lambda line: None)
    saved, save = tmp_path / checkpoint.FILE, checkpoint.save

    def then_stop(path, now):
        save(path, now)
        if now.step == stopped_after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", then_stop)
        with pytest.raises(KeyboardInterrupt):
            fit.fit(made_up(), SMALL, QUICK, say=lambda line: None, saved=saved)
    said = []
    again, _, figures_again = fit.fit(made_up(), SMALL, QUICK, say=said.append, saved=saved)
    assert said[0] == f"going on from step {stopped_after}"
    assert figures_again == figures
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


@pytest.mark.parametrize("damage", [lambda held: held[: len(held) // 2], lambda held: b"{}" * 40])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path, damage):
    saved = tmp_path / checkpoint.FILE
    fit.fit(made_up(), SMALL, QUICK, say=lambda line: None, saved=saved)
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(CotpressError, match=r"cannot go on from .*: remove it\.$"):
        fit.fit(made_up(), SMALL, QUICK, say=lambda line: None, saved=saved)


def test_a_folder_that_was_stopped_is_finished_as_if_it_had_not_been(tmp_path, monkeypatch):
    target = tiny.load()
    traces, options = [long_trace(i) for i in range(40)], FitOptions(steps=20, lr=1e-3, batch=8)
    shape = Shape(chunk=4, rate=4, codebook=8, width=16, heads=2, layers=1, length=128)
    names = ("whole", "stopped")
    save = checkpoint.save

    def then_stop(path, now):
        save(path, now)
        if now.step == 11:
            raise KeyboardInterrupt

    def trained_in(name):
        stage.train_vqvae(traces, target, tmp_path / name, shape, options, say=lambda line: None)

    trained_in("whole")
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", then_stop)
        with pytest.raises(KeyboardInterrupt):
            trained_in("stopped")
    trained_in("stopped")
    left = [{path.name for path in (tmp_path / name).iterdir()} for name in names]
    assert left[0] == left[1] == {"vqvae.json", "vqvae.safetensors", "codes.jsonl"}
    for file in ("vqvae.safetensors", "codes.jsonl"):
        whole, again = ((tmp_path / name / file).read_bytes() for name in names)
        assert whole == again, file


def test_what_is_decoded_in_its_place_is_what_was_encoded(trained):
    coder, _, _ = trained
    these = made_up(8)
    right = total = 0
    for one, codes in zip(these, encode.encode(coder, these), strict=True):
        said = [token for tokens in encode.decode(coder, one.prompt, codes) for token in tokens]
        right += sum(a == b for a, b in zip(said, one.reasoning, strict=False))
        total += len(one.reasoning)
    assert right / total > 0.5


def test_each_code_is_told_by_the_chunks_it_stands_for(trained):
    uses = encode.code_uses(trained[0], made_up(), lambda ids: " ".join(map(str, ids)))
    assert [use.code for use in uses] == list(range(SMALL.codebook))
    assert sum(use.uses for use in uses) == 3 * 40
    used = max(uses, key=lambda use: use.uses)
    assert used.chunks[0][1] == max(count for _, count in used.chunks)
    assert used.decoded


class Target:
    name = "m"

    def __init__(self, tokenizer_hash: str) -> None:
        self.tokenizer_hash = tokenizer_hash


def described(coder: folder.Coder, figures: list) -> About:
    return About(
        target="m",
        tokenizer="abc",
        shape=SMALL,
        options=QUICK,
        tokens=coder.vocabulary.tokens,
        figures=figures,
        counts={},
        seconds=1.0,
        version="0",
        fingerprint="f",
    )


def test_a_saved_vqvae_gives_the_same_codes_and_is_refused_for_another_tokenizer(trained, tmp_path):
    coder, figures, _ = trained
    folder.save(tmp_path / "vq", coder, described(coder, figures), [])
    loaded = folder.load(tmp_path / "vq", Target("abc"))
    assert encode.encode(loaded, made_up()) == encode.encode(coder, made_up())
    assert {path.name for path in (tmp_path / "vq").iterdir()} == {
        "vqvae.safetensors",
        "vqvae.json",
        "codes.jsonl",
    }
    with pytest.raises(
        CotpressError, match="was made for the tokenizer of m, and m has another one"
    ):
        folder.load(tmp_path / "vq", Target("xyz"))


def test_a_damaged_or_unfinished_folder_is_one_sentence(trained, tmp_path):
    coder, figures, _ = trained
    with pytest.raises(CotpressError, match="holds no finished VQ-VAE"):
        folder.load(tmp_path, Target("abc"))
    folder.save(tmp_path, coder, described(coder, figures), [])
    (tmp_path / "vqvae.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CotpressError, match=r"cannot load .*vqvae.safetensors"):
        folder.load(tmp_path, Target("abc"))
    (tmp_path / "vqvae.json").write_text("{}")
    with pytest.raises(CotpressError, match="does not describe a VQ-VAE"):
        folder.load(tmp_path, Target("abc"))


def test_a_codebook_that_the_chunks_cannot_fill_is_refused():
    with pytest.raises(
        CotpressError,
        match="57 chunks of 4 reasoning tokens cannot fill a codebook of 512: choose a smaller",
    ):
        fit.fit(made_up(20), Shape(chunk=4, rate=4, width=16, heads=2), QUICK)


def test_a_collapse_stops_the_run_and_says_what_to_change(trained):
    _, figures, _ = trained
    bad = msgspec.structs.replace(figures[-1], usage=0.125, perplexity=1.0)
    fit.refuse_collapse([bad], SMALL)  # once may be chance
    fit.refuse_collapse([figures[-1], bad], SMALL)
    with pytest.raises(
        CotpressError,
        match=r"collapsed at step 60: 12.5% of 8 codes.*lower --lr, a smaller --codebook",
    ):
        fit.refuse_collapse([bad, bad], SMALL)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shape(chunk=16, rate=5), "--rate 5 does not divide --chunk 16"),
        (lambda: Shape(codebook=1), "--codebook of at least 2"),
        (lambda: Shape(width=30), "--width 30 is not a multiple"),
        (lambda: FitOptions(steps=1, lr=1e-3), "--steps of at least 2"),
    ],
)
def test_a_shape_or_training_that_cannot_be_is_refused(make, message):
    with pytest.raises(CotpressError, match=message):
        make()
