"""Bounds that a user sets on the figures, and whether they are met."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ase_tito.errors import ConfigError
from ase_tito.evaluation.catalogue import all_keys
from ase_tito.evaluation.result import MoleculeResult
from ase_tito.evaluation.summary import COLUMNS, STATISTICS, column, statistic


@dataclass(frozen=True)
class Bound:
    """What a user requires of a figure.

    Attributes
    ----------
    text : str
        As it was given: ``'nested.timescale_error.median <= 0.19 or floor + 0.05'``.
    key, part, statistic : str
        ``'nested.timescale_error'``, one of `COLUMNS`, one of `STATISTICS`.
    at_most : bool
        Else at least.
    limits : tuple of (bool, float)
        One of them must hold; whether the floor's statistic is added, and a number.
    """

    text: str
    key: str
    part: str
    statistic: str
    at_most: bool
    limits: tuple[tuple[bool, float], ...]


@dataclass(frozen=True)
class Verdict:
    """A bound, what was reached, and whether that is enough; without any molecule it is not."""

    bound: Bound
    reached: float
    met: bool


_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_LIMIT = re.compile(rf"(floor)?\s*([-+])?\s*({_NUMBER})?")
_BOUND = re.compile(r"\s*([a-z]+)\.([A-Za-z0-9_]+)((?:\.[a-z_]+)+)\s*(<=|>=)\s*(.+?)\s*")


def parse_bound(text: str) -> Bound:
    """Read ``PROTOCOL.FIGURE[.PART].STATISTIC <= LIMIT [or LIMIT]``, or with ``>=``.

    A limit is a number, or ``floor`` with or without a number that is added: the same statistic
    of the figure's floor.

    Raises
    ------
    ConfigError
        For what cannot be read, and unknown names; it says which are known.
    """
    match = _BOUND.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"cannot read the bound {text!r}: write it like 'nested.jsd.excess.median <= 0.02'"
        )
    protocol, name, rest, relation, right = match.groups()
    key = f"{protocol}.{name}"
    if key not in all_keys():
        raise ConfigError(f"the bound {text!r} names no figure; there are {', '.join(all_keys())}")
    *parts, name_of_statistic = rest[1:].split(".")
    if len(parts) > 1 or (parts and parts[0] not in COLUMNS):
        raise ConfigError(f"the bound {text!r} names no part; there are {', '.join(COLUMNS)}")
    if name_of_statistic not in STATISTICS:
        raise ConfigError(
            f"the bound {text!r} names no statistic; there are {', '.join(STATISTICS)}"
        )
    limits = []
    for piece in right.split(" or "):
        found = _LIMIT.fullmatch(piece.strip())
        if found is None or not (found[1] or found[3]) or (found[2] and not found[3]):
            raise ConfigError(f"{piece!r} in the bound {text!r} is no limit")
        limits.append((found[1] is not None, float(f"{found[2] or ''}{found[3] or 0}")))
    return Bound(
        text.strip(),
        key,
        parts[0] if parts else "value",
        name_of_statistic,
        relation == "<=",
        tuple(limits),
    )


def judge(bounds: Sequence[Bound], results: Sequence[MoleculeResult]) -> list[Verdict]:
    """Which bounds are met."""
    verdicts = []
    for bound in bounds:
        reached = statistic(bound.statistic, column(results, bound.key, bound.part))
        floor = statistic(bound.statistic, column(results, bound.key, "floor"))
        limits = [number + (floor if relative else 0.0) for relative, number in bound.limits]
        met = any(reached <= limit if bound.at_most else reached >= limit for limit in limits)
        verdicts.append(Verdict(bound, reached, met))
    return verdicts
