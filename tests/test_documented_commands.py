"""What README.md and the pages of docs print can be typed: every command is read by the command
line, and those that need no network and no server are run, page by page, in the order in which they
stand there.

How they are run, so that a page takes seconds:

- Each page has a folder of its own, with `recipes/`, the page's TOML as run.toml and its plug-ins
  as my_pkg. A file or folder that a command reads and that no command of the page has written
  (`graded.jsonl`, `runs/x`) is one of a small walk that was made before, by the name in `STAND_IN`.
- What needs a download is replaced by what is bundled (`BUNDLED`): models by tiny, tasks by
  arithmetic, LLMLingua-2 by the surprisal of tiny. What then still names a hub, a server, vLLM or
  an encoder, or asks for the sampling that a model brings, is read only, and so is what stands behind `accelerate launch` or the like.
- Limits are those of `SMALL`: replaced where they are given, else added to the verbs that have
  them.
- A command whose output is there already is another way to do the same: it gets `--overwrite`.
"""

import csv
import gzip
import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from command import typed
from documented import PAGES, ROOT, Command, blocks, commands, examples, flags, name, plug_ins

from cotpress import cli
from cotpress.console.config import option_names
from cotpress.storage import meta_path
from cotpress.tasks import arithmetic
from cotpress.verbs.common import rows_path

INSTRUCTION = next(arithmetic.load("").problems("test")).instruction

BUNDLED = [
    (r"llmlingua2(:[\w./-]+)?", "surprisal:tiny"),
    (r"hf:\w[\w.-]*/[\w.-]+(,template\.\w+=\w+)?", "tiny"),
    (r"smollm2", "tiny"),
    (r"^(gsm8k|math500|gpqa-diamond:\S+)$", "arithmetic"),
    (r"^(jsonl:mine\.csv,.*)", r"\1,instruction=" + INSTRUCTION.replace("\\", r"\\")),
]
"""Patterns of what needs a download, and what is in its place; your own questions are asked
as those that the walk's model was taught.
"""

NEEDS_MORE = (
    "http:",
    "vllm:",
    "hub:",
    "s3://",
    "server",
    "ModernBERT",
    "classifier:",
    "--sampling model",
    "--engine ray",
    "--push",
)
"""In the words of a command that is not run."""

SMALL = {
    "--limit": "6",
    "--eval-limit": "2",
    "--max-tokens": "160",
    "--max-steps": "2",
    "--reference-limit": "4",
    "--vq-steps": "2",
}

ADDED = {
    "run": ("--limit", "--eval-limit", "--max-tokens", "--max-steps"),
    "generate": ("--limit", "--max-tokens"),
    "eval": ("--limit", "--max-tokens"),
    "train": ("--max-steps",),
}

STAND_IN = {
    "traces.jsonl": "traces.jsonl",
    "graded.jsonl": "graded.jsonl",
    "scored.jsonl": "scored.jsonl",
    "averaged.jsonl": "scored.jsonl",
    "more.jsonl": "graded.jsonl",
    "compressed.jsonl": "compressed.jsonl",
    "train.jsonl": "train.jsonl",
    "eval.jsonl": "eval.jsonl",
    "mine.jsonl": "recipes/traces.jsonl",
    "mine.csv": "mine.csv",
    "more.csv": "more.csv",
    "traces.jsonl.gz": "traces.jsonl.gz",
    "data/": "data",
    "data/train-": "data",
    "runs/q": ".",
    "runs/x": "model",
}
"""What a page may speak of without making it, and where it is in the walk that was made before."""

RUN_ELSEWHERE = {"docs/library.md"}
"""By test_library.py."""


TRACES = ROOT / "recipes" / "traces.jsonl"


def parsed(words: list[str]) -> str:
    """The verb that the command line reads in these words; a mistake is what it says."""
    _, bound, _ = cli.command_line.parse_args(words, print_error=False, exit_on_error=False)
    read, _, _ = cli._parsed(list(bound.args), bound.arguments.get("config"))
    return " ".join(read)


def furnish(page: Path, room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `room` the current folder, with what the page prints as files."""
    monkeypatch.chdir(room)
    monkeypatch.syspath_prepend(str(room))
    (room / "recipes").symlink_to(ROOT / "recipes")
    for text in blocks(page, "toml"):
        if "run" in tomllib.loads(text):
            (room / "run.toml").write_text(text, encoding="utf-8")
    package = room / "my_pkg"
    package.mkdir()
    for file, code in plug_ins(page).items():
        (package / f"{file}.py").write_text(code, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_is_read_by_the_command_line(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(page, tmp_path, monkeypatch)
    for command in commands(page):
        assert parsed(list(command.words)) == " ".join(_verb(command))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_option_in_the_text_of_a_page_exists(page: Path) -> None:
    unknown = []
    for verb, given in flags(page, set(cli.VERBS)):
        known = {"--help", "--config", "--overwrite", "--quiet", "--verbose"}
        for one in METHODS if verb.split()[0] == "run" else [verb]:
            _, apps, _ = cli.app.parse_commands(one.split())
            with cli.app.app_stack(one.split()):
                known |= set(option_names(apps[-1].assemble_argument_collection()))
        unknown += [f"{verb} {flag}" for flag in given if flag not in known]
    assert not unknown


METHODS = [f"run {method}" for method in cli.METHODS]
PLACES = [f"verbs/{cli.NAMES.get(verb, verb)}" for verb in cli.VERBS if verb != "run"]
PLACES += [f"walks/{method.replace('-', '_')}" for method in cli.METHODS]


@pytest.mark.parametrize("place", PLACES)
def test_the_example_in_the_help_of_a_verb_is_read_by_the_command_line(place: str) -> None:
    [example] = examples(cli.docstring(place))
    assert parsed(list(example.words)) == " ".join(_verb(example))


def _verb(command: Command) -> tuple[str, ...]:
    """The verb, and the method of a `run`, which a configuration file may name."""
    if command.words[0] != "run":
        return command.words[:1]
    return ("run", "tokenskip") if command.words[1].startswith("-") else command.words[:2]


# --- run ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small walk, whose files stand in for those that a page only speaks of."""
    pytest.importorskip("trl")
    pytest.importorskip("math_verify")
    folder = tmp_path_factory.mktemp("walk") / "q"
    small = (
        "run tokenskip --task arithmetic --model tiny --scorer surprisal:tiny --limit 12 "
        "--eval-limit 4 --ratios 1.0 0.5 --max-tokens 160 --max-steps 2"
    )
    with pytest.MonkeyPatch.context() as patch:
        assert typed(patch, [*small.split(), "--out", str(folder)]) == 0
    _own_rows(folder)
    return folder


def _own_rows(folder: Path) -> None:
    """Questions, and traces in several kinds of file."""
    (folder / "mine.csv").write_text("prompt,target,level\nWhat is 2 + 3?,5,easy\n")
    (folder / "traces.jsonl.gz").write_bytes(gzip.compress(TRACES.read_bytes()))
    chats = [json.loads(line) for line in TRACES.read_text("utf-8").splitlines()[:8]]
    rows = [
        {
            "question": chat["messages"][0]["content"],
            "completion": chat["messages"][1]["content"],
            "answer": chat["answer"],
        }
        for chat in chats
    ]
    with (folder / "more.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows[:4])
    (folder / "data").mkdir()
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    parquet.write_table(pyarrow.Table.from_pylist(rows[4:]), folder / "data" / "train-0.parquet")


def runs_here(command: Command) -> bool:
    """Whether a command can be run without network, server or launcher."""
    words = " ".join(bundled(command.words))
    serves = command.words[0] == "play"  # until somebody ends it
    return not serves and not command.launcher and not any(one in words for one in NEEDS_MORE)


def bundled(words: tuple[str, ...]) -> list[str]:
    """The words with what is bundled in place of what must be downloaded."""
    found = []
    for word in words:
        for pattern, here in BUNDLED:
            word = re.sub(pattern, here, word)
        found.append(word)
    return found


def small(words: list[str]) -> list[str]:
    """The words with small limits."""
    found = list(words)
    for flag, value in SMALL.items():
        if flag in found:
            if words[0] != "plan":
                found[found.index(flag) + 1] = value
        elif flag in ADDED.get(words[0], ()) and not (flag == "--limit" and "--traces" in words):
            found += [flag, value]
    if words[:2] == ["run", "tokenskip"] and "--scorer" not in words:
        found += ["--scorer", "surprisal:tiny"]  # its own is LLMLingua-2
    return found


def bring(words: list[str], made: set[str], walked: Path) -> None:
    """Copy what a command reads and nobody made; note what it writes in `made`."""
    for word in set(words) - outputs(words) - made:
        for one in re.findall(r"[\w./-]+", word):
            if one not in STAND_IN or Path(one).exists():
                continue
            source = walked / STAND_IN[one]
            if not source.exists():
                source = ROOT / STAND_IN[one]
            if source.is_dir():
                shutil.copytree(source, one.removesuffix("train-"), dirs_exist_ok=True)
                continue
            for beside in (source, meta_path(source), rows_path(source)):
                if beside.exists():
                    shutil.copy(
                        beside, one.partition(".")[0] + beside.name.removeprefix(_stem(source))
                    )
    made |= outputs(words)


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def outputs(words: list[str]) -> set[str]:
    """What a command writes."""
    if "--dry-run" in words:
        return set()
    return {words[place + 1] for place, word in enumerate(words) if word == "--out"}


@pytest.mark.slow
@pytest.mark.parametrize("page", [one for one in PAGES if name(one) not in RUN_ELSEWHERE], ids=name)
def test_the_commands_of_a_page_run_in_order(
    page: Path, tmp_path: Path, walked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [one for one in commands(page) if runs_here(one)]
    if not here:
        pytest.skip("no command that runs without a network")
    furnish(page, tmp_path, monkeypatch)
    made: set[str] = set()
    for command in here:
        words = small(bundled(command.words))
        if any(Path(out).exists() for out in outputs(words)):
            words.append("--overwrite")
        bring(words, made, walked)
        assert typed(monkeypatch, words) == 0, " ".join(words)
