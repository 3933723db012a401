"""The notebooks of docs/notebooks run as they stand, and what they show was made by running them."""

import json
import os
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict]:
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == kind]


def shown(path: Path) -> str:
    return json.dumps([cell["outputs"] for cell in cells(path, "code")])


def test_there_is_a_notebook_on_the_bundled_model_and_one_on_your_own_traces() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["own_traces", "quickstart"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_as_it_ran_from_its_first_cell_to_its_last(path: Path) -> None:
    counts = [cell["execution_count"] for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))
    assert '"output_type": "error"' not in shown(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_shows_is_small_and_plain(path: Path) -> None:
    assert path.stat().st_size < 60_000
    assert not re.search(r"\\u001b|/tmp/|/home/|/root/", shown(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_link_of_a_notebook_leads_to_a_page(path: Path) -> None:
    text = "\n".join("".join(cell["source"]) for cell in cells(path, "markdown"))
    links = re.findall(r"\]\(([^)#:]+)[^)]*\)", text)
    assert links
    assert all((path.parent / link).is_file() for link in links)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("nbclient", "nbformat", "ipykernel", "trl"):
        pytest.importorskip(package)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    made = runpy.run_path(str(ROOT / "docs" / "make_notebooks.py"))
    notebook = made["executed"](path, tmp_path)
    said = json.dumps([cell.get("outputs", []) for cell in notebook.cells])
    assert {"quickstart": "tokenskip", "own_traces": "| tokenskip |"}[path.stem] in said
