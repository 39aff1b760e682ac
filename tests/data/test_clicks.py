"""Made-up clicks: sequels and tastes are there to be found, in the share that was asked for."""

import pytest
import torch

from coursekit.data import clicks


@pytest.mark.topic("APP-34")
@pytest.mark.parametrize("sequel", [0.0, 0.6, 1.0])
def test_sequels_follow_as_often_as_asked_for(sequel):
    items, _ = clicks.clicks(4000, 10, items=1000, genres=2, sequel=sequel, stray=0.0)
    assert items.shape == (4000, 10) and items.dtype == torch.int64
    assert 1 <= items.min() and items.max() <= 1000
    last, following = items[:, :-1] - 1, items[:, 1:] - 1
    after = last // 500 * 500 + (last % 500 + 1) % 500  # behind the last of a genre comes its first
    assert (following == after).float().mean().item() == pytest.approx(sequel, abs=0.03)


@pytest.mark.topic("APP-34")
def test_viewers_have_a_taste_and_some_films_are_popular():
    items, tastes = clicks.clicks(20_000, 2, items=30, genres=3, sequel=0.0, stray=0.3)
    genre = (items - 1) // 10
    assert tastes.bincount().tolist() == pytest.approx([20_000 / 3] * 3, rel=0.05)
    # one in three of the strays comes home by chance
    assert (genre == tastes[:, None]).float().mean().item() == pytest.approx(0.7 + 0.3 / 3, abs=0.01)
    shares = ((items - 1) % 10).flatten().bincount(minlength=10) / items.numel()
    zipf = 1 / torch.arange(1, 11)
    torch.testing.assert_close(shares, zipf / zipf.sum(), atol=0.01, rtol=0)


@pytest.mark.topic("APP-34")
def test_who_remembers_more_guesses_better():
    """The last click beats popularity, and the clicks before it tell the taste where it does not."""
    items, _ = clicks.clicks(20_000, 12)
    genres = (items - 1) // 10
    usual = genres[:, :-1].mode(dim=1).values
    train, test = slice(0, 10_000), slice(10_000, None)

    def hits(context):
        best = {}
        for key, target in zip(context[train].tolist(), items[train, -1].tolist(), strict=True):
            best.setdefault(key, []).append(target)
        best = {key: max(set(found), key=found.count) for key, found in best.items()}
        pairs = zip(context[test].tolist(), items[test, -1].tolist(), strict=True)
        return sum(best.get(key) == target for key, target in pairs) / 10_000

    popular, after_last = hits(torch.zeros(20_000, dtype=torch.int64)), hits(items[:, -2])
    assert popular < 0.12 < 0.45 < after_last
    stray = genres[:, -2] != usual  # there the last click does not tell the taste, the ones before do
    drawn = items[stray, -1] - 1
    assert (drawn // 10 == usual[stray]).float().mean() > 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n >= 1, .*received 0, 20, 6 and 60"),
        ({"n": 1, "items": 10, "genres": 3}, "divides the items, received 1, 20, 3 and 10"),
        ({"n": 1, "genres": 0}, "received 1, 20, 0 and 60"),
        ({"n": 1, "sequel": 1.1}, r"in \[0, 1\], received 1.1 and 0.2"),
    ],
)
def test_impossible_clicks_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        clicks.clicks(**options)
