"""Plots as SVG, drawn by the server: bars over time, one color a series, with a title and a table of the same numbers for who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 200, 44, 24, 14
_GAP = 0.2
_LABELS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle."""

    x: float
    y: float
    width: float
    height: float
    series: str
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One label of an axis, and where it stands."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What the template draws."""

    id: str
    title: str
    description: str
    series: Sequence[str]
    bars: Sequence[Bar]
    columns: Sequence[Tick]
    rows: Sequence[Tick]
    table: Sequence[tuple[str, Sequence[int]]]
    """Each time with its numbers, the latest first; times at which nothing happened are left out."""
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    base: int = _HEIGHT - _BOTTOM


def draw(plot_id: str, title: str, counts: Mapping[str, Sequence[int]], start: float, step: float) -> Plot:
    """Return a plot of bars, those of one time on top of each other.

    Args:
        plot_id: names the elements of the page.
        title: what is counted.
        counts: by series, a number for each step from `start` on.
        start: seconds since the epoch, UTC.
        step: seconds.
    """
    steps = max(len(one) for one in counts.values())
    times = [_label(start + number * step, step) for number in range(steps)]
    totals = [sum(one[number] for one in counts.values()) for number in range(steps)]
    top = _nice(max([*totals, 1]))
    told = ", ".join(f"{sum(one)} {name}" for name, one in counts.items())
    table = [
        (times[number], [one[number] for one in counts.values()]) for number in range(steps) if totals[number]
    ]
    return Plot(
        id=plot_id,
        title=title,
        description=f"{told}, from {times[0]} to {times[-1]}; at most {max(totals)} at a time.",
        series=list(counts),
        bars=_bars(counts, times, top),
        columns=[
            Tick(_x(number, steps), _short(start + number * step, steps * step))
            for number in range(0, steps, max(1, steps // _LABELS))
        ],
        rows=[Tick(_y(value, top), str(value)) for value in sorted({0, top // 2, top})],
        table=table[::-1],
    )


def _bars(counts: Mapping[str, Sequence[int]], times: Sequence[str], top: int) -> list[Bar]:
    bars: list[Bar] = []
    width = (_WIDTH - _LEFT) / len(times)
    for number, time in enumerate(times):
        below = 0
        for name, values in counts.items():
            if values[number]:
                y = _y(below + values[number], top)
                title = f"{time}: {values[number]} {name}"
                bars.append(
                    Bar(_x(number, len(times)), y, width * (1 - _GAP), _y(below, top) - y, name, title)
                )
            below += values[number]
    return bars


def _x(number: int, steps: int) -> float:
    return round(_LEFT + number * (_WIDTH - _LEFT) / steps, 1)


def _y(value: int, top: int) -> float:
    return round(_HEIGHT - _BOTTOM - value * (_HEIGHT - _BOTTOM - _TOP) / top, 1)


def _nice(value: int) -> int:
    """Return the next number that is easily halved: 2, 4, 10, 20, 40, 100 and so on."""
    scale = 1
    while True:
        for one in (2, 4, 10):
            if value <= one * scale:
                return one * scale
        scale *= 10


def _label(at: float, step: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b" if step >= _DAY else "%d %b %H:%M")


def _short(at: float, period: float) -> str:
    """Return a time below an axis, as short as the period lets it be: on a phone there is little room."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M" if period <= _DAY else "%d %b")


_DAY = 86400.0
