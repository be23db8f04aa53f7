"""The results as one picture: times of queries, and how far each target is met."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from benchmarks.figures import TIMES, Line, median, percentile
from benchmarks.queries import Timing

_BLUE, _PALE, _GREY, _GREEN, _RED, _INK = (
    "#2f5fd0",
    "#a9c0f2",
    "#9aa3b2",
    "#2e9e6b",
    "#d0503c",
    "#1d2433",
)


@dataclass(frozen=True)
class Bar:
    """A bar, the text at its end, and perhaps a dot further on."""

    name: str
    value: float
    colour: str
    label: str = ""
    dot: float | None = None

    @property
    def end(self) -> float:
        return max(self.value, self.dot or 0)


def draw(
    path: Path,
    title: str,
    timings: Sequence[Timing],
    others: dict[str, float],
    lines: Sequence[Line],
) -> None:
    """`others` are the seconds that other engines take for the all-time answer."""
    answers, targets = _time_bars(timings, others), _target_bars(lines)
    plt.rcParams.update({"font.size": 9, "text.color": _INK, "axes.labelcolor": _INK})
    height = 1.4 + 0.3 * max(len(answers), len(targets))
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, height), layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold", x=0.005, ha="left")
    _bars(left, answers, "Time of an answer: median (bar) and p99 while ingesting (dot)")
    _mark(left, 50, "50 ms")
    left.xaxis.set_major_formatter(FuncFormatter(_shown_ms))
    _bars(right, targets, "Times better than the target")
    _mark(right, 1, "just met")
    right.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}{TIMES}"))
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _time_bars(timings: Sequence[Timing], others: dict[str, float]) -> list[Bar]:
    bars = [
        Bar(f"all time: {name}", 1000 * seconds, _GREY, _shown_ms(1000 * seconds))
        for name, seconds in others.items()
    ]
    for timing in timings:
        if timing.idle:
            middle, busy = 1000 * median(timing.idle), 1000 * percentile(timing.busy, 0.99)
            label = f"{_shown_ms(middle)}, {_shown_ms(busy)}"
            bars.append(Bar(timing.query.name, middle, _BLUE, label, busy))
    return bars


def _target_bars(lines: Sequence[Line]) -> list[Bar]:
    bars = []
    for line in lines:
        if line.target and line.target.applies and line.target.short:
            headroom = min(max(line.target.headroom, 0.05), 20)
            colour = _GREEN if line.target.is_met else _RED
            bars.append(Bar(line.target.short, headroom, colour, f"target {line.target.text}"))
    return bars


def _bars(axes: Axes, bars: Sequence[Bar], heading: str) -> None:
    """Horizontal bars on a logarithmic scale, the first on top."""
    places = range(len(bars))
    axes.barh(places, [bar.value for bar in bars], color=[bar.colour for bar in bars], height=0.6)
    axes.set_yticks(places, [bar.name for bar in bars])
    axes.set_ylim(len(bars) - 0.4, -1.2)
    axes.set_xscale("log")
    axes.set_xlim(min(bar.value for bar in bars) / 3, max(bar.end for bar in bars) * 12)
    for place, bar in enumerate(bars):
        if bar.dot:
            axes.plot([bar.value, bar.dot], [place, place], color=_PALE, linewidth=2)
            axes.plot(bar.dot, place, "o", color=_BLUE, markersize=5)
        axes.annotate(
            bar.label, (bar.end, place), xytext=(7, 0), textcoords="offset points", va="center",
            fontsize=8, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    axes.set_title(heading, loc="left", fontsize=10)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _mark(axes: Axes, value: float, label: str) -> None:
    """A line at the value to reach."""
    axes.axvline(value, color=_INK, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
    axes.annotate(label, (value, -0.8), xytext=(4, 0), textcoords="offset points", fontsize=8)


def _shown_ms(number: float, _: object = None) -> str:
    if number >= 1000:
        return f"{number / 1000:.3g} s"
    return f"{number:.2g} ms" if number < 100 else f"{number:.0f} ms"
