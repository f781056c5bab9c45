"""The notebooks that the gallery offers for download run, without a warning."""

import pytest

pytest.importorskip("sphinx")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

STRICT = "import warnings; warnings.simplefilter('error')"
LENIENT = "import warnings; warnings.simplefilter('default')"  # the end of a kernel warns
CLEAN = "import matplotlib.pyplot\nmatplotlib.pyplot.close('all')\n%reset -f"


@pytest.mark.slow  # trains small networks
def test_all_notebooks_run(site, tmp_path):
    """In one session, since a kernel that imports PyTorch takes seconds to start."""
    paths = sorted(site.rglob("plot_*.ipynb"))
    assert len(paths) >= 12
    cells = []
    for path in paths:
        cells.append(STRICT)
        cells += [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        cells.append(CLEAN)
    cells.append(LENIENT)
    notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)])
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=None, resources=resources).execute()
    drawn = sum(
        "image/png" in out.get("data", {})
        for cell in notebook.cells
        for out in cell.get("outputs", [])
    )
    assert drawn >= len(paths)
