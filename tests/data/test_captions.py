"""Pictures with captions: what is said is what is drawn, and what is kept apart for tests stays apart."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from coursekit.data.captions import COLOURS, RELATIONS, SHAPES, WORDS, captioned, kept_apart

Thing = tuple[str, str]  # colour, shape


def parsed(caption: str) -> tuple[list[Thing], str]:
    """The things of a caption and its relation."""
    for relation in RELATIONS[1:]:
        if f" {relation} " in caption:
            first, second = caption.split(f" {relation} ")
            return [tuple(first.split()), tuple(second.split())], relation  # type: ignore[list-item]
    return [tuple(caption.split())], ""  # type: ignore[list-item]


def covered(image: Tensor, colour: str) -> Tensor:
    """Pixels (S, S) nearer to a colour than to any other and to the ground."""
    palette = torch.tensor([*COLOURS.values(), (0.05, 0.05, 0.05)])  # (5, 3)
    nearest = (image[None] - palette[:, :, None, None]).pow(2).sum(dim=1).argmin(dim=0)
    return nearest == list(COLOURS).index(colour)


@pytest.mark.topic("APP-09")
@pytest.mark.parametrize("pairs", ["seen", "unseen"])
def test_each_caption_names_what_is_drawn_and_where(pairs: str) -> None:
    images, captions = captioned(300, size=32, seed=1, pairs=pairs, noise=0.0)
    assert images.shape == (300, 3, 32, 32) and images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    for image, caption in zip(images, captions, strict=True):
        things, relation = parsed(caption)
        masks = {colour: covered(image, colour) for colour in COLOURS}
        assert {colour for colour, mask in masks.items() if mask.any()} == {colour for colour, _ in things}
        centres = [masks[colour].nonzero().double().mean(dim=0) for colour, _ in things]
        if len(things) == 1 or things[0][0] == things[1][0]:
            continue  # one colour, one patch: nothing to tell apart
        down, right = (centres[1] - centres[0]).tolist()
        assert (down if relation == "above" else right) > 8 > abs(right if relation == "above" else down)


def width_of_rows(mask: Tensor) -> list[int]:
    return [int(row.sum()) for row in mask if row.any()]


@pytest.mark.topic("APP-09")
def test_outlines_are_those_of_the_words() -> None:
    images, captions = captioned(400, size=48, seed=2, noise=0.0)
    found = set()
    for image, caption in zip(images, captions, strict=True):
        (colour, shape), *others = parsed(caption)[0]
        if others:
            continue
        rows = width_of_rows(covered(image, colour))
        found.add(shape)
        if shape == "square":
            assert len(set(rows)) == 1 and abs(rows[0] - len(rows)) <= 1
        elif shape == "triangle":
            assert rows == sorted(rows) and rows[-1] > 3 * rows[0]
        else:
            assert rows[0] < 0.7 * max(rows) > rows[-1] and rows[len(rows) // 2] >= max(rows) - 1
    assert found == set(SHAPES)


def pairs_of(captions: tuple[str, ...]) -> set[tuple[Thing, Thing]]:
    return {tuple(things) for things in (parsed(caption)[0] for caption in captions) if len(things) == 2}  # type: ignore[misc]


@pytest.mark.topic("APP-09")
def test_unseen_pairs_are_never_among_the_seen_ones_and_every_word_is_in_both() -> None:
    seen = captioned(4000, size=16, seed=0).captions
    unseen = captioned(4000, size=16, seed=0, pairs="unseen").captions
    assert not pairs_of(seen) & pairs_of(unseen)
    assert len(pairs_of(seen)) + len(pairs_of(unseen)) == 12 * 11  # all there are
    apart = sum(kept_apart(a, b) for a, b in product(range(12), repeat=2) if a != b)
    assert len(pairs_of(unseen)) == apart == 30
    for captions in (seen, unseen):
        assert {word for caption in captions for word in caption.split()} == set(WORDS)
        things = {thing for pair in pairs_of(captions) for thing in pair}
        assert len(things) == 12
    assert {len(caption.split()) for caption in seen} == {2, 5, 6}
    assert {len(caption.split()) for caption in unseen} == {5, 6}


def test_a_seed_gives_the_same_pictures_and_another_one_others() -> None:
    first, again, other = captioned(5, seed=3), captioned(5, seed=3), captioned(5, seed=4)
    assert torch.equal(first.images, again.images) and first.captions == again.captions
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 1, "size": 15}, {"n": 1, "pairs": "both"}])
def test_wrong_arguments_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(
        ValueError, match="expected n >= 1, size >= 16 and pairs 'seen' or 'unseen', received"
    ):
        captioned(**wrong)  # type: ignore[arg-type]
