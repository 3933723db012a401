"""`import cotpress` offers the stages and loads nothing; the pages that teach it run as they
stand.
"""

import ast
import inspect
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import cotpress
from cotpress import cli, errors, grading
from cotpress.training import formats

DOCS = Path(__file__).parents[1] / "docs"


HEAVY = {
    "conclusions": "torch",
    "load_vqvae": "torch",
    "mix": "torch",
    "train_vqvae": "torch",
    "train": "trl",
    "train_scorer": "trl",
}
"""Names that need more than the core, and what they need."""

FUNCTIONS = [name for name in cotpress.__all__ if name.islower() and not name.startswith("_")]

OPTIONS = [
    "Columns",
    "MixPlan",
    "Origin",
    "Plan",
    "Rules",
    "Sampling",
    "ScorerOptions",
    "TrainOptions",
    "VqvaeOptions",
    "VqvaeShape",
    "Wish",
]
"""Classes whose fields are choices of the caller; those of the records are in formats.md."""

SECTION = re.compile(r"^(\w+):\n((?:    .*\n|\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^    (\*{0,2}\w+): \S", re.MULTILINE)


def sections(function: Callable[..., object]) -> dict[str, str]:
    """The sections of a docstring in their order, by heading."""
    return dict(SECTION.findall(f"{inspect.getdoc(function)}\n"))


def offered(name: str) -> Callable[..., object]:
    if name in HEAVY:
        pytest.importorskip(HEAVY[name])
    return getattr(cotpress, name)


def snippets(page: str, language: str = "python") -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [code for named, code in blocks if named == language]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    script = "import sys, cotpress; print([name for name in sys.modules if name.startswith(('cotpress.', 'msgspec', 'torch'))])"
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )


@pytest.mark.parametrize("verb", [*cli.WALK, "export"])
def test_the_stage_of_every_verb_is_offered(verb: str) -> None:
    names = {
        "import": "import_traces",
        "eval": "evaluate",
        "train-scorer": "train_scorer",
        "train-vqvae": "train_vqvae",
        "report": "make_report",
    }
    assert names.get(verb, verb) in cotpress.__all__


def test_every_name_is_offered_and_typed_alike() -> None:
    body = ast.parse((Path(cotpress.__file__).with_suffix(".pyi")).read_text(encoding="utf-8")).body
    typed = {
        alias.asname for node in body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert {"__version__", *typed} == set(cotpress.__all__) == set(dir(cotpress))


@pytest.mark.parametrize("name", cotpress.__all__)
def test_each_name_leads_somewhere_documented(name: str) -> None:
    assert offered(name).__doc__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_docstring_of_each_function_has_its_sections_in_order(name: str) -> None:
    function = offered(name)
    gives = "Yields" if inspect.isgeneratorfunction(function) else "Returns"
    found = list(sections(function))
    assert found in (["Args", gives], ["Args", gives, "Raises"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_docstring_of_each_function_explains_its_parameters_and_no_others(name: str) -> None:
    function = offered(name)
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(function).parameters.values()
    expected = [stars.get(one.kind, "") + one.name for one in parameters]
    assert ENTRY.findall(sections(function)["Args"]) == expected


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_is_said_to_raise_is_an_error_that_a_user_can_mend(name: str) -> None:
    function = offered(name)
    said = sections(function).get("Raises")
    if said is None:
        assert not re.search(r"\braise\b", inspect.getsource(function))
    else:
        raised = ENTRY.findall(said)
        assert raised
        assert all(issubclass(getattr(errors, error), errors.CotpressError) for error in raised)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_field_of_what_functions_are_called_with_has_its_sentence(name: str) -> None:
    [of] = ast.parse(inspect.getsource(offered(name))).body
    assert isinstance(of, ast.ClassDef)
    for field, after in zip(of.body, [*of.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            assert isinstance(after, ast.Expr), ast.unparse(field)
            assert isinstance(after.value, ast.Constant)


def test_a_name_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'cotpress' has no attribute 'compres'"):
        cotpress.compres  # noqa: B018
    assert not hasattr(cotpress, "load_model_of_mine")


@pytest.mark.slow
def test_the_notebook_runs_as_it_stands(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trl")
    names: dict[str, object] = {"__name__": "notebook"}
    for snippet in snippets("library.md"):
        exec(compile(snippet, "docs/library.md", "exec"), names)
    said = capsys.readouterr().out
    assert "asked 0.5, kept 0.5" in said
    assert "<ratio>0.5</ratio>" in said
    assert re.search(r"^tokenskip 0\.5 \d+% \[\d+%, \d+%\] \d+ tokens$", said, re.MULTILINE)
    assert (workplace / "short-tiny" / "chat_template.jinja").is_file()
    assert "at 0.5 the conclusion loses" in said
    assert re.search(r"<boLatent>(<\|latent_\d+\|>)+<eoLatent>", said)
    assert "<html" in (workplace / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_commands_of_the_page_run_as_they_stand(workplace: Path) -> None:
    pytest.importorskip("trl")
    commands = [line for block in snippets("library.md", "") for line in block.splitlines()]
    assert len(commands) == (DOCS / "library.md").read_text(encoding="utf-8").count("cotpress run")
    for command in commands:
        _, *words = shlex.split(command)
        subprocess.run(
            [sys.executable, "-c", "from cotpress.cli import main; main()", *words], check=True
        )
    assert (workplace / "runs" / "q" / "report.html").is_file()


def test_the_plug_ins_of_the_page_on_extending_work_as_they_stand(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    package = ModuleType("my_pkg")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "my_pkg", package)
    pages = {
        "my_scorer": "class LongWords",
        "last_word": "-> Grader:",
        "double": '"my_pkg.double"',
        "my_format": "class Plain",
        "line": 'def load(target: str = "") -> Unit',
    }
    for name, mark in pages.items():
        [code] = [code for code in snippets("extending.md") if mark in code]
        module = ModuleType(f"my_pkg.{name}")
        exec(compile(code, f"docs/extending.md ({name})", "exec"), module.__dict__)
        monkeypatch.setitem(sys.modules, f"my_pkg.{name}", module)
    task = cotpress.load_task("my_pkg.double")
    problems = [problem for problem, _ in zip(task.problems("test"), range(3), strict=False)]
    assert [problem.answer for problem in problems] == ["2", "6", "10"]
    assert grading.load("my_pkg.last_word")("so it is 18", "18").correct
    said = ["Twice one is surely two", "three and three are six"]
    traces = [
        cotpress.Trace(
            problem=problem,
            model="m",
            reasoning=text,
            conclusion="So it is.",
            n_tokens=5,
            n_conclusion_tokens=4,
            finished=True,
        )
        for problem, text in zip(problems, said, strict=False)
    ]
    scored = list(
        cotpress.score(
            traces, cotpress.load_scorer("my_pkg.my_scorer"), cotpress.load_model("tiny")
        )
    )
    [whole, _] = cotpress.compress(scored, [1.0], rules=cotpress.Rules(unit="my_pkg.line"))
    assert whole.cuts[0].reasoning == said[0]
    [none, _] = cotpress.compress(scored, [0.9], rules=cotpress.Rules("my_pkg.line", "none"))
    assert none.cuts[0].reasoning == ""  # one line, which does not fit
    assert max(scored[0].importance) == len(" surely")
    rows = formats.load("my_pkg.my_format").rows(
        cotpress.compress(scored, [0.5]), formats.Drawing(), Counter(), Counter()
    )
    assert [row.text.split() for row in rows]  # type: ignore[attr-defined]
    cotpress.write(Path("graded.jsonl"), traces)
    [stage] = [code for code in snippets("extending.md") if "graded.jsonl" in code]
    exec(compile(stage, "docs/extending.md", "exec"), {})
