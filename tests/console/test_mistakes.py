"""Every mistake that people were seen to make, with the sentence that they get: what is wrong, and
the cure, without a traceback and before any work is done.
"""

import sys
from pathlib import Path

import pytest
from command import cotpress

from cotpress.storage import read

DATA = Path(__file__).parents[1] / "data"
LIMIT = "generate --task arithmetic --out x --model tiny"

MISTAKES = [
    # names
    ("genrate", "unknown verb 'genrate'; did you mean generate?"),
    ("--help-me", "unknown option '--help-me'; did you mean --help?"),
    ("generate --task gsm8k2 --model tiny --out x", "unknown task 'gsm8k2'; did you mean gsm8k?"),
    ("generate --task arithmetic --model tinny --out x", "unknown model 'tinny'; did you mean"),
    ("eval --task arithmetic --model runs/none --out x", "there is no model folder runs/none"),
    ("generate --task arithmetic --model Qwen/Q --limit 2 --out x", "write hf:Qwen/Q"),
    (f"{LIMIT} --split tests --limit 2", "'tests'; did you mean test?"),
    ("train train.jsonl --model tiny --out x --method qlora", "Did you mean"),
    ("score graded.jsonl --scorer llmlingua --target tiny --out x", "did you mean llmlingua2?"),
    ("score graded.jsonl --scorer surprisal --target tiny --out x", "write surprisal:smollm2"),
    ("score graded.jsonl --scorer random,sede=1 --target tiny --out x", "'sede'; did you mean"),
    ("compress scored.jsonl --ratios 0.5 --unit sentense --out x", "did you mean sentence?"),
    # options
    (
        "generate --task gsm8k --model tiny --ouput x",
        "Unknown option: --ouput. Did you mean --out?",
    ),
    (f"{LIMIT} --ouput y", "Unknown option: --ouput. Did you mean --out?"),
    ("train train.jsonl --model tiny --out x --max-setps 3", "Did you mean --max-steps?"),
    (f"{LIMIT} --limit ten", 'unable to convert "ten" into int'),
    (f"{LIMIT} --limit -3", "--limit -3 leaves no problem: choose 1 or more"),
    (LIMIT, "say how many with --limit"),
    (f"{LIMIT} --limit 2 --ratio 50", "choose 0 < ratio <= 1"),
    (f"{LIMIT} --limit 2 --ratio 0", "choose 0 < ratio <= 1"),
    (f"{LIMIT} --limit 2 --samples 4", "choose a --temperature"),
    ("compress scored.jsonl --ratios 50% --out x", "Write a share as a number, such as 0.5."),
    ("compress scored.jsonl --ratios half --out x", "Write several as 0.9 0.7 0.5."),
    ("compress scored.jsonl --out x", "--ratios 0.5 0.7 0.9"),
    ("compress --ratios 0.5 --out x", "name the file directly behind `compress`"),
    ("train train.jsonl --model tiny --out x --report-to nosuch", "nosuch"),
    # files
    ("grade none.jsonl --out x", "no file none.jsonl: run the verb that writes it, or check"),
    ("import mine.csv --out x", "no file mine.csv: check the path"),
    ("import mine.jsonl --question q --out x", "q"),
    ("grade README.md --out x", "README.md"),
    ("grade mine.jsonl --out x", "read your own traces with `cotpress import` first"),
    ("compress graded.jsonl --ratios 0.5 --out x", "is a graded file: run `cotpress score` first"),
    ("build scored.jsonl --out x", "is a scored file: run `cotpress compress` first"),
    ("train compressed.jsonl --model tiny --out x", "run `cotpress build` first"),
    ("doctor data mine.jsonl", "read your own traces with `cotpress import` first"),
    ("plan none.jsonl", "no file none.jsonl"),
    ("report --out x.html", "or --scored with what `cotpress score` wrote"),
    # doctor and servers
    ("doctor tiny", "write cotpress doctor model tiny"),
    ("generate --task arithmetic --model http:http://localhost:9/v1 --limit 1 --out x", "model="),
]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from make import make_trace

    from cotpress.pipeline.compress import compress
    from cotpress.records import Grade, ScoredTrace
    from cotpress.storage import write

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "scored.jsonl").write_bytes((DATA / "scored.jsonl").read_bytes())
    scored = list(read(DATA / "scored.jsonl", ScoredTrace))
    write(tmp_path / "compressed.jsonl", compress(scored, [0.5]))
    graded = make_trace(grade=Grade(answer="72", correct=True, status="ok"))
    write(tmp_path / "graded.jsonl", [graded])
    (tmp_path / "train.jsonl").write_text("{}\n")
    (tmp_path / "mine.jsonl").write_text('{"answer": "4", "messages": []}\n')
    (tmp_path / "README.md").write_text("# cotpress\n")
    return tmp_path


@pytest.mark.parametrize(("command", "says"), MISTAKES, ids=[one for one, _ in MISTAKES])
def test_a_mistake_is_one_sentence_with_the_cure(
    room: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    command: str,
    says: str,
) -> None:
    before = {path.name for path in room.iterdir()}
    assert cotpress(monkeypatch, command) == 2
    said = capsys.readouterr()
    last = said.err.splitlines()[-1]
    assert last.startswith("cotpress: ")
    assert says in last
    assert "Traceback" not in said.err
    assert {path.name for path in room.iterdir() if "x" not in path.name} <= before


def test_a_doctor_who_finds_nothing_says_what_may_be_named(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert cotpress(monkeypatch, "doctor model nosuch") == 1
    said = capsys.readouterr().out
    assert "unknown model 'nosuch'" in said
    assert "cure: name one of `cotpress ls`, hf:NAME of the hub, or a folder" in said


def test_a_scorer_of_somebodys_own_that_gives_no_number_is_named_with_the_trace(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (room / "broken_scorer.py").write_text(
        "from cotpress.scorers import Importance\n"
        "class Broken:\n"
        "    name = identity = 'broken_pkg.broken_scorer'\n"
        "    def score(self, traces):\n"
        "        for one in traces:\n"
        "            yield Importance([len(one.reasoning)], [float('nan')])\n"
        "def load(target=''):\n"
        "    return Broken()\n"
    )
    package = room / "broken_pkg"
    package.mkdir()
    (room / "broken_scorer.py").rename(package / "broken_scorer.py")
    monkeypatch.setattr(sys, "path", [str(room), *sys.path])
    command = "score graded.jsonl --scorer broken_pkg.broken_scorer --target tiny --out s.jsonl"
    pytest.importorskip("transformers")
    assert cotpress(monkeypatch, command) == 2
    said = capsys.readouterr().err
    assert "scorer broken_pkg.broken_scorer gave trace " in said
    assert "a value that is not a finite number" in said
