"""What a reader finds in an input, before any frame is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase_tito.data.records import MoleculeRecord
from ase_tito.errors import DataError


@dataclass(frozen=True)
class ReadOptions:
    """What the user says of inputs that do not say it themselves.

    Parameters
    ----------
    name : str, optional
        Of the one molecule that all inputs are runs of.
    topology : Path, optional
        Elements and bonds, for formats that hold none.
    temperature_K : float, optional
        For formats that do not say it, or in place of a format's own default.
    frame_spacing_ps : float, optional
        For formats that do not say it.
    keep_ps : float, optional
        Spacing of the frames that are kept; by default all, and 5 ps of Timewarp's.
    energy_unit : str, optional
        Of the energies in archives, which do not say it; without it these are not read.
    force_field : str
        For the model cards of what is trained on this.

    Raises
    ------
    DataError
        For a temperature or spacing that is not positive.
    """

    name: str | None = None
    topology: Path | None = None
    temperature_K: float | None = None
    frame_spacing_ps: float | None = None
    keep_ps: float | None = None
    energy_unit: str | None = None
    force_field: str = ""

    def __post_init__(self) -> None:
        for key, unit in (("temperature_K", "K"), ("keep_ps", "ps")):
            value = getattr(self, key)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise DataError(f"{key} must be positive, in {unit}, not {value:g}")

    def temperature(self, where: Path, found_K: float | None) -> float:
        """The temperature that file and user agree on.

        Raises
        ------
        DataError
            If there is none, or they disagree.
        """
        asked = self.temperature_K
        if found_K is None and asked is None:
            raise DataError(f"{where}: nothing says the temperature; give it in K")
        if found_K is not None and asked is not None and abs(found_K - asked) > 1e-6 * found_K:
            raise DataError(f"{where}: the file says {found_K:g} K, not {asked:g} K")
        return float(found_K if asked is None else asked)  # type: ignore[arg-type]


def refuse_superfluous(
    path: Path, *, topology: object = None, frame_spacing_ps: float | None = None
) -> None:
    """DataError for a topology or a spacing that a file says itself, and that would be ignored."""
    for given, what, itself in (
        (topology, "topology", "atoms and bonds"),
        (frame_spacing_ps, "frame spacing", "times"),
    ):
        if given is not None:
            raise DataError(f"{path}: says its {itself} itself: leave out the {what}")


@dataclass(frozen=True)
class Candidate:
    """A molecule, or some runs of it, that an input may hold.

    Parameters
    ----------
    name : str
        Of the molecule. Candidates of one name are runs of one molecule.
    origin : str
        Where in the input it is, for messages.
    load : callable
        Reads it; raises DataError for what is damaged.
    """

    name: str
    origin: str
    load: Callable[[], MoleculeRecord] = field(repr=False)


@dataclass(frozen=True)
class Source:
    """All that a reader finds in one input.

    Parameters
    ----------
    candidates : tuple of Candidate
    splits : mapping of str to tuple of str
        Names of molecules by split, where the format has splits.
    attributes : mapping
        Of the input as a whole.
    """

    candidates: tuple[Candidate, ...]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
