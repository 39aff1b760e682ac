"""Faults in a stream: each is what its name says, where its label says, and nowhere else."""

import pytest
import torch

from coursekit.data import anomalies
from coursekit.data.anomalies import KINDS, Event
from coursekit.data.forecast import Season, seasonal


@pytest.mark.topic("APP-32")
def test_faults_are_as_many_as_asked_for_and_come_late():
    for seed in range(20):
        values, kinds = anomalies.stream(1000, 5, 2, 3, duration=20, healthy=0.6, seed=seed)
        assert values.shape == kinds.shape == (1000,)
        assert values.dtype == torch.float32 and kinds.dtype == torch.int64
        found = anomalies.events(kinds)
        assert [sum(event.kind == kind for event in found) for kind in KINDS[1:]] == [5, 2, 3]
        assert all(event.stop - event.start == (1 if event.kind == "spike" else 20) for event in found)
        assert found[0].start >= 600
    orders = {tuple(e.kind for e in anomalies.events(anomalies.stream(seed=s).kinds)) for s in range(5)}
    assert len(orders) == 5


@pytest.mark.topic("APP-32")
@pytest.mark.parametrize("size", [0.5, 2.0])
def test_each_fault_is_what_it_is_called(size):
    signs = set()
    for seed in range(10):
        values, kinds = anomalies.stream(2000, 4, 3, 3, size=size, seed=seed)
        healthy = seasonal(2000, [Season(40.0, 1.0)], level=0.0, noise=0.1, seed=seed).values
        change = values - healthy
        assert (change[kinds == 0] == 0).all()
        for kind, start, stop in anomalies.events(kinds):
            if kind == "silence":
                assert (values[start:stop] == 0).all()
            else:
                run = change[start:stop]
                assert size - 1e-5 <= run[-1].abs() <= 2 * size + 1e-5
                steps = run.diff(prepend=torch.zeros(1))
                torch.testing.assert_close(steps, steps.mean().expand_as(steps), atol=1e-5, rtol=0)
                signs.add((kind, run[-1].sign().item()))
    assert signs == {(kind, sign) for kind in ("spike", "drift") for sign in (-1.0, 1.0)}


@pytest.mark.topic("APP-32")
def test_a_threshold_on_the_value_misses_what_a_forecast_finds():
    """Silence and many spikes lie in the usual range; the distance from the wave shows them."""
    hidden = total = 0
    for seed in range(20):
        values, kinds = anomalies.stream(3000, 20, 0, 4, seed=seed)
        usual = values[:1500].abs().max()
        spikes = values[kinds == 1].abs()
        hidden, total = hidden + int((spikes <= usual).sum()), total + len(spikes)
        assert (values[kinds == 3].abs() <= usual).all()
    assert 0.2 < hidden / total < 0.6


@pytest.mark.topic("APP-32")
def test_events_are_runs_of_one_kind():
    kinds = torch.tensor([2, 2, 0, 1, 3, 3, 0])
    assert anomalies.events(kinds) == [Event("drift", 0, 2), Event("spike", 3, 4), Event("silence", 4, 6)]
    assert anomalies.events(torch.zeros(4, dtype=torch.int64)) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: anomalies.stream(spikes=-1), r"counts >= 0, .*received \(-1, 3, 3\)"),
        (lambda: anomalies.stream(healthy=1.0), r"healthy in \[0, 1\)"),
        (lambda: anomalies.stream(duration=1), "duration >= 2"),
        (lambda: anomalies.stream(100), "expected runs .* received 14 of 188 steps in all"),
        (lambda: anomalies.events(torch.tensor([0, 4])), "a kind must be from 0 to 3, received 4 at step 1"),
        (lambda: anomalies.events(torch.ones(2)), r"int64 kinds of shape \(L,\), received torch.float32"),
    ],
)
def test_impossible_streams_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
