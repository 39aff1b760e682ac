"""What students and instructors do: fill in functions, write notebooks, run commands."""

from __future__ import annotations

import ast
import copy
import re
import subprocess
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

COMMAND_SECONDS = 240

Answers = dict[str, str]  # function name -> its source


def answers_in(solution: Path) -> Answers:
    """The functions that a solution defines, with the marks of their answers."""
    cells = jupytext.read(solution).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code" and "def " in cell.source]
    nodes = [(source, node) for source in sources for node in ast.parse(source).body]
    return {
        node.name: ast.get_source_segment(source, node) or ""
        for source, node in nodes
        if isinstance(node, ast.FunctionDef)
    }


def filled(notebook: NotebookNode, answers: Answers) -> NotebookNode:
    """A student's copy of a notebook, with these answers."""
    notebook = copy.deepcopy(notebook)
    cells = {cell.source.partition("(")[0]: cell for cell in notebook.cells if cell.cell_type == "code"}
    for name, source in answers.items():
        cells[f"def {name}"].source = source
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a command prints; its whole output is the reason where it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        timeout=COMMAND_SECONDS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def secret_seeds(path: Path) -> set[str]:
    """The seeds of hidden inputs in an instructor's notebook."""
    return set(re.findall(r"seed=(\d+)\)", path.read_text("utf8"))) - {"0"}


def own_lines(answers: Answers) -> list[str]:
    """The lines of the answers that no starter has."""
    bodies = [answer.partition("### BEGIN SOLUTION")[2].splitlines()[1:-1] for answer in answers.values()]
    assert all(bodies)
    return [line.strip() for body in bodies for line in body if len(line.strip()) > 12]
