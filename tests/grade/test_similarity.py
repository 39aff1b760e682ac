"""The list of similar submissions: what copies look like in it, and what honest answers look like."""

from __future__ import annotations

import ast
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coursekit.grade.protocol import Block
from coursekit.grade.similarity import (
    AT_LEAST,
    MAX_MARKS,
    MIN_SHARED,
    RUN,
    WINDOW,
    Fingerprints,
    fingerprints,
    similar_pairs,
)

HERE = Path(__file__).parent
CLASS = 40


def marked(text: str, file: str = "hw.py") -> Fingerprints:
    return fingerprints([Block(file, 1, text)])


def likeness(one: str, other: str) -> float:
    """The similarity of two texts in a class in which nothing is common."""
    pairs = similar_pairs({"a": marked(one), "b": marked(other)}, least=0.0)
    return pairs[0].similarity if pairs else 0.0


@pytest.fixture(scope="module")
def definitions() -> dict[str, str]:
    """Correct answers that were written on purpose to be unlike each other, by name."""
    text = (HERE / "units" / "recurrent" / "lstm_variants.py").read_text("utf8")
    named = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return {node.name: ast.get_source_segment(text, node) or "" for node in named}


@pytest.fixture(scope="module")
def answers(definitions: dict[str, str], reference_code: str) -> dict[str, str]:
    unlike = ["gates_by_einsum", "gates_by_loops", "gates_by_joined_matrices", "gates_by_linear"]
    unlike += ["backward_by_stacking", "backward_by_numpy", "backward_row_by_row"]
    return {"reference": reference_code, **{name: definitions[name] for name in unlike}}


# Two texts


def renamed(text: str) -> str:
    own = r"\b(x|h|c|i|f|g|o|before|squashed|delta_\w+|grad_\w+|weight_\w+|bias_\w+|lstm_\w+)\b"
    return re.sub(own, r"my_\1", text)


def functions_reversed(text: str) -> str:
    return "\n\n".join(ast.unparse(node) for node in reversed(ast.parse(text).body))


COPIES: dict[str, Callable[[str], str]] = {
    "renamed": renamed,
    "in another order": functions_reversed,
    "in another layout": lambda text: ast.unparse(ast.parse(text)).replace("    ", "  "),
    "with comments": lambda text: text.replace("\n    i, f, g, o", "\n    # mine\n    i, f, g, o"),
    "without docstrings": lambda text: re.sub(r'    """.*"""\n', "", text),
    "without annotations": lambda text: re.sub(r": Tensor|-> tuple\[[^]]*\]", "", text),
    "with other numbers": lambda text: text.replace("1 -", "1.0 -").replace("**2", "**2.0"),
    "all of it": lambda text: renamed(functions_reversed(text)).replace("1 -", "1.0 -"),
}  # fmt: skip


@pytest.mark.parametrize("how", COPIES)
def test_a_disguised_copy_is_the_same(reference_code: str, how: str) -> None:
    copy = COPIES[how](reference_code)
    assert copy != reference_code
    assert likeness(reference_code, copy) >= 0.9


def test_independent_answers_are_not_alike(answers: dict[str, str]) -> None:
    texts = sorted(answers)
    for k, one in enumerate(texts):
        for other in texts[:k]:
            assert likeness(answers[one], answers[other]) < 0.3, (one, other)


def test_a_copied_part_counts_as_a_part(answers: dict[str, str]) -> None:
    """Gates of one's own with somebody else's way back."""
    own = answers["gates_by_loops"] + "\n\n" + answers["backward_by_stacking"]
    other = answers["gates_by_einsum"] + "\n\n" + renamed(answers["backward_by_stacking"])
    assert 0.5 < likeness(own, other) < 0.9


def test_any_common_run_of_the_promised_length_leaves_a_mark() -> None:
    """The guarantee of winnowing, on texts that have nothing else in common."""
    run = [f"{name}()" for name in "abcdefghijk"]  # a statement of one call: Tuple, then Call and name each
    for before in range(12):
        texts = [
            "x = " + ", ".join([*(f"{side}{k}()" for k in range(number)), *run, *(f"{side}()",) * 9])
            for side, number in (("p", before), ("q", 5))
        ]
        assert len(run) * 2 >= RUN + WINDOW - 1
        first, second = (set(marked(text).marks) for text in texts)
        assert first & second
        shorter = [text.replace("f()", f"{text[4]}()") for text in texts]  # leaves 10 tokens on either side
        assert not set(marked(shorter[0]).marks) & set(marked(shorter[1]).marks)


def test_the_same_code_is_known_by_its_digest(reference_code: str) -> None:
    text = marked(reference_code).text
    assert text == marked(COPIES["in another layout"](reference_code)).text
    assert text == marked(reference_code + "\nprint(lstm_cell)\n").text
    assert text != marked(renamed(reference_code)).text
    assert text != marked(COPIES["with other numbers"](reference_code)).text


def test_fingerprints_go_through_json_and_do_not_depend_on_the_run(reference_code: str) -> None:
    one = marked(reference_code)
    assert Fingerprints(*json.loads(json.dumps(one))) == one
    code = "import json, sys\nfrom coursekit.grade.similarity import Block, fingerprints\n"
    code += "print(json.dumps(fingerprints([Block('hw.py', 1, sys.stdin.read())])))"
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, input=reference_code, capture_output=True, text=True, env=environment)
    assert Fingerprints(*json.loads(run.stdout)) == one, run.stderr
    assert all(place.startswith("hw.py, line ") for place in one.marks.values())


@pytest.mark.parametrize("text", ["", "import torch", "print(1)", "x = 1", "def f(): ..."])
def test_nearly_nothing_has_no_marks(text: str) -> None:
    assert marked(text).marks == {}
    assert similar_pairs({"a": marked(""), "b": marked("import torch")}) == []


def test_hostile_text_leaves_a_bounded_number_of_marks() -> None:
    deep = "f = " + " + ".join(["a"] * 500)
    long = "f = " + ", ".join(f"a{k}()" for k in range(10_000))
    assert len(marked(f"{deep}\n{long}").marks) == MAX_MARKS


# A class


@pytest.fixture(scope="module")
def a_class(answers: dict[str, str]) -> dict[str, Fingerprints]:
    """Nearly all answer as the book does; one has an unusual answer under other names; two are equal."""
    texts = {f"{k:02}": answers["reference"] + f"\nlucky = {k}" for k in range(CLASS)}
    texts["03"] = answers["backward_by_stacking"] + "\n\n" + answers["gates_by_einsum"]
    texts["17"] = renamed(functions_reversed(texts["03"]))
    texts["21"] = texts["30"] = answers["gates_by_loops"] + "\n\n" + answers["backward_by_numpy"]
    return {name: marked(text) for name, text in texts.items()}


def test_the_list_has_the_copies_and_not_those_who_answer_as_most_do(
    a_class: dict[str, Fingerprints],
) -> None:
    pairs = similar_pairs(a_class)
    assert [(p.first, p.second, p.similarity, p.same_text) for p in pairs] == [
        ("21", "30", 1.0, True),
        ("03", "17", 1.0, False),
    ]
    copied = next(pair for pair in pairs if pair.first == "03")
    assert copied.shared > 50
    assert re.fullmatch(r"hw\.py, line \d+(; hw\.py, line \d+){,4}", copied.first_places)
    assert copied.first_places != copied.second_places


def test_the_list_does_not_depend_on_the_order_of_the_class(a_class: dict[str, Fingerprints]) -> None:
    assert similar_pairs(dict(reversed(a_class.items()))) == similar_pairs(a_class)


def test_known_texts_do_not_count(answers: dict[str, str]) -> None:
    """In a class of two, nothing is common; the starter and the reference are."""
    starter = "def lstm_gates(x):\n    raise NotImplementedError('lstm_gates')\n"
    two = {"a": marked(answers["reference"]), "b": marked(renamed(answers["reference"]))}
    assert similar_pairs(two)[0].similarity == 1.0
    assert similar_pairs(two, known=[marked(answers["reference"])]) == []
    untouched = {"a": marked(starter), "b": marked(starter)}
    assert similar_pairs(untouched)[0].same_text
    assert similar_pairs(untouched, known=[marked(starter)]) == []


def test_a_short_likeness_is_not_listed() -> None:
    text = "def f(x):\n    return x.a(1).b(2).c(3).d(x, 4).e(5).g(6)"
    pair = {"a": marked(text), "b": marked(text.replace("x", "y"))}
    assert 0 < len(pair["a"].marks) < MIN_SHARED
    assert similar_pairs(pair, least=0.0) == []


def test_what_more_than_a_few_share_is_common_in_a_small_class(answers: dict[str, str]) -> None:
    def group(size: int) -> dict[str, Fingerprints]:
        return {str(k): marked(answers["reference"] + f"\nlucky = {k}") for k in range(size)}

    assert len(similar_pairs(group(AT_LEAST))) == AT_LEAST * (AT_LEAST - 1) // 2
    assert similar_pairs(group(AT_LEAST + 1)) == []


def test_two_thousand_submissions_take_seconds() -> None:
    """With the usual marks, some that a few share, many of one's own; and 50 copies."""
    chance = random.Random(0)
    usual = [f"usual {k}" for k in range(100)]
    own = [[f"{k} {n}" for n in range(40)] for k in range(2_000)]
    for k in range(50):
        own[2 * k + 1] = own[2 * k]
    submissions = {}
    for k in range(2_000):
        marks = [*own[k], *chance.sample(usual, 40), *(f"some {chance.randrange(400)}" for _ in range(20))]
        submissions[str(k)] = Fingerprints(str(k), dict.fromkeys(marks, "hw.py, line 1"))
    begun = time.thread_time()
    pairs = similar_pairs(submissions)
    assert time.thread_time() - begun < 20  # usually two; comparing all pairs takes minutes
    assert {frozenset((pair.first, pair.second)) for pair in pairs} == {
        frozenset((str(2 * k), str(2 * k + 1))) for k in range(50)
    }
