"""Series to forecast: trend, waves, noise and gaps as promised, and no look into the future."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from coursekit.data import forecast
from coursekit.data.forecast import Season

NAN = math.nan


@pytest.mark.topic("APP-31")
def test_a_series_has_its_trend_and_its_waves():
    """Least squares on the same waves finds level, slope and amplitudes again, and leaves the noise."""
    seasons = [Season(24.0, 10.0), Season(168.0, 4.0)]
    values, clean = forecast.seasonal(8000, seasons, level=50.0, slope=0.01, noise=2.0, seed=3)
    assert values.shape == clean.shape == (8000,) and values.dtype == clean.dtype == torch.float32
    t = np.arange(8000)
    waves = [f(2 * np.pi * t / p) for p, _ in seasons for f in (np.sin, np.cos)]
    design = np.stack([np.ones(8000), t, *waves], axis=1)
    for series, tolerance in ((clean, 1e-3), (values, 0.15)):
        level, slope, *parts = np.linalg.lstsq(design, series.double().numpy(), rcond=None)[0]
        assert_allclose([level, slope * 100], [50.0, 1.0], atol=tolerance)
        assert_allclose(np.hypot(parts[::2], parts[1::2]), [10.0, 4.0], atol=tolerance)
    assert (values - clean).std().item() == pytest.approx(2.0, rel=0.03)


@pytest.mark.topic("APP-31")
@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_noise_keeps_its_deviation_whatever_its_memory(memory):
    values, clean = forecast.seasonal(60_000, [], noise=1.5, memory=memory)
    errors = values - clean
    assert errors.std().item() == pytest.approx(1.5, rel=0.05)
    for lag in (1, 2):
        correlation = (errors[lag:] * errors[:-lag]).mean().item() / 1.5**2
        assert correlation == pytest.approx(memory**lag, abs=0.05)


@pytest.mark.topic("APP-31")
def test_noise_has_its_full_deviation_from_the_first_step_on():
    firsts = [forecast.seasonal(1, [], 0.0, memory=0.9, seed=seed).values for seed in range(1000)]
    assert torch.cat(firsts).std().item() == pytest.approx(1.0, rel=0.08)


@pytest.mark.topic("APP-31")
@pytest.mark.parametrize(("gaps", "gap"), [(0, 5), (1, 58), (7, 3), (29, 1)])
def test_gaps_are_as_many_and_as_long_as_asked_for(gaps, gap):
    for seed in range(20):
        values = forecast.seasonal(60, gaps=gaps, gap=gap, seed=seed).values
        missing = values.isnan()
        runs = [n for known, n in zip(*runs_of(missing), strict=True) if known]
        assert runs == [gap] * gaps
        assert not missing[0] and not missing[-1]
        whole = forecast.seasonal(60, seed=seed).values
        assert torch.equal(values[~missing], whole[~missing])  # the rest is the same as without gaps


def runs_of(flags):
    return (part.tolist() for part in flags.unique_consecutive(return_counts=True))


@given(st.lists(st.integers(1, 6), max_size=6), st.integers(0, 10), st.integers(0, 12), st.integers(0, 99))
def test_placed_runs_neither_overlap_nor_touch_nor_leave(lengths, start, spare, seed):
    stop = start + sum(lengths) + max(len(lengths) - 1, 0) + spare
    starts = forecast.place(lengths, start, stop, torch.Generator().manual_seed(seed))
    before = start - 1
    for first, length in zip(starts, lengths, strict=True):
        assert first > before
        before = first + length
    assert before <= stop


def test_every_arrangement_is_equally_likely():
    g = torch.Generator().manual_seed(0)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(3000):
        starts = tuple(forecast.place([2, 1], 3, 8, g))
        counts[starts] = counts.get(starts, 0) + 1
    assert sorted(counts) == [(3, 6), (3, 7), (4, 7)]
    assert min(counts.values()) > 900


@pytest.mark.topic("APP-33")
def test_a_random_walk_has_no_memory():
    walk = forecast.random_walk(20_000, start=50.0, drift=0.001, volatility=0.02)
    changes = walk.double().log().diff()
    assert walk[0] == 50.0 and walk.dtype == torch.float32 and (walk > 0).all()
    assert changes.mean().item() == pytest.approx(0.001, abs=5e-4)
    assert changes.std().item() == pytest.approx(0.02, rel=0.03)
    centred = changes - changes.mean()
    assert abs((centred[1:] * centred[:-1]).mean().item()) < 0.02 * 0.02**2
    steady = forecast.random_walk(4, drift=math.log(2), volatility=0.0)
    assert_allclose(steady, [100, 200, 400, 800], rtol=1e-6)


@pytest.mark.topic("APP-31")
def test_gaps_are_filled_from_the_past():
    values = torch.tensor([3.0, NAN, NAN, 5.0, NAN, 1.0, NAN])
    assert forecast.carry_forward(values).tolist() == [3, 3, 3, 5, 5, 1, 1]
    later = values.clone()
    later[5:] = 99.0
    assert torch.equal(forecast.carry_forward(later)[:5], forecast.carry_forward(values)[:5])


@pytest.mark.topic("APP-31")
def test_windows_are_all_runs_without_a_gap():
    values = torch.arange(10.0)
    values[4] = NAN
    inputs, targets, times = forecast.windows(values, window=2, horizon=2)
    assert times.tolist() == [2, 7, 8]
    assert inputs.tolist() == [[[0], [1]], [[5], [6]], [[6], [7]]]
    assert targets.tolist() == [[2, 3], [7, 8], [8, 9]]
    assert inputs.is_contiguous() and targets.is_contiguous()


@pytest.mark.topic("APP-31")
def test_the_forecast_to_beat():
    inputs = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])[..., None]
    assert forecast.last_values(inputs, 3).tolist() == [[4, 4, 4], [8, 8, 8]]
    assert forecast.last_values(inputs, 5, period=3).tolist() == [[2, 3, 4, 2, 3], [6, 7, 8, 6, 7]]
    clean = forecast.seasonal(200, [Season(24, 5.0)], noise=0.0).values
    inputs, targets, _ = forecast.windows(clean, 24, 30)
    torch.testing.assert_close(forecast.last_values(inputs, 30, period=24), targets, atol=1e-4, rtol=0)


@given(st.integers(1, 300), st.floats(0.05, 0.5), st.floats(0.05, 0.45), st.integers(0, 20))
def test_the_three_parts_follow_in_time(length, validation, test, gap):
    try:
        parts = forecast.split(length, validation, test, gap)
    except ValueError as error:
        sizes = round(length * validation), round(length * test)
        assert "enough steps for three parts" in str(error)
        assert min(sizes) == 0 or length < sum(sizes) + 2 * gap + 1
        return
    train, valid, tested = parts
    assert train.start == 0 < train.stop and tested.stop == length
    assert valid.start - train.stop == tested.start - valid.stop == gap
    assert len(range(*valid.indices(length))) == round(length * validation)
    assert len(range(*tested.indices(length))) == round(length * test)


@pytest.mark.topic("RNN-62", "APP-31")
def test_folds_judge_each_later_block_by_its_past():
    assert forecast.folds(23, 3, gap=2) == [
        (slice(0, 6), slice(8, 13)),
        (slice(0, 11), slice(13, 18)),
        (slice(0, 16), slice(18, 23)),
    ]


@given(st.integers(2, 200), st.integers(1, 8), st.integers(0, 5))
def test_folds_cover_the_end_once_and_never_train_on_the_future(length, count, gap):
    try:
        folds = forecast.folds(length, count, gap)
    except ValueError:
        assert length < (count + 1) * (gap + 1)
        return
    judged = [step for fold in folds for step in range(length)[fold.validation]]
    assert len(folds) == count and judged == list(range(judged[0], length))
    for fold in folds:
        assert fold.train.start == 0 and 0 < fold.train.stop == fold.validation.start - gap


@pytest.mark.topic("APP-31")
def test_the_scale_is_that_of_the_training_part():
    values = torch.tensor([1.0, NAN, 3.0, 5.0, 100.0, NAN])
    scaled, mean, std = forecast.scale(values, slice(0, 4))
    assert mean == pytest.approx(3.0) and std == pytest.approx(math.sqrt(8 / 3))
    assert_allclose(scaled * std + mean, values, rtol=1e-6)
    later = forecast.scale(torch.tensor([1.0, NAN, 3.0, 5.0, -7.0, 2.0]), slice(0, 4))
    assert (later.mean, later.std) == (mean, std)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: forecast.seasonal(0), "steps >= 1, .* received 0"),
        (lambda: forecast.seasonal(9, memory=1.0), r"a memory in \[0, 1\), received 9, .* and 1.0"),
        (lambda: forecast.seasonal(9, noise=NAN), "finite numbers, .*nan"),
        (lambda: forecast.seasonal(9, noise=-1.0), "noise >= 0"),
        (lambda: forecast.seasonal(9, [Season(0.0, 1.0)]), r"expected periods above 0, received \[0.0\]"),
        (lambda: forecast.seasonal(9, gaps=2, gap=4), "fit into 7 steps .* received 2 of 8 steps in all"),
        (lambda: forecast.seasonal(9, gaps=1, gap=0), "runs of at least 1 step"),
        (lambda: forecast.random_walk(5, start=0.0), "start > 0, .*received 5, 0.0"),
        (lambda: forecast.carry_forward(torch.tensor([NAN, 1.0])), "a value at step 0 .*received a gap"),
        (lambda: forecast.carry_forward(torch.tensor([1, 2])), "expected floats .* received torch.int64"),
        (lambda: forecast.windows(torch.ones(5), 4, 2), "fit into the 5 values, received 4 and 2"),
        (lambda: forecast.windows(torch.ones(5), 0), "received 0 and 1"),
        (
            lambda: forecast.windows(torch.tensor([1.0, NAN, 2.0]), 1),
            "expected 2 values in a row without a gap",
        ),
        (
            lambda: forecast.windows(torch.tensor([1.0, math.inf]), 1),
            "finite values or NaN, received inf at step 1",
        ),
        (lambda: forecast.last_values(torch.ones(2, 3, 1), period=4), r"received \(2, 3, 1\), 1 and 4"),
        (lambda: forecast.split(10, 0.5, 0.5), "received 0.5, 0.5 and 0"),
        (lambda: forecast.split(2), "enough steps for three parts, received 2"),
        (lambda: forecast.folds(10, 3, gap=4), "received 10 steps, 3 and 4"),
        (lambda: forecast.scale(torch.ones(5), slice(0, 3)), r"two different .* received \[1.0, 1.0\]"),
        (lambda: forecast.scale(torch.ones(5), slice(0, 0)), r"received \[\]"),
    ],
)  # fmt: skip
def test_impossible_series_are_refused(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
