"""The runs as a picture: packets received over time, in SVG, a panel for each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from submariner_lab.failover.figures import Figures, Run
from submariner_lab.failover.noticed import first_move
from submariner_lab.failover.timeline import Column, columns, ticks

LEFT, WIDTH, RIGHT = 140, 900, 20
TITLE, CAPTION, STRIP, GAP, AXIS, BELOW = 22, 16, 44, 8, 16, 26
PANEL = TITLE + CAPTION + 2 * (STRIP + GAP) + AXIS + BELOW
HIGHEST = 16
"""Packets in a bin at the top of a strip; 10 are sent, a receiver that wakes late gets more."""
LEAD_IN, LEAD_OUT = 0.5, 1.0
"""Seconds that are shown before the fault and after the last thing that happened."""

TOLD = 6
"""Lines that a caption has room for; beyond, it leaves out what was done after the fault."""

FAULT, MOVE, LEADER, DONE = "#c62828", "#1565c0", "#2e7d32", "#888888"
GREY = "#555555"
UNIT = "packets in 10 ms"
Mark = tuple[float, str, str]
"""Seconds after the fault, colour, what."""
LEAST, MOST = "#455a64", "#cfd8dc"


def draw(runs: Sequence[Run]) -> str:
    """An SVG document; runs without figures say why."""
    height = PANEL * max(1, len(runs))
    panels = [_panel(run, PANEL * number) for number, run in enumerate(runs)]
    size = f'width="{LEFT + WIDTH + RIGHT}" height="{height}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
            '<rect width="100%" height="100%" fill="white"/>',
            *panels,
            "</svg>\n",
        )
    )


def _panel(run: Run, top: int) -> str:
    title = f"{run.driver}: {run.scenario}, run {run.number}"
    parts = [f'<g transform="translate(0 {top})">', f"<title>{escape(title)}</title>"]
    parts.append(_text(10, TITLE - 6, title, size=14))
    if run.figures is None:
        parts.append(_text(LEFT, TITLE + CAPTION, run.impossible or run.failure, colour=FAULT))
    else:
        parts += _figures(run.figures)
    return "\n".join((*parts, "</g>"))


def _figures(figures: Figures) -> list[str]:
    move = first_move(figures.noticed)
    marks: list[Mark] = [(event.at, DONE, event.what) for event in figures.events[1:]]
    marks.append((0.0, FAULT, figures.events[0].what))
    if move is not None:
        marks.append((move.at, MOVE, f"first move, {move.who}"))
    if figures.lead is not None:
        marks.append((figures.lead.at, LEADER, f"new leader, {figures.lead.node}"))
    last = max((*(at for at, _, _ in marks), figures.forward.mended, figures.backward.mended))
    start, end = -LEAD_IN, last + LEAD_OUT
    scale = WIDTH / (end - start)

    def x(at: float) -> float:
        return LEFT + (at - start) * scale

    parts = [_captions(marks)]
    top = TITLE + CAPTION + GAP
    for name, one in (("forward", figures.forward), ("backward", figures.backward)):
        label = f"{name}, {one.lost:,} lost"
        parts.append(_text(LEFT - 8, top + STRIP / 2, label, anchor="end"))
        parts.append(_text(LEFT - 8, top + STRIP / 2 + 14, UNIT, anchor="end", colour=GREY))
        found = columns(one.course.arrivals, figures.fault, start, end, WIDTH)
        parts.append(_area(found, [column.most for column in found], x, top, MOST))
        parts.append(_area(found, [column.least for column in found], x, top, LEAST))
        top += STRIP + GAP
    bottom = top - GAP
    for at, colour, what in sorted(marks, key=lambda mark: mark[1] != DONE):
        parts.append(
            f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{TITLE + CAPTION}" y2="{bottom}"'
            f' stroke="{colour}" stroke-width="1.5"><title>{escape(what)}</title></line>'
        )
    parts += [
        _text(x(at), bottom + AXIS, f"{at:g} s", anchor="middle", colour=GREY)
        for at in ticks(start, end)
    ]
    return parts


def _captions(marks: Sequence[Mark]) -> str:
    """What the lines mean, each in its colour, in order of time."""
    spans = [
        f'<tspan fill="{colour}">{escape(f"{what} {at:+.2f} s" if at else what)}</tspan>'
        for at, colour, what in sorted(marks)
        if colour != DONE or len(marks) <= TOLD
    ]
    place = f'x="{LEFT}" y="{TITLE + CAPTION - 6}" font-size="11"'
    return f"<text {place}>{' | '.join(spans)}</text>"


def _area(
    found: Sequence[Column],
    counts: Sequence[int],
    x: Callable[[float], float],
    top: float,
    colour: str,
) -> str:
    """A skyline: steps as high as the counts."""
    floor = top + STRIP
    path = [f"M{LEFT} {floor:.1f}"]
    level = 0
    for column, count in zip(found, counts, strict=True):
        if count != level:
            height = min(count, HIGHEST) / HIGHEST * STRIP
            path.append(f"H{x(column.begin):.1f}V{floor - height:.1f}")
            level = count
    return f'<path d="{"".join(path)}H{LEFT + WIDTH}V{floor:.1f}Z" fill="{colour}"/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = "black", size: int = 11
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
        f' font-size="{size}">{escape(text)}</text>'
    )
