"""Pages as notebooks for Jupyter and Colab: plain Markdown, a set-up cell, cell ids that last."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from coursekit.grade.release.markdown import plain_markdown

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
COLAB_TAG = "colab-setup"
COLAB_LACKS = "anywidget psygnal"


def package_address(root: Path) -> str:
    """Where pip finds the course that the checkout `root` belongs to."""
    repository = yaml.safe_load((root / "_config.yml").read_text("utf8"))["repository"]
    return f"git+{repository['url']}@{repository['branch']}"


def colab_setup(address: str) -> str:
    return (
        "# For Colab; does nothing elsewhere. --no-deps leaves Colab's own PyTorch and NumPy as they are.\n"
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install -q --no-deps "{address}" {COLAB_LACKS}'
    )


def as_notebook(notebook: NotebookNode, name: str, address: str) -> NotebookNode:
    """A page as a notebook: `name` is the page's, and Colab installs the package from `address`."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source)
    setup = code_cell(colab_setup(address), {"tags": [COLAB_TAG]})
    kinds = [cell.cell_type for cell in notebook.cells]
    notebook.cells.insert(kinds.index("code") if "code" in kinds else len(kinds), setup)
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}, "generated_from": name}
    notebook.metadata = nbformat.from_dict(metadata)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return with_lasting_ids(notebook)


def with_lasting_ids(notebook: NotebookNode) -> NotebookNode:
    """Ids that follow from the content of the cells, where those of jupytext are random."""
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        seen[cell.source] += 1
        content = f"{seen[cell.source]} {cell.cell_type} {cell.source}"
        cell["id"] = hashlib.sha256(content.encode()).hexdigest()[:8]
    nbformat.validate(notebook)
    return notebook


def notebook_text(notebook: NotebookNode) -> str:
    """What the file of a notebook holds, whose cells may have been added since."""
    text: str = nbformat.writes(with_lasting_ids(notebook))
    return text + "\n"


def code_cell(source: str, metadata: dict[str, Any] | None = None) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_code_cell(source, metadata=metadata or {})
    return cell


def raw_cell(source: str) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_raw_cell(source)
    return cell
