"""The equations of the GRU chapter, each written out plainly, against the package and against PyTorch.

Columns in the text become rows here: where the page says W x, the test says x @ W.T, one example per row.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from coursekit.nn.recurrent import GRU, gru_step
from coursekit.nn.traces import gru_trace

N, D, H = 3, 5, 4  # all different, so that a transposed matrix cannot pass


class Cell(NamedTuple):
    """One step of a GRU with random numbers everywhere, and the weights of each layer under its letter."""

    x: Tensor
    h: Tensor
    weights: tuple[Tensor, ...]  # weight_ih, weight_hh, bias_ih, bias_hh
    W: dict[str, Tensor]
    U: dict[str, Tensor]
    b: dict[str, Tensor]
    b_: dict[str, Tensor]  # b'

    def gate(self, name: str) -> Tensor:
        inside = self.x @ self.W[name].T + self.b[name] + self.h @ self.U[name].T + self.b_[name]
        return 1 / (1 + torch.exp(-inside))

    def candidate(self) -> Tensor:
        past = self.gate("r") * (self.h @ self.U["n"].T + self.b_["n"])
        return torch.tanh(self.x @ self.W["n"].T + self.b["n"] + past)

    def layer(self) -> GRU:
        """The package's layer with these weights."""
        layer = GRU(D, H).double()
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        layer.load_state_dict(dict(zip(names, self.weights, strict=True)))
        return layer


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture(params=[0, 1, 2])
def cell(request: pytest.FixtureRequest) -> Cell:
    torch.manual_seed(request.param)
    weights = normal(3 * H, D), normal(3 * H, H), normal(3 * H), normal(3 * H)
    split = [dict(zip("rzn", tensor.split(H), strict=True)) for tensor in weights]
    return Cell(normal(N, D), 2 * torch.rand(N, H).double() - 1, weights, *split)


def torch_cell(cell: Cell) -> Tensor:
    theirs = nn.GRUCell(D, H, dtype=torch.float64)
    theirs.load_state_dict(
        dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), cell.weights, strict=True))
    )
    out: Tensor = theirs(cell.x, cell.h).detach()
    return out


@pytest.mark.topic("RNN-53")
def test_eq_gru_reset(cell: Cell) -> None:
    gates, _ = gru_trace(cell.layer(), cell.x[:, None], cell.h)
    torch.testing.assert_close(gates.r[:, 0], cell.gate("r"))


@pytest.mark.topic("RNN-52")
def test_eq_gru_update(cell: Cell) -> None:
    gates, _ = gru_trace(cell.layer(), cell.x[:, None], cell.h)
    torch.testing.assert_close(gates.z[:, 0], cell.gate("z"))


@pytest.mark.topic("RNN-54")
def test_eq_gru_candidate(cell: Cell) -> None:
    gates, _ = gru_trace(cell.layer(), cell.x[:, None], cell.h)
    torch.testing.assert_close(gates.n[:, 0], cell.candidate())
    shut = list(cell.weights)
    shut[2] = shut[2] - 200 * (torch.arange(3 * H) < 2 * H)  # r = z = 0: the input alone
    alone = torch.tanh(cell.x @ cell.W["n"].T + cell.b["n"])
    torch.testing.assert_close(gru_step(cell.x, cell.h, *shut), alone)


@pytest.mark.topic("RNN-54", "RNN-56")
def test_eq_gru_candidate_before(cell: Cell) -> None:
    past = (cell.gate("r") * cell.h) @ cell.U["n"].T
    n = torch.tanh(cell.x @ cell.W["n"].T + (cell.b["n"] + cell.b_["n"]) + past)
    z = cell.gate("z")
    got = gru_step(cell.x, cell.h, *cell.weights, reset="before")
    torch.testing.assert_close(got, z * cell.h + (1 - z) * n)
    assert (got - torch_cell(cell)).abs().max() > 0.01, "another model than PyTorch's"


@pytest.mark.topic("RNN-55")
def test_eq_gru_state(cell: Cell) -> None:
    z = cell.gate("z")
    expected = z * cell.h + (1 - z) * cell.candidate()
    torch.testing.assert_close(expected, torch_cell(cell))
    torch.testing.assert_close(gru_step(cell.x, cell.h, *cell.weights), expected)


@pytest.mark.topic("RNN-55")
def test_eq_gru_bound(cell: Cell) -> None:
    new, n = gru_step(cell.x, cell.h, *cell.weights), cell.candidate()
    assert (new >= torch.minimum(cell.h, n)).all() and (new <= torch.maximum(cell.h, n)).all()
    states, _ = cell.layer()(normal(N, 200, D), cell.h)
    assert states.abs().max() < 1


@pytest.mark.topic("RNN-51")
def test_eq_gru_jacobian(cell: Cell) -> None:
    r, z, n, slope = cell.gate("r"), cell.gate("z"), cell.candidate(), 1 - cell.candidate() ** 2
    past = cell.h @ cell.U["n"].T + cell.b_["n"]
    for k in range(N):

        def new(h: Tensor, k: int = k) -> Tensor:
            return gru_step(cell.x[k : k + 1], h[None], *cell.weights)[0]

        inside = torch.diag(r[k]) @ cell.U["n"] + torch.diag(past[k] * r[k] * (1 - r[k])) @ cell.U["r"]
        expected = torch.diag(z[k]) + torch.diag((cell.h - n)[k] * z[k] * (1 - z[k])) @ cell.U["z"]
        expected = expected + torch.diag((1 - z[k]) * slope[k]) @ inside
        torch.testing.assert_close(torch.autograd.functional.jacobian(new, cell.h[k]), expected)


@pytest.mark.topic("RNN-57")
def test_eq_gru_count() -> None:
    for inputs, units in ((64, 128), (50, 128), (32, 5), (1, 1)):
        theirs = sum(p.numel() for p in nn.GRU(inputs, units).parameters())
        assert 3 * units * (inputs + units + 2) == theirs
        one_bias = sum(p.numel() for p in GRU(inputs, units, reset="before").parameters())
        assert 3 * units * (inputs + units + 1) == one_bias
