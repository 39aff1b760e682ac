"""Every recurrent layer against `torch.nn`: outputs, last states, all gradients under random cotangents."""

import pytest

from .parity import CASES, Case, measure

TOPICS = {"RNN": "RNN-03", "RNN relu": "RNN-08", "LSTM": "RNN-37", "LSTM peephole": "RNN-38", "GRU": "RNN-55"}


def topics(case: Case) -> list[str]:
    deep = ["RNN-28", "RNN-66"] if case.depth > 1 else []
    both_ways = ["RNN-24", "RNN-25", "RNN-67"] if case.merge else []
    return [TOPICS[case.layer], *deep, *both_ways]


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=str(case), marks=pytest.mark.topic(*topics(case))) for case in CASES]
)
def test_layer_equals_torch(case: Case) -> None:
    deviations = measure(case)
    assert all(deviation <= case.tolerance for deviation in deviations.values()), deviations
