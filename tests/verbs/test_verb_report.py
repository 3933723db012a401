import builtins
import importlib
import json

import msgspec
import pytest
from make import make_problem, make_row, make_scored, make_trace

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.pipeline.compress import compress
from cotpress.pipeline.segmenting import Rules
from cotpress.records import Grade, ScoredTrace
from cotpress.verbs.report import report


def trace(number=0, method="original", ratio=None):
    grade = Grade(answer="42", correct=True, status="ok")
    about = {
        "id": f"p{number}",
        "question": "6 x 7?",
        "answer": "42",
        "task": "arithmetic",
        "model": "tiny",
    }
    return make_trace(
        "6 x 7 = 42", method=method, ratio=ratio, conclusion="42", n_tokens=5, grade=grade, **about
    )


def row(method="original", ratio=None):
    return make_row(
        method, ratio, model="tiny", kept=ratio or 1.0, p_value=None if ratio is None else 1.0
    )


def write(path, records):
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return path


@pytest.fixture
def evaluated(tmp_path):
    write(tmp_path / "eval.rows.jsonl", [row(), row("tokenskip", 0.6)])
    (tmp_path / "eval.meta.json").write_text(
        '{"verb": "eval", "options": {"limit": 500, "task": "arithmetic"}}'
    )
    return write(tmp_path / "eval.jsonl", [trace(), trace(0, "tokenskip", 0.6)])


def test_report_writes_page_json_and_markdown_beside_one_another(evaluated, capsys):
    pytest.importorskip("jinja2")
    scored = ScoredTrace(
        trace=trace(), scorer="random", ends=[1, 3, 5, 7, 10], importance=[1.0] * 5
    )
    cuts = write(evaluated.with_name("scored.jsonl"), [scored])
    out = evaluated.with_name("report.html")
    report(evaluated, scored=[cuts], out=out)
    page = out.read_text(encoding="utf-8")
    assert "At ratio 0.6 the model reasons in 60\u00a0% of the tokens" in page
    assert f"cotpress report {evaluated} --scored {cuts} --out {out}" in page
    assert "eval --limit 500 --task arithmetic" in page
    assert len(json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["rows"]) == 2
    assert (
        out.with_suffix(".md")
        .read_text(encoding="utf-8")
        .startswith("# What shorter reasoning costs")
    )
    assert (
        capsys.readouterr().err
        == f"report: 2 rows, 1 of 1 problems in {out}, report.json and report.md\n"
    )
    assert sorted(path.name for path in evaluated.parent.glob("report*")) == [
        "report.csv",
        "report.html",
        "report.json",
        "report.md",
    ]


def test_several_evaluations_make_one_report(evaluated):
    write(evaluated.with_name("more.rows.jsonl"), [row(), row("cts", 0.6)])
    more = write(evaluated.with_name("more.jsonl"), [trace(1, "cts", 0.6)])
    report(evaluated, more, out=evaluated.with_name("report.html"))
    rows = json.loads(evaluated.with_name("report.json").read_text(encoding="utf-8"))["rows"]
    assert [found["setting"]["method"] for found in rows] == ["original", "cts", "tokenskip"]


def test_folders_of_runs_are_compared_in_one_page(tmp_path):
    for name, method in (("a", "tokenskip"), ("b", "cts"), ("c", "c3ot")):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "eval.rows.jsonl", [row(), row(method, 0.6)])
        write(tmp_path / name / "eval.jsonl", [trace(), trace(0, method, 0.6)])
    out = tmp_path / "all.html"
    report(*(tmp_path / name for name in "abc"), out=out)
    rows = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["rows"]
    assert {found["setting"]["method"] for found in rows} == {
        "original", "tokenskip", "cts", "c3ot",
    }  # fmt: skip
    assert 'href="all.csv"' in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("format", "begins"),
    [("md", "| Method"), ("latex", "% needs"), ("csv", "model,"), ("json", "[")],
)
def test_a_table_for_a_paper_is_written_alone(evaluated, format, begins):
    out = evaluated.with_name("table.txt")
    report(evaluated, format=format, out=out)
    assert out.read_text(encoding="utf-8").startswith(begins)
    assert not list(evaluated.parent.glob("table.*"))[1:]


def test_a_table_of_nothing_is_refused(tmp_path):
    with pytest.raises(CotpressError, match=r"a table needs what `cotpress eval` wrote"):
        report(format="csv", out=tmp_path / "t.csv")


def test_without_the_extra_the_json_and_the_markdown_are_written_and_one_line_says_what_the_page_needs(
    evaluated, capsys, monkeypatch
):
    real = importlib.import_module

    def missing(name, *more):
        if name.partition(".")[0] == "jinja2":
            raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")
        return real(name, *more)

    monkeypatch.setattr(importlib, "import_module", missing)
    out = evaluated.with_name("report.html")
    report(evaluated, out=out)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("the HTML page needs the package 'jinja2': pip install 'cotpress[report]'")
    assert out.with_suffix(".json").exists()
    assert out.with_suffix(".md").exists()
    assert not out.exists()


def test_the_verb_imports_neither_jinja2_nor_latex2mathml_before_it_makes_the_page(monkeypatch):
    real = builtins.__import__

    def refusing(name, *more, **options):
        assert name.partition(".")[0] not in ("jinja2", "latex2mathml", "torch", "pandas")
        return real(name, *more, **options)

    module = importlib.import_module("cotpress.verbs.reporting")
    monkeypatch.setattr(builtins, "__import__", refusing)
    importlib.reload(module)


def test_traces_without_rows_beside_them_are_refused_with_the_cure(tmp_path):
    alone = write(tmp_path / "traces.jsonl", [trace()])
    with pytest.raises(
        CotpressError, match=r"no .*traces\.rows\.jsonl beside .*traces\.jsonl: run `cotpress eval`"
    ):
        report(alone, out=tmp_path / "report.html")
    assert not list(tmp_path.glob("report*"))


def test_a_missing_file_no_file_and_a_page_that_is_no_page_are_refused_in_one_sentence(evaluated):
    with pytest.raises(CotpressError, match=r"no file .*missing\.jsonl"):
        report(evaluated.with_name("missing.jsonl"), out=evaluated.with_name("report.html"))
    with pytest.raises(CotpressError, match="report needs an evaluation"):
        report(out=evaluated.with_name("report.html"))
    with pytest.raises(CotpressError, match=r"end it in \.html"):
        report(evaluated, out=evaluated.with_name("report.json"))


def test_rows_that_are_empty_are_refused(evaluated):
    write(evaluated.with_name("eval.rows.jsonl"), [])
    with pytest.raises(CotpressError, match="no rows in"):
        report(evaluated, out=evaluated.with_name("report.html"))


def test_a_bad_line_leaves_an_earlier_report_as_it_was(evaluated):
    out = evaluated.with_name("report.html")
    out.with_suffix(".json").write_text("before")
    evaluated.write_bytes(evaluated.read_bytes() + b'{"model": 1}\n')
    with pytest.raises(CotpressError, match=r"eval\.jsonl:3: not a Trace"):
        report(evaluated, out=out)
    assert out.with_suffix(".json").read_text() == "before"


def test_what_the_wording_tells_is_measured_on_the_cuts_as_they_were_made(tmp_path):
    pytest.importorskip("jinja2")
    texts = [" So it is.", " But we add.", " Now it is."]
    traces = [make_scored(texts, [3.0, 1.0, 2.0], problem=make_problem(f"{n}")) for n in range(30)]
    scored, cuts, out = (tmp_path / name for name in ("s.jsonl", "c.jsonl", "report.html"))
    storage.write(scored, traces)
    storage.write(cuts, compress(traces, [0.5], rules=Rules("sentence", "none")))

    def unit(**options):
        report(scored=[scored], out=out, **options)
        return json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["wording"][0][
            "unit"
        ]

    assert (unit(), unit(verified=cuts)) == ("number", "sentence")
