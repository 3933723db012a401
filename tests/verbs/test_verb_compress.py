"""`cotpress compress`: files in, files out, what is printed and what is refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from make import make_scored

from cotpress import storage
from cotpress.cli import app
from cotpress.errors import CotpressError
from cotpress.pipeline import compress as stage
from cotpress.records import CompressedTrace, Percentile, ScoredTrace


def scored_trace(name: str, reasoning: str, scorer: str = "random") -> ScoredTrace:
    n = len(reasoning)
    return make_scored(
        reasoning, [float(i % 3) for i in range(n)], scorer=scorer, id=name, n_tokens=n
    )


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    path = tmp_path / "scored.jsonl"
    records = [scored_trace("a", "abcdefghij"), scored_trace("b", "1+1=2,3+3=6")]
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return path


def run(*words: object) -> None:
    app(
        [str(word) for word in ("compress", *words)],
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )


def test_every_trace_is_written_at_every_ratio(scored: Path, tmp_path: Path) -> None:
    run(scored, "--ratios", "0.5", "0.7", "1.0", "--out", tmp_path / "out.jsonl")
    one, other = storage.read(tmp_path / "out.jsonl", CompressedTrace)
    assert [(cut.ratio, cut.n_tokens) for cut in one.cuts] == [(0.5, 5), (0.7, 7), (1.0, 10)]
    assert [(cut.ratio, cut.n_tokens) for cut in other.cuts] == [(0.5, 3), (0.7, 7), (1.0, 11)]
    assert (one.cuts[0].reasoning, other.cuts[0].reasoning) == ("bcefi", "1+1")
    assert {(one.method, one.unit, one.protect) for one in (one, other)} == {
        ("tokenskip", "number", "symbols")
    }


def test_the_method_is_what_the_report_will_call_it(scored: Path, tmp_path: Path) -> None:
    run(scored, "--ratios", "0.5", "--method", "cts", "--out", tmp_path / "out.jsonl")
    assert {cut.method for cut in storage.read(tmp_path / "out.jsonl", CompressedTrace)} == {"cts"}


def test_the_name_of_an_untrained_control_is_refused_before_anything_is_written(
    scored: Path, tmp_path: Path
) -> None:
    with pytest.raises(CotpressError, match=r"random names a control.*such as chance"):
        run(scored, "--ratios", 0.5, "--method", "random", "--out", tmp_path / "cut.jsonl")
    assert not (tmp_path / "cut.jsonl").exists()


def test_a_line_per_ratio_says_what_was_kept_and_how_often_the_budget_was_exceeded(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--ratios", "0.5", "1.0", "--protect", "strict")
    run(scored, *options, "--out", tmp_path / "out.jsonl")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-3:] == [
        "ratio 0.5: 0.750 kept on average of 2 traces, 1 over budget "
        "(protected tokens alone exceed it)",
        "  more than asked for: what is never dropped exceeds the budget. --protect symbols drops "
        "mathematics last instead; without --longest-run gaps may be longer.",
        "ratio 1: 1.000 kept on average of 2 traces",
    ]


def test_a_mean_far_below_the_ratio_is_said_with_the_cure(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for unit, cure in (
        ("number", "Ask for a larger ratio to make up for it."),
        ("word", "--unit number divides more."),
    ):
        run(scored, "--ratios", "0.5", "--unit", unit, "--out", tmp_path / f"{unit}.jsonl")
        assert capsys.readouterr().err.splitlines()[-1] == (
            f"  less than asked for: the next formula, table or code did not fit. {cure}"
        )


def test_json_prints_the_summary_on_standard_output_and_the_meta_file_holds_it(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--ratios", "0.5", "--protect", "strict", "--json")
    run(scored, *options, "--out", tmp_path / "out.jsonl")
    wanted = [{"ratio": 0.5, "n": 2, "kept": 0.75, "n_over_budget": 1}]
    assert msgspec.json.decode(capsys.readouterr().out) == wanted
    meta = msgspec.json.decode((tmp_path / "out.meta.json").read_bytes())
    assert meta["ratios"] == wanted
    assert meta["options"]["ratios"] == [0.5]


def test_a_rerun_does_nothing_again_and_still_sums_up(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (scored, "--ratios", "0.5", "--json", "--out", tmp_path / "out.jsonl")
    run(*words)
    first, before = capsys.readouterr().out, (tmp_path / "out.jsonl").stat().st_mtime_ns
    run(*words)
    out, err = capsys.readouterr()
    assert out == first
    assert "nothing to do" in err
    assert (tmp_path / "out.jsonl").stat().st_mtime_ns == before


def test_an_interrupted_output_is_begun_again(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(scored, "--ratios", "0.5", "--out", tmp_path / "whole.jsonl")

    def interrupted(*args: object, **options: object) -> Iterator[CompressedTrace]:
        yield next(stage.compress(*args, **options))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(
            "cotpress.verbs.compress.stage",
            SimpleNamespace(**{**vars(stage), "compress": interrupted}),
        )
        with pytest.raises(KeyboardInterrupt):
            run(scored, "--ratios", "0.5", "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    run(scored, "--ratios", "0.5", "--out", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_ratio_given_twice_is_cut_once(scored: Path, tmp_path: Path) -> None:
    run(scored, "--ratios", "0.5", "0.50", "--out", tmp_path / "out.jsonl")
    assert len(list(storage.read(tmp_path / "out.jsonl", CompressedTrace))) == 2


@pytest.mark.parametrize("ratio", ["0", "1.5", "nan", "0.123"])
def test_a_ratio_that_is_none_is_refused_before_anything_is_written(
    scored: Path, tmp_path: Path, ratio: str
) -> None:
    with pytest.raises(CotpressError, match="ratio"):
        run(scored, "--ratios", "0.5", ratio, "--out", tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == [scored]


def test_no_input_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-c",
        "from cotpress.cli import main; main()",
        "compress",
        "no.jsonl",
        "--ratios",
        "0.5",
    ]
    done = subprocess.run(
        [*words, "--out", "out.jsonl"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("cotpress: no file no.jsonl")
    assert len(done.stderr.splitlines()) == 1


def test_other_budgets_are_kept_through_the_files(scored: Path, tmp_path: Path) -> None:
    found = {}
    for option, value in (("--longest-run", "1"), ("--budget", "window"), ("--budget", "dataset")):
        out = tmp_path / f"{value}.jsonl"
        run(scored, "--ratios", "0.3", option, value, "--out", out)
        found[value] = [one.cuts[0].reasoning for one in storage.read(out, CompressedTrace)]
    assert found == {
        "1": ["bcefhi", "1+1=2,3+3=6"],
        "window": ["cfi", "1+1"],
        "dataset": ["", "1+1"],
    }


def test_units_and_protection_are_choices_of_the_cut_and_of_nothing_before_it(
    tmp_path: Path,
) -> None:
    scored, out = tmp_path / "scored.jsonl", tmp_path / "out.jsonl"
    text = "add 12 to 34 now"
    importance = [0.0 if c in " 1234" else float(i % 3) for i, c in enumerate(text)]
    storage.write(scored, [make_scored(text, importance)])
    found = {}
    for options in ((), ("--unit", "word"), ("--protect", "none"), ("--protect-regex", "now")):
        run(scored, "--ratios", "0.5", *options, "--out", out)
        (one,) = storage.read(out, CompressedTrace)
        found[options] = one.cuts[0].reasoning
        assert [one.unit, one.protect, one.protect_regex] == [
            options[1] if "--unit" in options else "number",
            options[1] if "--protect" in options else "symbols",
            options[1] if "--protect-regex" in options else "",
        ]
        out.unlink()
    assert found[()] == "d 12o 34"
    assert len(set(found.values())) == len(found)


def test_a_word_is_the_unit_of_llmlingua_where_nothing_else_is_said(tmp_path: Path) -> None:
    scored, out = tmp_path / "scored.jsonl", tmp_path / "out.jsonl"
    storage.write(scored, [scored_trace("a", "abc def", scorer="llmlingua2:x")])
    run(scored, "--ratios", "0.5", "--out", out)
    assert next(storage.read(out, CompressedTrace)).unit == "word"


def test_a_released_selection_has_pieces_of_its_own(tmp_path: Path) -> None:
    scored = tmp_path / "scored.jsonl"
    rule = Percentile(weights=[1] * 3, chunk_ends=[3], n_tokens=[1] * 3)
    storage.write(scored, [make_scored("abc", [1, 2, 3], percentile=rule)])
    for option in (("--unit", "word"), ("--protect", "symbols"), ("--protect-regex", "a")):
        with pytest.raises(CotpressError, match="leave out --unit, --protect and --protect-regex"):
            run(scored, "--ratios", "0.5", *option, "--out", tmp_path / "out.jsonl")
    run(scored, "--ratios", "0.5", "--out", tmp_path / "out.jsonl")


def test_a_unit_there_is_not_is_named_before_anything_is_written(
    scored: Path, tmp_path: Path
) -> None:
    with pytest.raises(CotpressError, match="unknown unit 'words'; did you mean word"):
        run(scored, "--ratios", "0.5", "--unit", "words", "--out", tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == [scored]


def test_what_scored_above_a_threshold_is_kept_and_the_whole_ones_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "scored.jsonl", tmp_path / "out.jsonl"
    storage.write(path, [scored_trace("a", "abcdefghi"), scored_trace("b", "a")])
    run(path, "--above", "0", "--method", "mine", "--out", out)
    one, other = storage.read(out, CompressedTrace)
    assert (one.cuts[0].reasoning, other.cuts[0].reasoning) == ("bcefhi", "")
    assert {(each.method, each.protect, each.cuts[0].asked.ratio) for each in (one, other)} == {
        ("mine", "none", None)
    }
    assert "0.333 kept on average of 2 traces, 0 of them kept whole" in capsys.readouterr().err
    run(path, "--above", "-1", "--out", tmp_path / "all.jsonl")
    assert "1.000 kept on average of 2 traces, 2 of them kept whole" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    ["--ratios 0.5", "--budget dataset", "--longest-run 3", "--protect symbols"],
)
def test_a_threshold_leaves_no_budget_to_choose(scored: Path, tmp_path: Path, words: str) -> None:
    with pytest.raises(CotpressError, match="--above keeps what scored above it"):
        run(scored, "--above", "0", *words.split(), "--out", tmp_path / "out.jsonl")


def test_scores_of_a_beginning_have_nothing_to_protect_and_name_their_method(
    tmp_path: Path,
) -> None:
    path = tmp_path / "scored.jsonl"
    one = msgspec.structs.replace(scored_trace("a", "a1b2c3", "prefix"), from_start=True)
    storage.write(path, [one])
    with pytest.raises(CotpressError, match="the scores of prefix keep a beginning"):
        run(path, "--ratios", "0.5", "--protect", "symbols", "--out", tmp_path / "out.jsonl")
    run(path, "--ratios", "0.5", "--unit", "token", "--out", tmp_path / "out.jsonl")
    (made,) = storage.read(tmp_path / "out.jsonl", CompressedTrace)
    assert (made.method, made.protect) == ("prefix", "none")


def test_mathematics_in_sentences_and_steps_is_not_protected_unless_it_is_asked_for(
    scored: Path, tmp_path: Path
) -> None:
    for unit, words, protect in (
        ("step", (), "none"),
        ("sentence", (), "none"),
        ("step", ("--protect", "symbols"), "symbols"),
        ("number", (), "symbols"),
    ):
        out = tmp_path / f"{unit}-{len(words)}.jsonl"
        run(scored, "--ratios", "0.5", "--unit", unit, *words, "--out", out)
        assert {one.protect for one in storage.read(out, CompressedTrace)} == {protect}
