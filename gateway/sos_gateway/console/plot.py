"""The plot of a fall's evidence as SVG: acceleration over time, the blow marked, gaps left open.

Told by shape and words; colour only repeats it. It takes the colours of day or night from whoever shows it.
"""

from html import escape
from itertools import groupby
from math import ceil

from sos_wire import evidence as wire

from ..domain.evidence import Evidence, seconds
from . import i18n

# As wide as the column it stands in, so that its words have the size of those around it.
WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 30, 12, 30, 40
# A plot of somebody who sits has the scale of one of somebody who fell: small things look small.
LEAST_TOP_G = 3

_STYLE = """
svg { --ink: #14213d; --quiet: #4c5a6b; --line: #c9d2dc; --blow: #b3001b; }
@media (prefers-color-scheme: dark) {
 svg { --ink: #e8edf4; --quiet: #a9b6c5; --line: #3a4658; --blow: #ff8a93; } }
text { font: 12px "DejaVu Sans", system-ui, sans-serif; fill: var(--quiet); }
.blow-word { fill: var(--blow); font-weight: 700; }
.grid { stroke: var(--line); }
.rest { stroke: var(--quiet); stroke-dasharray: 2 4; }
.blow { stroke: var(--blow); stroke-width: 2; stroke-dasharray: 7 4; }
.felt { stroke: var(--ink); stroke-width: 2; fill: none; stroke-linejoin: round; }
.missing { fill: var(--line); fill-opacity: .6; }
"""


def x_of(sample: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * sample / (wire.SAMPLES - 1), 1)


def y_of(g: float, top_g: int) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * g / top_g, 1)


def number(value: float, language: str) -> str:
    """Return a value with one decimal, the decimal mark being the language's."""
    text = f"{value:.1f}"
    return text if language == "en" else text.replace(".", ",")


def told(found: Evidence, language: str) -> str:
    """Return in a sentence what the plot shows, for who does not see it."""
    w = i18n.words(language)
    strongest = found.strongest()
    if strongest is None:
        return w["evidence_none"]
    g, at = strongest
    text = w["evidence_told"].format(
        g=("≥ " if found.is_clipped else "") + number(g, language), s=number(at, language)
    )
    return text if found.is_whole else f"{text} {w['evidence_part'].format(n=found.pieces, of=wire.PIECES)}"


def svg(found: Evidence, language: str) -> str:
    """Return the plot as one SVG document."""
    w = i18n.words(language)
    felt = found.magnitudes_g()
    top_g = max([LEAST_TOP_G, *(ceil(g + 0.2) for g in felt if g is not None)])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'lang="{language}" aria-labelledby="t d">',
        f'<title id="t">{escape(w["evidence"])}</title><desc id="d">{escape(told(found, language))}</desc>',
        f"<style>{_STYLE}</style>",
        *_scale(top_g, w),
        *_runs(felt, top_g),
        *_blow(w),
        "</svg>",
    ]
    return "\n".join(parts)


def _scale(top_g: int, w: dict[str, str]) -> list[str]:
    """Return both axes: whole g with 1 g, what rest feels like, drawn apart; whole seconds from the blow."""
    every = 1 if top_g <= 6 else 2
    found = [f'<text x="4" y="{TOP - 14}">{escape(w["evidence_axis"])}</text>']
    for g in sorted({*range(0, top_g + 1, every), 1}):
        y, kind = y_of(g, top_g), "rest" if g == 1 else "grid"
        found.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        found.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{g}</text>')
    for sample in range(0, wire.SAMPLES + 1, wire.RATE_HZ):
        second = seconds(sample)
        mark = f"{second:+.0f}" if second else "0"
        x = x_of(min(sample, wire.SAMPLES - 1))
        found.append(f'<text x="{x}" y="{HEIGHT - 22}" text-anchor="middle">{mark.replace("-", "−")}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    found.append(
        f'<text x="{middle}" y="{HEIGHT - 5}" text-anchor="middle">{escape(w["evidence_time"])}</text>'
    )
    return found


def _runs(felt: list[float | None], top_g: int) -> list[str]:
    """Return a line for each run of samples that came, and a grey field for each that did not."""
    found = []
    for is_there, run in groupby(enumerate(felt), key=lambda at: at[1] is not None):
        points = list(run)
        first, last = points[0][0], points[-1][0]
        if is_there:
            places = " ".join(f"{x_of(i)},{y_of(g, top_g)}" for i, g in points if g is not None)
            found.append(f'<polyline class="felt" points="{places}"/>')
        else:
            left, right = x_of(max(0, first - 1)), x_of(min(wire.SAMPLES - 1, last + 1))
            size = f'x="{left}" y="{TOP}" width="{round(right - left, 1)}" height="{HEIGHT - TOP - BOTTOM}"'
            found.append(f'<rect class="missing" {size}/>')
    return found


def _blow(w: dict[str, str]) -> list[str]:
    x = x_of(wire.BLOW)
    return [
        f'<line class="blow" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
        f'<text class="blow-word" x="{x}" y="{TOP - 6}" text-anchor="middle">{escape(w["evidence_blow"])}</text>',
    ]
