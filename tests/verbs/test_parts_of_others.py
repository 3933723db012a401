"""A verb that cannot go on with a part never empties the part of another
run: unfinished work is refused, named and kept.
"""

import msgspec
import pytest
from command import cotpress
from make import sum_cuts, sum_trace

from cotpress import storage
from cotpress.records import ScoredTrace

pytest.importorskip("torch")
pytest.importorskip("transformers")

from latent_fixtures import long_trace
from train_fixtures import make_model

KEYLESS = {
    "compress": "compress scored.jsonl --ratios 0.5 --out x.jsonl",
    "build": "build compressed.jsonl --out x.jsonl",
    "import": "import own.jsonl --out x.jsonl",
    "mix": "mix long.jsonl --vqvae vq --out x.jsonl",
    "gold": "generate --task prosqa --model gold --limit 3 --out x.jsonl",
}
UNFINISHED = b'{"hours": "of work"}\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An input for each verb."""
    there = tmp_path_factory.mktemp("inputs")
    traces = [sum_trace(i) for i in range(3)]
    n = [len(trace.reasoning) for trace in traces]
    scored = [
        ScoredTrace(trace=trace, scorer="random", ends=[k], importance=[1.0])
        for trace, k in zip(traces, n, strict=True)
    ]
    storage.write(there / "scored.jsonl", scored)
    storage.write(there / "compressed.jsonl", [sum_cuts(trace) for trace in traces])
    storage.write(there / "long.jsonl", [long_trace(i) for i in range(12)])
    (there / "own.jsonl").write_bytes(
        msgspec.json.encode({"question": "1 + 1?", "reasoning": "one more", "answer": "2"})
    )
    make_model(there / "base")
    train = "train-vqvae long.jsonl --target ./base --out vq --codebook 16 --steps 2 --batch 8"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(there)
        assert cotpress(patch, train) == 0
    return there


@pytest.fixture
def part(made, tmp_path, monkeypatch):
    """Where the part of another run stands, in a folder with the inputs."""
    for path in made.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return storage.part_path(tmp_path / "x.jsonl")


@pytest.mark.parametrize("verb", KEYLESS)
@pytest.mark.parametrize("others", ["score", "generate", "compress", "build", None])
def test_the_unfinished_part_of_another_run_is_refused_named_and_untouched(
    part, monkeypatch, capsys, verb, others
):
    part.write_bytes(UNFINISHED)
    note = part.with_name("x.jsonl.part.json")
    if others:
        note.write_bytes(
            msgspec.json.encode(
                storage.Note(verb=others, options={"seed": 1}, fingerprint="another")
            )
        )
    before = {path.name: path.read_bytes() for path in part.parent.glob("x.*")}
    assert cotpress(monkeypatch, KEYLESS[verb]) == 2
    assert "x.jsonl.part was made" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in part.parent.glob("x.*")} == before


@pytest.mark.parametrize("verb", KEYLESS)
def test_what_the_verb_itself_left_is_begun_again(part, monkeypatch, verb):
    part.write_bytes(UNFINISHED)
    name = "generate" if verb == "gold" else verb
    note = storage.Note(
        verb=name,
        options={"seed": 1},
        fingerprint="another",
        format=storage.FORMAT,
        begins_again=True,
    )
    part.with_name("x.jsonl.part.json").write_bytes(msgspec.json.encode(note))
    assert cotpress(monkeypatch, KEYLESS[verb]) == 0
    assert UNFINISHED.strip() not in (part.parent / "x.jsonl").read_bytes()
