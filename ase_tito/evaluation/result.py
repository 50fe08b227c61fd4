"""The figures of one molecule, as they are kept on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ase_tito.analysis import Agreement, EqualCounts, Histogram, TimescaleError
from ase_tito.errors import OutputError


@dataclass(frozen=True)
class Figure:
    """One figure of a model; nan where there is none.

    Attributes
    ----------
    value : float
        All of the model's samples against all of the MD.
    low, high : float
        Block-bootstrap interval of it, 95 %.
    equal, floor : float
        At equal counts: the model's samples, and MD, against independent MD. See `EqualCounts`.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    equal: float = math.nan
    floor: float = math.nan

    @property
    def excess(self) -> float:
        """What the model adds to the noise of finite data, at equal counts."""
        return self.equal - self.floor

    @classmethod
    def of_agreement(cls, found: Agreement) -> Figure:
        """The same as an `Agreement` says."""
        return cls.at_equal_counts(found.value, found.equal_counts, (found.low, found.high))

    @classmethod
    def at_equal_counts(
        cls,
        value: float,
        counts: EqualCounts,
        interval: tuple[float, float] = (math.nan, math.nan),
    ) -> Figure:
        """A value with its interval, and its floor."""
        return cls(value, *interval, counts.model.mean, counts.floor.mean)


@dataclass(frozen=True)
class Timescales:
    """Implied timescales of the slowest processes at the jump's lag, slowest first.

    Attributes
    ----------
    reference_ps, model_ps : tuple of float, length k
        Of the MD strided to the jump, and of the model; infinite for what never relaxes.
    resolved : tuple of bool, length k
        Which of them the MD resolves; see `ase_tito.analysis.Spectrum`.
    """

    reference_ps: tuple[float, ...]
    model_ps: tuple[float, ...]
    resolved: tuple[bool, ...]

    @classmethod
    def of(cls, error: TimescaleError) -> Timescales:
        """Those whose relative errors were compared."""
        k = len(error.relative_errors)
        return cls(
            tuple(error.reference.timescales_ps[:k].tolist()),
            tuple(error.model.timescales_ps[:k].tolist()),
            tuple(error.considered.tolist()),
        )


@dataclass(frozen=True, eq=False)
class MoleculeResult:
    """All that an evaluation says of one molecule.

    Attributes
    ----------
    name, smiles, formula : str
    kind : str
        ``'small molecules'`` or ``'peptides'``.
    n_atoms : int
    sampling : dict
        Replicas, jumps, lag and the rest, as JSON values.
    reference : dict
        What the MD is, what of it was used for what, and whether it mixes.
    figures : dict of str to Figure
        Keys as in `ase_tito.evaluation.catalogue`.
    failures : dict
        Protocol (nested, single) to check to number of first proposals that failed it.
    timescales : dict of str to Timescales
        By protocol; without a protocol for which there is no dynamics.
    surfaces : dict of str to Histogram
        Of slow coordinates: MD's, nested and single jumps'.
    notes : tuple of str
        What is not available, and what to be careful with.
    """

    name: str
    smiles: str
    formula: str
    kind: str
    n_atoms: int
    sampling: dict[str, Any]
    reference: dict[str, Any]
    figures: dict[str, Figure]
    failures: dict[str, dict[str, int]]
    timescales: dict[str, Timescales]
    surfaces: dict[str, Histogram]
    notes: tuple[str, ...]

    def to_dict(self, *, surfaces: bool = True) -> dict[str, Any]:
        """As JSON values: infinite numbers as text, and null where there is none."""
        values = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if surfaces or item.name != "surfaces"
        }
        for key in ("figures", "timescales"):
            values[key] = {name: as_json(asdict(found)) for name, found in values[key].items()}
        if surfaces:
            values["surfaces"] = {key: found.to_dict() for key, found in self.surfaces.items()}
        values["notes"] = list(self.notes)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MoleculeResult:
        """The result that `to_dict` wrote.

        Raises
        ------
        OutputError
            If an entry is missing or of another kind.
        """
        try:
            entries = {item.name: values[item.name] for item in fields(cls)}
            entries["figures"] = {
                key: Figure(**{name: _number(value) for name, value in figure.items()})
                for key, figure in values["figures"].items()
            }
            entries["timescales"] = {
                key: Timescales(
                    tuple(map(_number, found["reference_ps"])),
                    tuple(map(_number, found["model_ps"])),
                    tuple(found["resolved"]),
                )
                for key, found in values["timescales"].items()
            }
            entries["surfaces"] = {
                key: Histogram.from_dict(found) for key, found in values["surfaces"].items()
            }
            entries["notes"] = tuple(values["notes"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise OutputError(f"not the result of a molecule ({error})") from error
        return cls(**entries)


def as_json(value: Any) -> Any:
    """Numbers, and mappings and sequences of them, as JSON has them.

    Infinite ones are text, and null stands for what there is none of.
    """
    if isinstance(value, Mapping):
        return {key: as_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(entry) for entry in value]
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _number(value: float | str | None) -> float:
    return math.nan if value is None else float(value)
