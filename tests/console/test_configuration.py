"""`--config`: the flags of a verb as TOML, and the resolved ones beside every output."""

import json
import tomllib
from inspect import signature
from pathlib import Path

import msgspec
import pytest
from command import cotpress
from hypothesis import given
from hypothesis import strategies as st

from cotpress import cli, storage
from cotpress.console import config
from cotpress.errors import CotpressError
from cotpress.latent.about import ABOUT as VQVAE
from cotpress.lm.checkpoint import FINISHED
from cotpress.records import CompressedTrace, Trace
from cotpress.replacing import MADE
from cotpress.verbs.compress import compress

DATA = Path(__file__).parents[1] / "data"
CONFIGS = Path(__file__).parents[2] / "recipes" / "configs"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scored.jsonl").write_bytes((DATA / "scored.jsonl").read_bytes())
    (tmp_path / "c.toml").write_text(
        '[compress]\nscored = "scored.jsonl"\nratios = [0.5, 0.7]\nprotect_regex = "a+"\nout = "c.jsonl"\n'
    )
    return tmp_path


def ratios(path: str) -> list[float | None]:
    return [cut.ratio for cut in next(storage.read(Path(path), CompressedTrace)).cuts]


# --- reading --------------------------------------------------------------------------------------


def test_a_file_gives_the_flags_and_the_inputs_of_a_verb_and_what_is_typed_wins(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cotpress(monkeypatch, "compress --config c.toml") == 0
    assert ratios("c.jsonl") == [0.5, 0.7]
    assert json.loads((room / "c.meta.json").read_bytes())["options"]["protect_regex"] == "a+"
    assert cotpress(monkeypatch, "compress --config c.toml --ratios 0.9 --out d.jsonl") == 0
    assert ratios("d.jsonl") == [0.9]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[compress]\nratio = [0.5]", "unknown key of [compress] in c.toml 'ratio'; did you mean"),
        ("[compres]\nratios = [0.5]", "unknown table in c.toml 'compres'; did you mean compress?"),
        ("[run.tokenskp]\ntask = 'a'", "unknown key of [run] in c.toml 'tokenskp'; did you mean"),
        ("[score]\ntarget = 'a'", "c.toml has no table [compress], only [score]: write the flags"),
        ("ratios = [0.5]", "'ratios' in c.toml stands in no table: write [VERB] above"),
        ("[compress", "c.toml cannot be read as TOML"),
        ("[compress]\nout = 'o'\nscored = 'x'\nratios = ['half']", 'unable to convert "half"'),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, text: str, says: str
) -> None:
    (room / "c.toml").write_text(text)
    assert cotpress(monkeypatch, "compress --config c.toml") == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_a_file_that_is_not_there_and_one_without_a_walk_are_named(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert cotpress(monkeypatch, "compress --config none.toml") == 2
    assert "no file none.toml: check the path behind --config" in capsys.readouterr().err
    assert cotpress(monkeypatch, "run --config c.toml") == 2
    assert "c.toml holds the walks none: write cotpress run METHOD" in capsys.readouterr().err


# --- writing --------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False),
    st.lists(st.text()),
    st.lists(st.floats(allow_nan=False)),
)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}(-[a-z]{1,5})?", fullmatch=True), VALUES))
def test_what_is_written_is_toml_with_the_same_values(values: dict) -> None:
    assert tomllib.loads(config.as_toml(["run", "x"], values)) == {"run": {"x": values}}


def test_the_resolved_configuration_holds_every_option_and_repeats_the_verb(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cotpress(monkeypatch, "compress scored.jsonl --ratios 0.5 0.7 --out a.jsonl") == 0
    values = tomllib.loads((room / "a.config.toml").read_text())["compress"]
    options = {name.replace("_", "-") for name in signature(compress).parameters}
    none = {"protect", "longest-run", "keep-answer", "above"}  # by default
    assert set(values) == options - none
    assert cotpress(monkeypatch, "compress --config a.config.toml --out b.jsonl") == 0
    assert (room / "a.jsonl").read_bytes() == (room / "b.jsonl").read_bytes()


def test_a_verb_that_failed_writes_no_configuration(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cotpress(monkeypatch, "compress none.jsonl --ratios 0.5 --out a.jsonl") == 2
    assert not (room / "a.config.toml").exists()


# --- the ready ones -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_ready_configuration_is_taken_by_its_verbs(path: Path) -> None:
    config.check(path, cli.VERBS, cli.METHODS)
    commands = list(config.commands_of(config.tables(path)))
    assert commands
    for command in commands:
        _, _, bound = cli._parsed(list(command), path)
        assert "out" in config.resolved(bound)
    assert f"| `{path.name}`" in (CONFIGS / "README.md").read_text().replace("then `", "| `")


def test_the_toy_runs_and_its_resolved_configuration_repeats_it_to_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for package in ("trl", "math_verify", "jinja2"):
        pytest.importorskip(package)
    few = "--limit 12 --eval-limit 4 --batch 4 --out q"
    first, second = tmp_path / "one" / "q", tmp_path / "two" / "q"
    first.parent.mkdir()
    second.parent.mkdir()
    monkeypatch.chdir(first.parent)
    assert cotpress(monkeypatch, f"run --config {CONFIGS / 'tiny.toml'} {few}") == 0
    monkeypatch.chdir(second.parent)
    assert cotpress(monkeypatch, f"run --config {first}/config.toml") == 0
    for name in ("graded.jsonl", "eval.jsonl"):
        one, two = (list(map(_timeless, storage.read(q / name, Trace))) for q in (first, second))
        assert one == two
        assert one
    for name in ("train.jsonl", "model/train_log.jsonl", "config.toml"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    capsys.readouterr()
    assert cotpress(monkeypatch, "run --config q/config.toml") == 0
    assert capsys.readouterr().err.count("was finished before under the same options") == 7


def _timeless(trace: Trace) -> dict:
    found = msgspec.to_builtins(trace)
    found.pop("seconds")
    return found


# --- --overwrite ----------------------------------------------------------------------------------


def test_an_output_is_replaced_on_purpose_and_stays_where_the_new_one_fails(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    made = "compress scored.jsonl --out a.jsonl"
    assert cotpress(monkeypatch, f"{made} --ratios 0.5") == 0
    assert cotpress(monkeypatch, f"{made} --ratios 0.7") == 2
    assert "with --overwrite" in capsys.readouterr().err
    before = (room / "a.jsonl").read_bytes()
    for broken in ("--ratios 5", "--ratios 0.5 --unit nosuch"):
        assert cotpress(monkeypatch, f"{made} --overwrite {broken}") == 2
        assert (room / "a.jsonl").read_bytes() == before
        assert (room / "a.meta.json").exists()
    assert cotpress(monkeypatch, "compress a.jsonl --out a.jsonl --ratios 0.5 --overwrite") == 2
    assert (room / "a.jsonl").read_bytes() == before
    assert cotpress(monkeypatch, f"{made} --ratios 0.7 --overwrite") == 0
    assert ratios("a.jsonl") == [0.7]
    assert not list(room.glob(".*"))


def test_what_no_verb_made_is_never_removed(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (room / "thesis").mkdir()
    (room / "thesis" / "thesis.tex").write_text("")
    (room / "mine.jsonl").write_text("{}")
    for out in ("thesis", "mine.jsonl"):
        command = f"compress scored.jsonl --ratios 0.5 --out {out} --overwrite"
        assert cotpress(monkeypatch, command) == 2
        assert f"{out} was not made by cotpress" in capsys.readouterr().err
    assert (room / "thesis" / "thesis.tex").exists()
    assert (room / "mine.jsonl").read_text() == "{}"


def test_several_processes_replace_nothing(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert cotpress(monkeypatch, "compress --config c.toml --overwrite") == 2
    assert "cannot be used by several processes at once: remove c.jsonl" in capsys.readouterr().err


def test_the_folders_that_may_be_replaced_are_those_that_verbs_make() -> None:
    pytest.importorskip("transformers")
    from cotpress.serving.export import ABOUT

    assert set(MADE) == {FINISHED, ABOUT, VQVAE, config.NAME}


def test_what_a_killed_replacement_left_aside_is_not_lost(
    room: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (room / ".a.jsonl.replaced").mkdir()
    command = "compress scored.jsonl --ratios 0.5 --out a.jsonl --overwrite"
    assert cotpress(monkeypatch, command) == 2
    assert "holds what a stopped run was to replace" in capsys.readouterr().err


def test_a_configuration_that_cannot_be_understood_is_an_error_of_the_user(room: Path) -> None:
    with pytest.raises(CotpressError, match="has no table"):
        config.table(room / "c.toml", ["eval"])
