"""The loss explorer: three losses, seven numbers, and one of them to drag away from the others."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from .browser import BrowserFigure
from .explorer import check_between, fill, number

TARGETS = (1.0, 2.1, 1.4, 0.7, 1.9, 1.6)  # the outlier is the seventh; seven have one median


class LossExplorer(BrowserFigure):
    r"""What an outlier does to the best constant of each loss (LOSS-02 to LOSS-04).

    $$c^* = \arg\min_c \sum_i \ell(y_i - c)$$
    is the mean for $\ell(r) = r^2$, the median for $|r|$, and for Huber's loss close to one or the other, as
    `delta` decides. The slope of a loss says why: it is how hard an error pulls at the constant.

    Args:
        delta: where Huber's loss turns from squared to absolute, between 0.1 and 6.
        outlier: the seventh target, between 0 and 8.

    Raises:
        ValueError: a number beyond the ends of its slider.
    """

    name = "loss_explorer"

    def __init__(self, *, delta: float = 2.0, outlier: float = 6.5) -> None:
        check_between("delta", delta, 0.1, 6)
        check_between("outlier", outlier, 0, 8)
        super().__init__({"delta": float(delta), "outlier": float(outlier), "targets": list(TARGETS)})

    def values(self) -> dict[str, float]:
        """The fits, and the outlier's error, loss and slope at each: as `explain` in loss_explorer.js."""
        delta, outlier, targets = (self.state[name] for name in ("delta", "outlier", "targets"))
        everything = [*targets, outlier]
        fits = {"mse": fmean(everything), "mae": median(everything), "huber": huber_fit(everything, delta)}
        values = {"delta": delta, "outlier": outlier}
        for name, fit in fits.items():
            r = outlier - fit
            near = abs(r) <= delta
            loss, slope = {
                "mse": (r * r, 2 * r),
                "mae": (abs(r), float((r > 0) - (r < 0))),
                "huber": (
                    r * r / 2 if near else delta * abs(r) - delta * delta / 2,
                    r if near else delta * (1 if r > 0 else -1),
                ),
            }[name]
            values |= {name: fit, f"{name}-error": r, f"{name}-loss": loss, f"{name}-slope": slope}
        return values

    @property
    def alt(self) -> str:
        v = {name: number(value, 2) for name, value in self.values().items()}
        return (
            f"Seven targets, six of them below 2.2 and an outlier at {v['outlier']}, with the best constant "
            f"of each loss: {v['mse']} for the squared error, the mean; {v['mae']} for the absolute error, "
            f"the median; {v['huber']} for Huber's loss with delta {v['delta']}. Below, each loss and its "
            f"slope over the error: the outlier pulls the mean with a slope of {v['mse-slope']}, the median "
            f"with {v['mae-slope']}, Huber's constant with {v['huber-slope']}."
        )

    def still(self) -> str:
        values = self.values()
        texts = {name: number(values[name], 2) for name in ("mse", "mae", "huber")} | curves(values["delta"])
        texts["targets"] = "".join(f"M{place} {y:g}h0" for place, y in enumerate(self.state["targets"]))
        return fill(self.name, alt=self.alt, texts=texts, variables=values)


def huber_fit(targets: Sequence[float], delta: float) -> float:
    """The constant at which the clipped errors cancel, halved from the range of the targets."""
    low, high = min(targets), max(targets)
    for _ in range(60):
        middle = (low + high) / 2
        pull = sum(max(-delta, min(delta, y - middle)) for y in targets)
        low, high = (middle, high) if pull > 0 else (low, middle)
    return (low + high) / 2


def curves(delta: float) -> dict[str, str]:
    """Huber's loss and its slope as SVG paths over errors from -7 to 7: a parabola between straight lines."""
    d, bend, end = (f"{value:.4f}" for value in (delta, delta**2 / 2, 7 * delta - delta**2 / 2))
    return {
        "loss": f"M-7 {end}L-{d} {bend}Q0 -{bend} {d} {bend}L7 {end}",
        "slope": f"M-7 -{d}H-{d}L{d} {d}H7",
    }
