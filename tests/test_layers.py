"""Imports point down, never in a circle, and the core never loads what an extra brings."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cotpress
from cotpress.plugins import EXTRAS

PACKAGE = Path(cotpress.__file__).parent

FLOORS = (
    {"__init__", "errors", "kinds", "shown"},
    {"answers", "prompts", "jsonl", "pieces"},
    {"failures"},
    {"atoms", "storage", "segments", "steps", "plugins", "records", "methods", "latent_tokens"},
    {"remote"},
    {"folders", "inputs", "replacing"},
    {"lm", "grading"},
    {"models"},
    {"backends", "pipeline", "scorers", "rewards", "latent"},
    {"tasks", "evaluation", "training"},
    {"report", "serving", "harness", "testing"},
    {"doctor", "play"},
    {"walks"},
    {"cost", "engine"},
    {"verbs"},
    {"console"},
    {"cli"},
    {"__main__"},
)
"""Bottom first. A module imports from lower floors and from its own
folder only: `pipeline` never imports `scorers`.
"""

ASKED_FOR = {
    f"cotpress.training.{name}"
    for name in (
        "blend",
        "sft",
        "rows",
        "packing",
        "trainer",
        "vocabulary",
        "quantised",
        "scorer",
        "grpo",
        "dpo",
    )
}
"""Core modules no more: loaded by the one verb that needs them. So are the plug-ins and
`latent`.
"""


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(module: str, path: Path) -> dict[str, int]:
    """The modules of the package that a file imports anywhere in it, with the line."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = (
                ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
                if node.level
                else ""
            )
            source = ".".join(filter(None, [above, node.module]))
            names = [
                dotted if (dotted := f"{source}.{alias.name}") in MODULES else source
                for alias in node.names
            ]
        else:
            continue
        found |= {name: node.lineno for name in names if name in MODULES}
    return found


EDGES = {module: imported(module, path) for module, path in MODULES.items()}


def unit(module: str) -> str:
    """The folder, or the file at the top, that a module belongs to."""
    return [*module.split("."), "__init__"][1]


def folder(module: str) -> Path:
    """The folder that a module's file stands in."""
    return MODULES[module].parent


def floor(module: str) -> int:
    found = [number for number, units in enumerate(FLOORS) if unit(module) in units]
    assert found, f"{module} stands on no floor: give it one in FLOORS"
    return found[0]


def is_core(module: str) -> bool:
    return module not in ASKED_FOR and (
        unit(module) not in {"lm", "models", "scorers", "tasks", "latent", "harness"}
        or module.count(".") == 1
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_import_points_down(module: str) -> None:
    for target, line in EDGES[module].items():
        down = floor(target) < floor(module) or unit(target) == unit(module)
        assert down, (
            f"{MODULES[module]}:{line}: {module} must not import {target}, which stands no lower"
        )


@pytest.mark.parametrize("module", MODULES)
def test_what_a_folder_keeps_to_itself_is_imported_from_no_other_folder(module: str) -> None:
    for target, line in EDGES[module].items():
        private = target.rpartition(".")[2].startswith("_")
        assert not private or folder(target) == folder(module), (
            f"{MODULES[module]}:{line}: {module} must not import {target}"
        )


def test_no_verb_imports_a_verb() -> None:
    verbs = [module for module in MODULES if module.startswith("cotpress.verbs.")]
    for module in verbs:
        found = {
            target
            for target in EDGES[module]
            if target in MODULES and target.startswith("cotpress.verbs.")
        }
        names = ("common", "eval_asking", "eval_traces", "failing", "graders", "groups")
        names += ("progress", "reporting", "spread")
        shared = {f"cotpress.verbs.{name}" for name in names}
        assert found <= shared, f"{module} imports {', '.join(sorted(found))}"


def test_no_imports_run_in_a_circle() -> None:
    try:
        TopologicalSorter(
            {module: set(targets) - {module} for module, targets in EDGES.items()}
        ).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_the_core_never_loads_what_an_extra_brings() -> None:
    core = [module for module in MODULES if is_core(module)]
    heavy = {package for packages in EXTRAS.values() for package in packages} | {"pandas"}
    script = f"""
import importlib, sys
for module in {core!r}:
    importlib.import_module(module)
    loaded = {heavy!r} & set(sys.modules)
    assert not loaded, f"{{module}} loads {{', '.join(sorted(loaded))}}"
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr.splitlines()[-1]


def test_the_walls_of_this_test_stand() -> None:
    assert "cotpress.errors" in EDGES["cotpress.storage"]
    assert {"cotpress", "cotpress.cli", "cotpress.pipeline.compress", "cotpress.models"} <= set(
        MODULES
    )
    assert is_core("cotpress.models")
    assert not is_core("cotpress.models.hf")
    assert (
        floor("cotpress.verbs.score")
        > floor("cotpress.pipeline.compress")
        > floor("cotpress.records")
        > floor("cotpress")
    )


def test_no_two_files_of_the_tests_have_one_name() -> None:
    """They lie on one import path: of two with one name, collection order decides which is found."""
    names = Counter(path.name for path in Path(__file__).parent.rglob("*.py"))
    assert [name for name, count in names.items() if count > 1 and name != "conftest.py"] == []
