"""Every mistake that people were seen to make, with the sentence that they get: what is wrong, and
the cure, without a traceback and before any work is done.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import cotpress

import cotpress as package
from cotpress.records import Trace
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


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("float('nan')", "scorer {} gave trace {} a value that is not a finite number"),
        (
            "1 / 0",
            "scorer {} broke at trace {} (ZeroDivisionError: division by zero; broken_scorer.py, "
            "line 6): repair it, and run the same command again.",
        ),
    ],
)
def test_a_scorer_of_somebodys_own_that_gives_no_number_is_named_with_the_trace(
    room: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    value: str,
    says: str,
) -> None:
    (room / "broken_scorer.py").write_text(
        "from cotpress.scorers import Importance\n"
        "class Broken:\n"
        "    name = identity = 'broken_pkg.broken_scorer'\n"
        "    def score(self, traces):\n"
        "        for one in traces:\n"
        "            yield Importance([len(one.reasoning)], [VALUE])\n".replace("VALUE", value)
        + "def load(target=''):\n"
        "    return Broken()\n"
    )
    (room / "broken_pkg").mkdir()
    (room / "broken_scorer.py").rename(room / "broken_pkg" / "broken_scorer.py")
    monkeypatch.setattr(sys, "path", [str(room), *sys.path])
    for name in ("broken_pkg", "broken_pkg.broken_scorer"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    command = "score graded.jsonl --scorer broken_pkg.broken_scorer --target tiny --out s.jsonl"
    pytest.importorskip("transformers")
    assert cotpress(monkeypatch, command) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    [trace] = read(room / "graded.jsonl", Trace)
    assert says.format("broken_pkg.broken_scorer", trace.key) in said.splitlines()[-1]


def test_a_tracker_whose_package_is_missing_is_named_with_how_it_is_installed(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    integrations = pytest.importorskip("transformers.integrations.integration_utils")
    pytest.importorskip("trl")
    monkeypatch.setattr(integrations, "is_wandb_available", lambda: False)
    command = "run tokenskip --task arithmetic --model tiny --limit 2 --eval-limit 2 --out x"
    assert cotpress(monkeypatch, f"{command} --report-to wandb") == 2
    said = capsys.readouterr().err
    assert "--report-to wandb: " in said
    assert "pip install wandb" in said
    assert not (room / "x").exists()


def test_a_server_that_is_not_there_is_a_finding_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pytest.importorskip("openai")
    assert cotpress(monkeypatch, "doctor server http://127.0.0.1:9/v1") == 1
    assert "cure: start the server, or check the URL, which mostly ends in /v1" in (
        capsys.readouterr().out
    )


NOBODY = "http://127.0.0.1:9"
AT_ONCE = "import time; time.sleep = lambda _: None; from cotpress.cli import main; main()"
"""The command line; the libraries of the Hub try again without a pause."""


@pytest.mark.parametrize(
    ("command", "needs", "says"),
    [
        (
            "generate --task gsm8k --model tiny --limit 2 --out x",
            "datasets",
            "cannot get the data set openai/gsm8k: the Hub cannot be reached, and it is not in the "
            "cache: go online, set HF_ENDPOINT to a mirror, or read files with gsm8k:FOLDER.",
        ),
        (
            "generate --task arithmetic --model hf:some/model --limit 2 --out x",
            "transformers",
            "cannot load model some/model: the Hub cannot be reached, and it is not in the cache: "
            "go online, set HF_ENDPOINT to a mirror, or download it elsewhere",
        ),
        (
            "run tokenskip --task arithmetic --model tiny --limit 2 --eval-limit 2 --out x",
            "trl",
            "go online, set HF_ENDPOINT to a mirror, or download it elsewhere (hf download NAME "
            "--local-dir FOLDER) and name the folder. Without it, choose --scorer surprisal:tiny.",
        ),
    ],
)
def test_a_hub_that_cannot_be_reached_is_one_sentence(
    tmp_path: Path, command: str, needs: str, says: str
) -> None:
    pytest.importorskip(needs)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": NOBODY, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"}
    env |= {"PYTHONPATH": str(Path(package.__file__).parents[1])}
    found = subprocess.run(
        [sys.executable, "-c", AT_ONCE, *command.split()],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    [said] = found.stderr.splitlines()
    assert says in said
    assert not (tmp_path / "x").exists()
