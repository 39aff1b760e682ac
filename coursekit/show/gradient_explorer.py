"""The gradient explorer: how much of an error is left, step by step back, for a matrix of one's choice."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .browser import BrowserFigure
from .explorer import check_between, fill, number

STARTS = ("normal", "orthogonal", "identity")
ACTIVATIONS = ("linear", "tanh", "relu")
LIMITS = {"radius": (0.5, 1.5), "drive": (0.0, 2.0)}  # the sliders' ends
UNITS, STEPS = 16, 50

# The plot: a step is 8.2 wide, a power of ten 10 high, and 1 stands at height 120.
LEFT, STEP, ONE, DECADE = 62.0, 8.2, 120.0, 10.0
LOWEST = 1e-20  # below the plot; a ReLU can leave 0, which has no logarithm
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class GradientExplorer(BrowserFigure):
    r"""An error of length 1 on its way back through fifty steps (RNN-17, RNN-18, RNN-20).

    $$h_t = \phi(s\,x_t + U h_{t-1}), \qquad
      \Big\| \frac{\partial h_T}{\partial h_{T-k}}^{\!\top} v \Big\| \le \sigma_{max}(U)^k, \qquad \|v\| = 1$$
    beside $\rho(U)^k$, which a linear network follows in the long run. The network has 16 units; matrices,
    inputs and error are drawn once and for all.

    Args:
        radius: $\rho$, the spectral radius of $U$, between 0.5 and 1.5.
        drive: $s$, the size of the inputs, between 0 and 2. Large ones push a tanh to where it is flat.
        start: what $U$ is a multiple of, "normal", "orthogonal" or "identity".
        activation: $\phi$, "linear", "tanh" or "relu". Their largest slope is 1.

    Raises:
        ValueError: a number beyond the ends of its slider, or an unknown start or activation.
    """

    name = "gradient_explorer"

    def __init__(
        self,
        *,
        radius: float = 0.9,
        drive: float = 0.5,
        start: str = "normal",
        activation: str = "tanh",
    ) -> None:
        check_between("radius", radius, *LIMITS["radius"])
        check_between("drive", drive, *LIMITS["drive"])
        for name, value, known in (("start", start, STARTS), ("activation", activation, ACTIVATIONS)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
        chosen = {"drive": float(drive), "radius": float(radius), "start": start, "activation": activation}
        super().__init__(chosen | _drawn())

    def values(self) -> dict[str, Any]:
        """What is left after each step, and both powers after the last: as `measure` in the module."""
        state = self.state
        weight = state["radius"] * np.array(state["weights"][state["start"]])  # (H, H)
        h = np.zeros(UNITS)
        slopes = []
        for x in np.array(state["inputs"]):  # (H,) each
            a = weight @ h + state["drive"] * x
            h = {"linear": a, "tanh": np.tanh(a), "relu": np.maximum(a, 0)}[state["activation"]]
            slopes.append({"linear": 1 + 0 * h, "tanh": 1 - h**2, "relu": 1.0 * (h > 0)}[state["activation"]])
        error = np.array(state["error"])
        norms = [float(np.linalg.norm(error))]
        for slope in reversed(slopes):
            error = (slope * error) @ weight
            norms.append(float(np.linalg.norm(error)))
        sigma = state["radius"] * state["stretch"][state["start"]]
        return {"norms": norms, "sigma": sigma, "bound": sigma**STEPS, "power": state["radius"] ** STEPS}

    @property
    def alt(self) -> str:
        state, v = self.state, self.values()
        activation = {"linear": "no activation", "tanh": "tanh", "relu": "ReLU"}[state["activation"]]
        return (
            "What is left of an error over the steps it has gone back, on a logarithmic axis, in a recurrent "
            f"network with {activation} and a matrix of {state['start']} start, spectral radius "
            f"{number(state['radius'], 2)} and largest singular value {number(v['sigma'], 2)}. After "
            f"{STEPS} steps {short(v['norms'][-1])} of the error is left. The bound, the power of the "
            f"largest singular value, stands at {short(v['bound'])}, the power of the spectral radius at "
            f"{short(v['power'])}."
        )

    def still(self) -> str:
        v = self.values()
        texts = {
            "left": short(v["norms"][-1]),
            "power": short(v["power"]),
            "bound": short(v["bound"]),
            "sigma": number(v["sigma"], 2),
            "radius": number(self.state["radius"], 2),
        }
        paths = {
            "measured": path(v["norms"]),
            "radius_line": line(self.state["radius"]),
            "bound_line": line(v["sigma"]),
        }
        return fill(self.name, alt=self.alt, texts=texts | paths, variables={})


@cache
def _drawn() -> dict[str, Any]:
    """Matrices of radius 1, their largest singular values, inputs and an error, rounded to travel well."""
    dice = np.random.RandomState(5)  # its numbers are the same in every version
    normal = dice.standard_normal((UNITS, UNITS))
    normal /= np.abs(np.linalg.eigvals(normal)).max()
    q, r = np.linalg.qr(dice.standard_normal((UNITS, UNITS)))
    matrices = {"normal": normal, "orthogonal": q * np.sign(np.diag(r)), "identity": np.eye(UNITS)}
    matrices = {name: matrix.round(7) for name, matrix in matrices.items()}
    error = dice.standard_normal(UNITS)
    return {
        "weights": {name: matrix.tolist() for name, matrix in matrices.items()},
        "stretch": {name: float(np.linalg.norm(matrix, 2).round(7)) for name, matrix in matrices.items()},
        "inputs": dice.standard_normal((STEPS, UNITS)).round(2).tolist(),
        "error": (error / np.linalg.norm(error)).round(7).tolist(),
    }


def height(value: float) -> float:
    """Where a size stands in the plot."""
    return float(ONE - DECADE * np.log10(max(value, LOWEST)))


def path(norms: list[float]) -> str:
    """The measured curve as an SVG path."""
    points = (f"{LEFT + STEP * k:.1f} {height(norm):.2f}" for k, norm in enumerate(norms))
    return "M" + "L".join(points)


def line(base: float) -> str:
    """The powers of `base`: a straight line, since the axis is logarithmic."""
    return f"M{LEFT:.1f} {ONE:.2f}L{LEFT + STEP * STEPS:.1f} {ONE - STEPS * DECADE * np.log10(base):.2f}"


def short(value: float) -> str:
    """Two digits and a power of ten, or two decimals where that is enough."""
    mantissa, exponent = f"{value:.1e}".split("e")
    if value == 0:
        return "0"
    if -1 <= int(exponent) <= 1:
        return number(value, 2)
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
