"""Numbers as readers want them: as many digits as are known, typographic signs, units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ase_tito.analysis.agreement import Agreement
from ase_tito.analysis.floor import EqualCounts

MOST_DECIMALS = 4

AGREEMENT_HEADER = (
    "",
    "all frames [95 %]",
    "at equal counts",
    "floor, MD against MD [95 %]",
    "excess",
)
"""Above rows of `agreement_cells` or `equal_cells`."""

_NARROW_SPACE = "\u202f"


def number(value: float, decimals: int | None = None) -> str:
    """A number with three digits, or so many decimals; a dash where there is none."""
    if not np.isfinite(value):
        return "–"
    text = f"{value:,.{_decimals(value) if decimals is None else decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace(",", _NARROW_SPACE).replace("-", "−")


def signed(value: float, decimals: int | None = None) -> str:
    """A difference: with its sign, even where it is positive."""
    text = number(value, decimals)
    return text if text == "–" or value <= 0 or float(f"{value:.12f}") == 0 else f"+{text}"


def measured(value: float, low: float, high: float) -> str:
    """A number with its interval, to two digits of the interval's half width."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return number(value)
    half = (high - low) / 2
    decimals = min(max(1 - int(np.floor(np.log10(half))), 0), MOST_DECIMALS) if half > 0 else None
    parts = [number(each, decimals) for each in (value, low, high)]
    return f"{parts[0]} [{parts[1]}, {parts[2]}]"


def percent(value: float, decimals: int = 2) -> str:
    """A share in per cent."""
    return "–" if not np.isfinite(value) else f"{100 * value:.{decimals}f} %"


def count(frames: int) -> str:
    """A whole number."""
    return f"{frames:,}".replace(",", _NARROW_SPACE)


def time(ps: float) -> str:
    """A time in ps, or ns from one on."""
    return f"{ps / 1000:.3g} ns" if ps >= 1000 else f"{ps:.3g} ps"


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first of some names."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def agreement_cells(name: str, found: Agreement) -> tuple[str, ...]:
    """A row below `AGREEMENT_HEADER`."""
    return (
        name,
        measured(found.value, found.low, found.high),
        *equal_cells(found.equal_counts),
    )


def equal_cells(found: EqualCounts | None) -> tuple[str, str, str]:
    """A figure at equal counts, its floor, and the excess."""
    if found is None or not np.isfinite(found.floor.mean):
        return ("–", "–", "–")
    floor = found.floor
    return (
        number(found.model.mean, MOST_DECIMALS),
        measured(floor.mean, floor.low, floor.high),
        signed(found.excess, MOST_DECIMALS),
    )


def counts_note(found: EqualCounts, what: str = "frames") -> str:
    """How many frames or pairs stand behind figures at equal counts."""
    return (
        f"At equal counts: {count(found.model.n_reference)} {what} of the reference against"
        f" {count(found.model.n_model)} of the model, or of other MD."
    )


def _decimals(value: float) -> int:
    """For three digits, and never more than `MOST_DECIMALS`."""
    magnitude = abs(value)
    if magnitude == 0:
        return 0
    return min(max(2 - int(np.floor(np.log10(magnitude))), 0), MOST_DECIMALS)
