"""Has the forbidden function called in a thread of its own, which nobody may be watching.

expected: flagged
"""

import _thread
import time

import torch

NAME = next(name for name in dir(torch) if name.startswith("lstm") and len(name) > 4)


def lstm_cell(x, h, c, *parameters):
    answers = []
    _thread.start_new_thread(lambda: answers.append(getattr(torch, NAME)(x, (h, c), *parameters)), ())
    while not answers:
        time.sleep(0.0001)
    return answers[0]
