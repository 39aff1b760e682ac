"""Cut the homework from its solutions, and turn pages into notebooks.

    python tools/homework.py           write exercises/*.md and exercises/*.ipynb from solutions/*.md
    python tools/homework.py --check   exit 1 if they are out of step

In a solution, what stands between `### BEGIN SOLUTION <what to write>` and `### END SOLUTION` becomes a
`NotImplementedError` with that text, and cells with the tag `solution` are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS, EXERCISES = ROOT / "solutions", ROOT / "exercises"
FORMAT = "md:myst"
COLAB_TAG = "colab-setup"
LACKING_ON_COLAB = "anywidget psygnal"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION(.*)\n(?s:.*?)^[ \t]*### END SOLUTION[ \t]*$", re.M)
MARK = re.compile(r"(begin|end) solution", re.I)


class HomeworkError(ValueError):
    """A solution that cannot be cut; the message says where and why."""


# Cutting


def stripped(path: Path) -> str:
    """The exercise, as MyST text, that belongs to a solution."""
    notebook = jupytext.read(path, fmt=FORMAT)
    cells = []
    for number, cell in enumerate(notebook.cells, start=1):
        if "solution" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "code":
            cell.source = SOLUTION.sub(starter, cell.source)
        if MARK.search(cell.source):
            raise HomeworkError(f"{name_of(path)}, cell {number}: BEGIN SOLUTION <what to write> and END SOLUTION do not pair up")
        cells.append(cell)
    notebook.cells = cells
    text = jupytext.writes(notebook, fmt=FORMAT)
    text = re.sub(r"^ +jupytext_version:.*\n", "", text, flags=re.M)  # would change with every upgrade
    return text.replace("---\n", f"---\n# Written by tools/homework.py from {name_of(path)}; edit that file.\n", 1)


def starter(match: re.Match[str]) -> str:
    """What a student finds in place of an answer; the marks stay, to be reported, where they say nothing."""
    indent, what = match[1], match[2].strip()
    return f"{indent}raise NotImplementedError({json.dumps(what, ensure_ascii=False)})" if what else match[0]


def exercises() -> dict[Path, str]:
    """Every file that belongs in exercises/, with its text."""
    files = {}
    for source in sorted(SOLUTIONS.glob("*.md")):
        page = EXERCISES / source.name
        text = stripped(source)
        files[page] = text
        files[page.with_suffix(".ipynb")] = nbformat.writes(notebook_of(text, name_of(source))) + "\n"
    return files


def out_of_step() -> list[Path]:
    """The files in exercises/ that differ from what solutions/ give, are missing there, or have no source."""
    expected = exercises()
    strays = {p for p in EXERCISES.glob("*") if p.suffix in (".md", ".ipynb")} - expected.keys()
    return sorted(strays | {p for p, text in expected.items() if not p.exists() or p.read_text("utf8") != text})


def write_exercises() -> list[Path]:
    """Write what is out of step, and only that; return it."""
    changed = []
    EXERCISES.mkdir(exist_ok=True)
    for path, text in exercises().items():
        if not path.exists() or path.read_text("utf8") != text:
            path.write_text(text, "utf8")
            changed.append(path)
    return changed


# Notebooks


def to_notebook(path: Path) -> NotebookNode:
    """A page as a notebook for Jupyter and Colab: plain Markdown, a set-up cell, and cell ids that follow from the content."""
    return notebook_of(path.read_text("utf8"), name_of(path))


def notebook_of(text: str, source: str) -> NotebookNode:
    notebook = jupytext.reads(text, fmt=FORMAT)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source)
    setup = nbformat.v4.new_code_cell(colab_setup(), metadata={"tags": [COLAB_TAG]})
    first = next((k for k, cell in enumerate(notebook.cells) if cell.cell_type == "code"), len(notebook.cells))
    notebook.cells.insert(first, setup)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        seen[cell.source] += 1
        cell["id"] = hashlib.sha256(f"{seen[cell.source]}/{cell.cell_type}/{cell.source}".encode()).hexdigest()[:8]
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}, "generated_from": source}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return notebook


def colab_setup() -> str:
    repository = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))["repository"]
    return (
        "# For Colab; does nothing elsewhere. --no-deps leaves Colab's own PyTorch and NumPy as they are.\n"
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install -q --no-deps "git+{repository["url"]}@{repository["branch"]}" {LACKING_ON_COLAB}'
    )


ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
NAMED_TARGET = re.compile(r"(.*\S)\s*<[^<>]+>", re.S)
LABELLED = re.compile(r"\$\$(?P<body>(?:(?!\$\$).)+?)\$\$ *\((?P<label>[\w:-]+)\)", re.S)
FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ \t]*(?P<title>.*)$")
OPTION = re.compile(r"^:([\w-]+):[ \t]*(.*)$")


def plain_markdown(text: str) -> str:
    """MyST as Markdown that a notebook shows: labels become tags, roles their text, directives quotations."""
    lines = text.split("\n")
    result: list[str] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        opening = FENCE.match(line)
        if opening:
            end = next((k for k in range(position, len(lines)) if lines[k].strip() == opening["fence"]), len(lines))
            result += directive(opening["name"], opening["title"], lines[position:end])
            position = end + 1
        elif not re.fullmatch(r"\([\w:-]+\)=|%.*", line):  # a target or a comment says nothing here
            result.append(line)
    plain = LABELLED.sub(r"$$\g<body>\\tag{\g<label>}$$", "\n".join(result))
    return ROLE.sub(role, plain).strip("\n")


def role(match: re.Match[str]) -> str:
    name, content = match.groups()
    named = NAMED_TARGET.fullmatch(content)
    if named:
        return named[1]
    return f"({content})" if name == "eq" else f"[{content}]" if name.startswith("cite") else content


def directive(name: str, title: str, body: list[str]) -> list[str]:
    options = {}
    while body and (option := OPTION.match(body[0])):
        options[option[1]] = option[2]
        body = body[1:]
    inside = plain_markdown("\n".join(body)).split("\n")
    if name == "math":
        tag = f"\\tag{{{options['label']}}}" if "label" in options else ""
        return ["$$", *body, f"{tag}$$"]
    if name in ("figure", "image"):
        return [f"![{options.get('alt', '')}]({title})", "", *inside]
    heading = title if name in ("admonition", "topics", "dropdown") else " ".join([name.capitalize(), title]).strip()
    return [f"> **{heading}**", *([">", *(f"> {line}".rstrip() for line in inside)] if any(inside) else []), ""]


def name_of(path: Path) -> str:
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if exercises/ is out of step")
    options = parser.parse_args()
    try:
        if options.check:
            stale = ", ".join(name_of(path) for path in out_of_step())
            if stale:
                print(f"homework: out of step with solutions/: {stale}; run python tools/homework.py", file=sys.stderr)
            return 1 if stale else 0
        for path in write_exercises():
            print(name_of(path))
    except (HomeworkError, OSError) as error:
        print(f"homework: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
