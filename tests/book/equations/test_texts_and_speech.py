"""The equations of the page on texts and speech, state by state, against the package and against PyTorch."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.attention import Attention, attend, dot_score

ROOT = Path(__file__).resolve().parents[3]
LENGTHS = (7, 3, 1)  # real steps of each sequence


@torch.no_grad()
def example() -> tuple[Attention, Tensor, Tensor]:
    """A pooling of 5 features with 4 units, states (3, 7, 5), and which of them are real."""
    torch.manual_seed(0)
    pool = Attention(5, None, units=4).double()
    torch.nn.init.normal_(pool.bias)
    mask = torch.arange(7) < torch.tensor(LENGTHS)[:, None]
    return pool, torch.randn(3, 7, 5, dtype=torch.float64), mask


@torch.no_grad()
def plain_weights(pool: Attention, states: Tensor) -> list[float]:
    """The weights of the real states (T, H) of one sequence, number by number."""
    scores = [
        sum(
            float(v) * math.tanh(float(row @ h) + float(b))
            for v, row, b in zip(pool.vector, pool.weight_states, pool.bias, strict=True)
        )
        for h in states
    ]
    total = sum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


@pytest.mark.topic("RNN-65")
def test_eq_attention_weights() -> None:
    pool, states, mask = example()
    weights = pool(states, mask=mask).weights  # (N, T)
    for row, sequence, length in zip(weights, states, LENGTHS, strict=True):
        plain = plain_weights(pool, sequence[:length])  # shorter, where the package has a mask
        assert_close(row, torch.tensor(plain + [0.0] * (7 - length), dtype=torch.float64))


@pytest.mark.topic("RNN-65", "APP-23")
def test_eq_attention_context() -> None:
    pool, states, mask = example()
    contexts = pool(states, mask=mask).context  # (N, H)
    for context, sequence, length in zip(contexts, states, LENGTHS, strict=True):
        weights = plain_weights(pool, sequence[:length])
        plain = sum(weight * h for weight, h in zip(weights, sequence, strict=False))
        assert_close(context, plain)

    query = torch.randn(3, 5, dtype=torch.float64)
    theirs = F.scaled_dot_product_attention(
        query[:, None], states, states, attn_mask=mask[:, None], scale=1.0
    )  # (N, 1, H)
    assert_close(attend(dot_score(states, query), states, mask).context, theirs[:, 0])


@pytest.mark.topic("APP-29")
def test_the_drawing_of_the_assistant_leads_from_the_voice_to_the_voice() -> None:
    drawing = ElementTree.parse(ROOT / "book" / "_static" / "assistant.svg").getroot()
    tag = "{http://www.w3.org/2000/svg}"
    boxes = [r for r in drawing.iter(f"{tag}rect") if r.get("height") == "64"]
    names = [text for text in drawing.iter(f"{tag}text") if text.get("class") == "name"]
    stages = [text.text for text in names]
    assert stages == ["wake word", "recogniser", "understanding", "action", "reply", "voice"]
    for box, name in zip(boxes, names, strict=True):  # each name in its box
        x, y = float(name.get("x", 0)), float(name.get("y", 0))
        left, top = float(box.get("x", 0)), float(box.get("y", 0))
        assert left < x < left + 160 and top < y < top + 64
    page = (ROOT / "book" / "recurrent" / "51-texts-and-speech.md").read_text("utf8")
    alt = next(line for line in page.splitlines() if line.startswith(":alt: A chain"))
    assert all(stage in alt.lower() for stage in stages)  # who does not see it, reads it
