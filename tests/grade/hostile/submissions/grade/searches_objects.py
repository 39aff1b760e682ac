"""Asks the garbage collector for every function, class and module that knows how to judge an answer.

expected: error
message: reached []
"""

import functools
import gc
import sys
import types

WORDS = (
    "lstm_step",
    "wrong_",
    "make_exam",
    "judge",
    "name_mistake",
    "agree",
    "Exercise",
    "Mistake",
    "Expected",
)


def lstm_cell(*arguments):
    raise RuntimeError(f"reached {sorted(search())}")


@functools.cache
def search():
    gc.unfreeze()  # what was put out of the collector's sight is out of get_objects' as well
    things = gc.get_objects()
    things += gc.get_referents(*things)
    assert len(things) > 100_000, "it has seen a good part of Python"
    reached = {name for name in sys.modules if name.startswith(("coursekit", "solutions"))}
    for thing in things:
        if isinstance(thing, (types.FunctionType, type)) and isinstance(thing.__module__, str):
            if thing.__module__.startswith("coursekit") and thing.__name__.startswith(WORDS):
                reached.add(f"{thing.__module__}.{thing.__name__}")
        if isinstance(thing, types.FunctionType) and "exercises" in thing.__code__.co_filename:
            reached.add(thing.__code__.co_filename)
    return reached
