"""The master notebook that `otter assign` takes.

Raw cells mark questions, answers and tests. Each part of an exercise is a hidden test case with its points;
a public one, which earns nothing, says to students what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from coursekit.grade.exercise import Exercise
from coursekit.grade.release.cutting import starter
from coursekit.grade.release.homework import Homework
from coursekit.grade.release.notebooks import code_cell, notebook_text, raw_cell
from coursekit.grade.release.parts import PUBLIC_SEED, PartTest, exercise_in, parts_of

CONFIG = """\
# ASSIGNMENT CONFIG
name: {name}
requirements: requirements.txt
export_cell:
  pdf: false
strip_solutions_from_all_cells: true
tests:
  ok_format: false"""

PUBLIC = '''\
""" # BEGIN TEST CONFIG
points: 0
""" # END TEST CONFIG
def test_{function}({function}):
    from coursekit.grade import require
    require({function}, seed={seed})'''

HIDDEN = '''\
""" # BEGIN TEST CONFIG
points: {points:g}
hidden: true
""" # END TEST CONFIG
def test_{name}({function}):
    from coursekit.grade import require
    {public}
    {secret}'''


README = """\
# {unit}: an assignment for Otter

In this folder:

    cd {unit}
    otter assign {unit}.ipynb dist

`dist/student/` is for your students. `dist/autograder/` holds the zip file for Gradescope or for your own
machine, where Otter and `coursekit` are installed in one environment:

    otter run -a dist/autograder/{unit}-autograder_*.zip SUBMISSION.ipynb

`{unit}.ipynb` holds the answers and the secret inputs: keep it from students. Their code runs in the process
that tests it, so a student who tries can read the hidden tests and the answers of the package.
`coursekit grade {target}` takes the same notebooks and keeps code and answers apart.
"""


def otter_files(homework: Homework, seed: int) -> dict[str, str]:
    """A folder to run `otter assign` in; `seed` draws the hidden inputs."""
    notebook = homework.notebook(marked)
    notebook.cells = list(with_questions(notebook.cells, homework, seed))
    folder = homework.unit
    return {
        f"README-{homework.unit}.md": README.format(unit=homework.unit, target=homework.target),
        f"{folder}/{homework.unit}.ipynb": notebook_text(notebook),
        f"{folder}/requirements.txt": f"coursekit @ {homework.address}\n",
    }


def marked(answer: re.Match[str]) -> str:
    """The answer in Otter's marks, and the starter as the prompt that takes its place."""
    indent = answer["indent"]
    return (
        f"{indent}# BEGIN SOLUTION NO PROMPT\n{answer['lines']}{indent}# END SOLUTION\n"
        f'{indent}""" # BEGIN PROMPT\n{starter(answer)}\n{indent}""" # END PROMPT'
    )


def with_questions(cells: list[NotebookNode], homework: Homework, seed: int) -> Iterator[NotebookNode]:
    """The cells, with each exercise that is graded made a question."""
    yield raw_cell(CONFIG.format(name=homework.unit))
    for cell in cells:
        exercise = exercise_in(cell, homework.exercises)
        if exercise is not None:
            yield from question(cell, exercise, seed)
        else:
            yield cell


def question(cell: NotebookNode, exercise: Exercise, seed: int) -> Iterator[NotebookNode]:
    yield raw_cell(f"# BEGIN QUESTION\nname: {exercise.function}\npoints: {exercise.max_score:g}")
    yield raw_cell("# BEGIN SOLUTION")
    yield cell
    yield raw_cell("# END SOLUTION")
    yield raw_cell("# BEGIN TESTS")
    yield code_cell(PUBLIC.format(function=exercise.function, seed=PUBLIC_SEED))
    for test in parts_of(exercise):
        yield hidden_case(test, seed)
    yield raw_cell("# END TESTS")
    yield raw_cell("# END QUESTION")


def hidden_case(test: PartTest, seed: int) -> NotebookNode:
    name = test.name.replace("-", "_")
    public, secret = test.line(PUBLIC_SEED), test.line(seed)
    source = HIDDEN.format(
        name=name, points=test.points, function=test.function, public=public, secret=secret
    )
    return code_cell(source)
