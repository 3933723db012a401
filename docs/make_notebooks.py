"""Run the notebooks of docs/notebooks and store what they print; minutes on two CPU cores.

python docs/make_notebooks.py

Each runs in a copy of its folder, so that nothing is left behind, with `recipes/` where the clone
has it. Times and the names of this machine's folders are not stored.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "notebooks"


def executed(path: Path, clone: Path, timeout: int = 1200) -> nbformat.NotebookNode:
    """The notebook with its outputs, run as if `clone` were the repository.

    Raises `CellExecutionError` where a cell fails.
    """
    place = clone / "docs" / "notebooks"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "recipes", clone / "recipes", dirs_exist_ok=True)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": place}}
    ).execute()
    return notebook


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without what differs from one run to the next."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    return notebook


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs of a cell, pieces of one stream as one."""
    found: list[nbformat.NotebookNode] = []
    for output in outputs:
        stream = output.get("name")
        before = next((one for one in found if stream and one.get("name") == stream), None)
        if before:
            before.text += output.text
        else:
            found.append(output)
    return found


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or sorted(FOLDER.glob("*.ipynb"))):
        with tempfile.TemporaryDirectory() as clone:
            nbformat.write(cleaned(executed(path, Path(clone))), path)
        print(f"ran {path}")
