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
TEXT = "md:myst"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
PAGE_WIDTH = 84  # characters of code beside both sidebars of the site
COLAB_TAG = "colab-setup"
COLAB_LACKS = "anywidget psygnal"

SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION(.*)\n(?s:.*?)^[ \t]*### END SOLUTION[ \t]*$", re.M)
MARK = re.compile(r"(begin|end) solution", re.I)


class HomeworkError(ValueError):
    """A solution that cannot be cut; the message says where and why."""


# Cutting


def stripped(path: Path) -> str:
    """The exercise, as MyST text, that belongs to a solution."""
    notebook = jupytext.read(path, fmt=TEXT)
    cells = []
    for number, cell in enumerate(notebook.cells, start=1):
        if "solution" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "code":
            cell.source = SOLUTION.sub(starter, cell.source)
        if MARK.search(cell.source):
            where = f"{name_of(path)}, cell {number}"
            raise HomeworkError(f"{where}: BEGIN SOLUTION <what to write> and END SOLUTION do not pair up")
        cells.append(cell)
    notebook.cells = cells
    text = jupytext.writes(notebook, fmt=TEXT)
    text = re.sub(r"^ +jupytext_version:.*\n", "", text, flags=re.M)  # would change with every upgrade
    note = f"# Written by tools/homework.py from {name_of(path)}; edit that file."
    return text.replace("---\n", f"---\n{note}\n", 1)


def starter(match: re.Match[str]) -> str:
    """What a student finds in place of an answer. Marks that say nothing stay, to be reported."""
    indent, what = match[1], match[2].strip()
    if not what:
        return match[0]
    text = json.dumps(what, ensure_ascii=False)
    line = f"{indent}raise NotImplementedError({text})"
    if len(line) <= PAGE_WIDTH:
        return line
    return f"{indent}raise NotImplementedError(\n{indent}    {text}\n{indent})"


def exercises() -> dict[Path, str]:
    """Every file that belongs in exercises/, with its text."""
    files = {}
    for source in sorted(SOLUTIONS.glob("*.md")):
        page, text = EXERCISES / source.name, stripped(source)
        files[page] = text
        files[page.with_suffix(".ipynb")] = nbformat.writes(notebook_of(text, name_of(source))) + "\n"
    return files


def differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text("utf8") != text


def write_exercises() -> list[Path]:
    """Write what is out of step, and only that; return it."""
    EXERCISES.mkdir(exist_ok=True)
    stale = [(path, text) for path, text in exercises().items() if differs(path, text)]
    for path, text in stale:
        path.write_text(text, "utf8")
    return [path for path, _ in stale]


def out_of_step() -> list[Path]:
    """The files in exercises/ that differ from what solutions/ give, are missing, or have no source."""
    expected = exercises()
    strays = {path for path in EXERCISES.glob("*") if path.suffix in (".md", ".ipynb")} - expected.keys()
    return sorted(strays | {path for path, text in expected.items() if differs(path, text)})


# Notebooks


def to_notebook(path: Path) -> NotebookNode:
    """A page as a notebook for Jupyter and Colab: plain Markdown, a set-up cell, cell ids that last."""
    return notebook_of(path.read_text("utf8"), name_of(path))


def notebook_of(text: str, source: str) -> NotebookNode:
    notebook = jupytext.reads(text, fmt=TEXT)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source)
    setup = nbformat.v4.new_code_cell(colab_setup(), metadata={"tags": [COLAB_TAG]})
    kinds = [cell.cell_type for cell in notebook.cells]
    notebook.cells.insert(kinds.index("code") if "code" in kinds else len(kinds), setup)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        seen[cell.source] += 1
        content = f"{seen[cell.source]} {cell.cell_type} {cell.source}"
        cell["id"] = hashlib.sha256(content.encode()).hexdigest()[:8]  # jupytext's are random
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}, "generated_from": source}
    notebook.metadata = nbformat.from_dict(metadata)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return notebook


def colab_setup() -> str:
    repository = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))["repository"]
    return (
        "# For Colab; does nothing elsewhere. --no-deps leaves Colab's own PyTorch and NumPy as they are.\n"
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install -q --no-deps "git+{repository["url"]}@{repository["branch"]}" {COLAB_LACKS}'
    )


# MyST to what a notebook shows

ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
NAMED_TARGET = re.compile(r"(.*\S)\s*<[^<>]+>", re.S)
EQUATION = re.compile(r"\$\$(?P<body>(?:(?!\$\$).)+?)\$\$ *\((?P<label>[\w:-]+)\)", re.S)
FENCE = re.compile(r"(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\} *(?P<title>.*)")
OPTION = re.compile(r":([\w-]+): *(.*)")
UNSEEN = re.compile(r"\([\w:-]+\)=|%.*")  # targets and comments


def plain_markdown(text: str) -> str:
    """Labels of equations become tags, roles their text, directives quotations."""
    lines = text.split("\n")
    result: list[str] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        opening = FENCE.fullmatch(line)
        if opening:
            closing = (k for k in range(position, len(lines)) if lines[k].strip() == opening["fence"])
            end = next(closing, len(lines))
            result += directive(opening["name"], opening["title"], lines[position:end])
            position = end + 1
        elif not UNSEEN.fullmatch(line):
            result.append(line)
    plain = EQUATION.sub(lambda m: f"$${m['body'].rstrip()}\n\\tag{{{m['label']}}}\n$$", "\n".join(result))
    return ROLE.sub(role, plain).strip("\n")


def role(match: re.Match[str]) -> str:
    name, content = match.groups()
    named = NAMED_TARGET.fullmatch(content)
    if named:
        return named[1]
    return f"({content})" if name == "eq" else f"[{content}]" if name.startswith("cite") else content


def directive(name: str, title: str, body: list[str]) -> list[str]:
    options = {}
    while body and (option := OPTION.fullmatch(body[0])):
        options[option[1]] = option[2]
        body = body[1:]
    inside = plain_markdown("\n".join(body))
    if name == "exercise-start":
        return ["**Exercise.**", ""]
    if name == "figure":
        return [f"![{options.get('alt', '')}]({title})", "", inside]
    if not inside:  # what the site fills in
        return []
    heading = title or name.capitalize()
    if options.get("class") == "dropdown":
        return ["<details>", f"<summary>{heading}</summary>", "", inside, "", "</details>"]
    return [f"> **{heading}**", ">", *(f"> {line}".rstrip() for line in inside.split("\n"))]


def name_of(path: Path) -> str:
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="exit 1 if exercises/ is out of step")
    options = parser.parse_args()
    try:
        if not options.check:
            for path in write_exercises():
                print(name_of(path))
            return 0
        stale = ", ".join(name_of(path) for path in out_of_step())
    except (HomeworkError, OSError) as error:
        print(f"homework: {error}", file=sys.stderr)
        return 1
    if stale:
        print(f"homework: out of step: {stale}; run python tools/homework.py", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
