"""The notebook runs from its first cell to its last, on the example photos."""

import pytest

from conftest import PROJECT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("matplotlib")


def test_the_notebook_runs(photos):
    folder = PROJECT / "apps/python/examples"
    notebook = nbformat.read(folder / "compare.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    for photo in photos:
        assert photo.name in printed
    assert "1 beams" in printed
    assert "CIDEr" in printed
    # A curve, and attention for greedy search and for beams.
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
