"""The Inception explorer: what each branch of a module costs, against the module without reductions."""

from __future__ import annotations

from itertools import accumulate

from .browser import BrowserFigure
from .explorer import check_whole, fill, number

LIMITS = {  # the sliders' ends
    "in_channels": (8, 1024),
    "c1": (8, 512),
    "r3": (8, 256),
    "c3": (8, 512),
    "r5": (8, 128),
    "c5": (8, 256),
    "pool": (8, 256),
    "side": (7, 56),
}
WIDTHS = ("c1", "c3", "c5", "pool")  # what each branch adds to the result


class InceptionExplorer(BrowserFigure):
    r"""The widths of an Inception module and their price, branch by branch (CNN-09, CNN-12 to CNN-14).

    A convolution of $C$ channels to $O$ with a $k \times k$ kernel has $O(Ck^2 + 1)$ parameters and does
    $HW\,OCk^2$ multiply-adds.

    Args:
        in_channels: channels of the input, which is 192 x 28 x 28 by default, as for GoogLeNet's module 3a.
        c1: channels of the 1x1 branch.
        r3, c3: of the 1x1 that reduces before the 3x3, and of the 3x3.
        r5, c5: the same around the 5x5.
        pool: of the 1x1 behind the pool.
        side: height and width of the input.

    Raises:
        ValueError: a number beyond the ends of its slider, or not a whole one.
    """

    name = "inception_explorer"

    def __init__(
        self,
        *,
        in_channels: int = 192,
        c1: int = 64,
        r3: int = 96,
        c3: int = 128,
        r5: int = 16,
        c5: int = 32,
        pool: int = 32,
        side: int = 28,
    ) -> None:
        given = {"in_channels": in_channels, "c1": c1, "r3": r3, "c3": c3, "r5": r5, "c5": c5}
        given |= {"pool": pool, "side": side}
        super().__init__({name: check_whole(name, value, *LIMITS[name]) for name, value in given.items()})

    def counts(self) -> dict[str, int]:
        """Parameters and multiply-adds by name, as `count` in inception_explorer.js.

        `parameters1` are those of the 1x1 branch, so on for 3, 5, pool and all; `reduce3` and `reduce5` are
        what their first layer has of them; `naive...` are the counts without reductions.
        """
        w = self.state
        places, x = w["side"] ** 2, w["in_channels"]
        layers = {  # (channels in, channels out, kernel size) of each branch
            "1": [(x, w["c1"], 1)],
            "3": [(x, w["r3"], 1), (w["r3"], w["c3"], 3)],
            "5": [(x, w["r5"], 1), (w["r5"], w["c5"], 5)],
            "pool": [(x, w["pool"], 1)],
        }
        naive = {"1": [(x, w["c1"], 1)], "3": [(x, w["c3"], 3)], "5": [(x, w["c5"], 5)], "pool": []}
        counts = {"channels": sum(w[name] for name in WIDTHS)}
        counts["naiveChannels"] = counts["channels"] - w["pool"] + x  # the pool passes on what it read
        for kind, branches in (("parameters", layers), ("naiveParameters", naive)):
            found = {name: sum(o * (c * k * k + 1) for c, o, k in each) for name, each in branches.items()}
            counts |= {kind + name: value for name, value in (found | {"all": sum(found.values())}).items()}
        for kind, branches in (("multiplyAdds", layers), ("naiveMultiplyAdds", naive)):
            found = {name: places * sum(o * c * k * k for c, o, k in each) for name, each in branches.items()}
            counts |= {kind + name: value for name, value in (found | {"all": sum(found.values())}).items()}
        counts |= {f"reduce{name}": w[f"r{name}"] * (x + 1) for name in ("3", "5")}
        return counts

    @property
    def alt(self) -> str:
        w, n = self.state, self.counts()
        return (
            f"Diagram of an Inception module on {w['in_channels']} channels of {w['side']} by {w['side']} "
            f"pixels. Four branches: 1 by 1 to {w['c1']}; 1 by 1 to {w['r3']}, then 3 by 3 to {w['c3']}; "
            f"1 by 1 to {w['r5']}, then 5 by 5 to {w['c5']}; max pool, then 1 by 1 to {w['pool']}; side by "
            f"side {n['channels']} channels. Bars compare the branches: in all {n['parametersall']:,} "
            f"parameters and {n['multiplyAddsall']:,} multiply-adds, without the reductions "
            f"{n['naiveParametersall']:,} and {n['naiveMultiplyAddsall']:,}."
        )

    def still(self) -> str:
        counts = self.counts()
        texts = {name: str(value) for name, value in (self.state | counts).items()}
        texts |= {name: f"{value:,}" for name, value in counts.items() if "arameters" in name}
        texts |= {name: big(value) for name, value in counts.items() if "ultiplyAdds" in name}
        return fill(self.name, alt=self.alt, texts=texts, variables=shares(self.state, counts))


def shares(widths: dict[str, int], counts: dict[str, int]) -> dict[str, float]:
    """Lengths for the picture: wires by their channels, bars by their parameters, the result by its parts."""
    wires = [name for name in widths if name != "side"]
    widest = max(widths[name] for name in wires)
    bars = [name for name in counts if name.startswith(("parameters", "naiveParameters", "reduce"))]
    bars = [name for name in bars if not name.endswith("all")]
    longest = max(counts[name] for name in bars)
    found = {name: widths[name] / widest for name in wires} | {name: counts[name] / longest for name in bars}
    starts = accumulate((widths[name] for name in WIDTHS), initial=0)
    for name, start in zip(WIDTHS, starts, strict=False):  # the last start is the end
        found |= {
            f"{name}-start": start / counts["channels"],
            f"{name}-share": widths[name] / counts["channels"],
        }
    return found


def big(value: int) -> str:
    """A large count as it stands beside a bar: in millions, or in thousands of them."""
    if value >= 1e9:
        return f"{number(value / 1e9, 2)} G"
    return f"{number(value / 1e6, 1)} M" if value else "0"
