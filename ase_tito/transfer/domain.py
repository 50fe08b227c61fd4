"""What a transition kernel was trained for, and the refusal of everything else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from ase_tito.canonical import graph_key
from ase_tito.errors import ConfigError, DomainError
from ase_tito.graph import MolecularGraph
from ase_tito.residues import is_peptide
from ase_tito.valence import charged_or_radical, lacking_hydrogens

_HYDROGEN = 1

_ROUNDING = 1e-6
"""Relative slack at the ends of a range, for lags and temperatures that went through units."""


NO_LAGS = (0.0, 0.0)
"""The lags of a model that knows equilibrium alone."""


@dataclass(frozen=True)
class Domain:
    """The lags, temperatures and molecules a model was trained on.

    Parameters
    ----------
    lag_range_ps : tuple of float
        Shortest and longest lag; `NO_LAGS` for a model of equilibrium alone, which makes no jumps.
    temperature_range_K : tuple of float
        Lowest and highest temperature, equal where there was one.
    elements : tuple of int
        Atomic numbers that occurred.
    n_atoms_range : tuple of int
        Smallest and largest molecule.
    molecules : tuple of str, optional
        `graph_key` of the molecules trained on, for a model of just these; None for a model that
        transfers to others.
    acyclic_only : bool
        Whether only molecules without rings occurred.
    peptides_only : bool
        Whether only peptides occurred, see `is_peptide`.

    Raises
    ------
    ConfigError
        For ranges that fall, or other impossible entries.
    """

    lag_range_ps: tuple[float, float]
    temperature_range_K: tuple[float, float]
    elements: tuple[int, ...]
    n_atoms_range: tuple[int, int]
    molecules: tuple[str, ...] | None = None
    acyclic_only: bool = True
    peptides_only: bool = False

    def __post_init__(self) -> None:
        for name in ("lag_range_ps", "temperature_range_K", "n_atoms_range"):
            bounds = getattr(self, name)
            none = name == "lag_range_ps" and bounds in (NO_LAGS, list(NO_LAGS))
            object.__setattr__(self, name, NO_LAGS if none else _range(name, bounds))
        low, high = self.n_atoms_range
        if not (isinstance(low, int) and isinstance(high, int)):
            raise ConfigError(f"n_atoms_range must be integers, not {self.n_atoms_range!r}")
        if not self.elements or not all(z in range(1, len(_SYMBOLS)) for z in self.elements):
            raise ConfigError(f"elements must be atomic numbers, not {self.elements!r}")
        object.__setattr__(self, "elements", tuple(sorted({int(z) for z in self.elements})))
        if self.molecules is not None:
            if not all(isinstance(key, str) and "-" in key for key in self.molecules):
                raise ConfigError(f"molecules must be graph keys or None, not {self.molecules!r}")
            object.__setattr__(self, "molecules", tuple(self.molecules))
        for name in ("acyclic_only", "peptides_only"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be true or false, not {getattr(self, name)!r}")

    @property
    def makes_jumps(self) -> bool:
        """False for a model of equilibrium alone."""
        return self.lag_range_ps != NO_LAGS

    def check_lag(self, lag_ps: float) -> None:
        """DomainError unless the lag in ps is within the trained range."""
        if not self.makes_jumps:
            raise DomainError("this model knows equilibrium alone and makes no jumps")
        low, high = self.lag_range_ps
        if _within(lag_ps, self.lag_range_ps):
            return
        advice = (
            "for a longer time make several nested jumps"
            if lag_ps > high
            else "for shorter times run molecular dynamics"
        )
        raise DomainError(
            f"lag of {lag_ps:g} ps is outside the trained range of {low:g} to {high:g} ps; {advice}"
        )

    def check_temperature(self, temperature_K: float) -> None:
        """DomainError unless the temperature in K is within the trained range."""
        objection = self._temperature_objection(temperature_K)
        if objection:
            raise DomainError(objection)

    def resolve_temperature(self, temperature_K: float | None) -> float:
        """The temperature meant: the one given, or the only one trained at, in K.

        Raises
        ------
        DomainError
            If it is out of range, or none is given where there are several.
        """
        low, high = self.temperature_range_K
        if temperature_K is None:
            if low != high:
                raise DomainError(
                    f"this model takes temperatures from {low:g} to {high:g} K: pass temperature_K"
                )
            return low
        self.check_temperature(temperature_K)
        return float(temperature_K)

    def objections(self, graph: MolecularGraph, temperature_K: float | None = None) -> list[str]:
        """What speaks against using the model for this molecule; empty where nothing does."""
        reasons = []
        unseen = sorted(set(graph.atomic_numbers.tolist()) - set(self.elements))
        if unseen:
            reasons.append(f"it has not seen {_symbols(unseen)}, only {_symbols(self.elements)}")
        rings = len(graph.bonds) - graph.n_atoms + 1
        if self.acyclic_only and rings:
            reasons.append(f"it knows acyclic molecules only, this one has {_count(rings, 'ring')}")
        if self.peptides_only and not is_peptide(graph):
            reasons.append("it knows peptides only, and this molecule has no residue of one")
        bare = _HYDROGEN in self.elements and _HYDROGEN not in graph.atomic_numbers
        if bare and lacking_hydrogens(graph):
            reasons.append("this one has no hydrogens, which its carbon atoms need: add them")
        if self.molecules is not None:
            key = graph_key(graph)
            if key not in self.molecules:
                reasons.append(
                    f"it knows only {_count(len(self.molecules), 'molecule')}"
                    f" ({', '.join(self.molecules[:3])}"
                    f"{', …' if len(self.molecules) > 3 else ''}), not {key}"
                )
        if temperature_K is not None:
            objection = self._temperature_objection(temperature_K)
            if objection:
                reasons.append(objection)
        return reasons

    def cautions(self, graph: MolecularGraph) -> list[str]:
        """What lies beyond training but need not fail: the molecule's size, and odd valences.

        Whether charges occurred in training is not known; among peptides they are usual.
        """
        found = []
        low, high = self.n_atoms_range
        if not low <= graph.n_atoms <= high:
            found.append(
                f"molecule of {graph.n_atoms} atoms; the model was trained on {low} to {high}"
            )
        if self.molecules is None and lacking_hydrogens(graph):
            found.append("carbon atoms lack hydrogens, unless this is a radical or an ion")
        elif self.molecules is None and not self.peptides_only and charged_or_radical(graph):
            found.append("it is an ion or a radical, or has charged atoms as in a nitro group")
        return found

    def to_dict(self) -> dict[str, Any]:
        """JSON-able entries, for `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Domain:
        """A domain from a dictionary; ConfigError names unknown and missing keys."""
        unknown = sorted(set(entries) - {item.name for item in fields(cls)})
        needed = {item.name for item in fields(cls) if item.default is MISSING}
        missing = sorted(needed - set(entries))
        for problem, keys in (("unknown", unknown), ("missing", missing)):
            if keys:
                raise ConfigError(f"{problem} entries of the domain: {', '.join(keys)}")
        return cls(**entries)

    def _temperature_objection(self, temperature_K: float) -> str | None:
        if _within(temperature_K, self.temperature_range_K):
            return None
        low, high = self.temperature_range_K
        trained = f"{low:g} K" if low == high else f"{low:g} to {high:g} K"
        return f"temperature of {temperature_K:g} K is outside the trained range, {trained}"


def _range(name: str, bounds: Sequence[float]) -> tuple[float, float]:
    problem = ConfigError(f"{name} must be two positive numbers, low and high, not {bounds!r}")
    try:
        low, high = bounds
        if not (0 < low <= high and math.isfinite(high)):
            raise problem
    except (TypeError, ValueError):
        raise problem from None
    return low, high


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] * (1 - _ROUNDING) <= value <= bounds[1] * (1 + _ROUNDING)


def _symbols(numbers: list[int] | tuple[int, ...]) -> str:
    return ", ".join(_SYMBOLS[z] for z in numbers)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# The transfer operator knows no ASE, hence its own table for error texts.
_SYMBOLS = """
X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb
Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf
Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
""".split()  # noqa: SIM905
