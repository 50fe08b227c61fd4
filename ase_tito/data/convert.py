"""From whatever trajectories there are to one dataset, with a report of what was left out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ase_tito.canonical import graph_key
from ase_tito.data.checks import check_elements, check_record
from ase_tito.data.readers import Candidate, ReadOptions, Source, open_source
from ase_tito.data.records import MoleculeRecord
from ase_tito.data.splits import check_shares, order_of_reading, split_by_fractions
from ase_tito.data.writer import DatasetWriter, check_splits
from ase_tito.errors import DataError, TITOError, TITOWarning


@dataclass(frozen=True)
class SplitRequest:
    """How to split; by default as the inputs are.

    Parameters
    ----------
    fractions : mapping of str to float
        Shares of molecules drawn at random.
    lists : mapping of str to sequence of str
        Names of molecules.
    seed : int
        Of the random draw.
    """

    fractions: Mapping[str, float] = field(default_factory=dict)
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.fractions and self.lists:
            raise DataError("split by shares, or by lists of names, not both")
        if self.fractions:
            check_shares(self.fractions)
        if self.seed < 0:
            raise DataError(f"the seed of a split is a whole number from 0, not {self.seed}")


@dataclass(frozen=True)
class ConversionReport:
    """What became of every molecule.

    Attributes
    ----------
    kept : tuple of str
    left_out : dict of str to str
        Molecule, or ``MOLECULE (where)`` for one of several inputs of it, and the reason.
    splits : dict of str to tuple of str
    """

    kept: tuple[str, ...]
    left_out: dict[str, str]
    splits: dict[str, tuple[str, ...]]


def convert(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    format: str = "auto",
    options: ReadOptions | None = None,
    elements: Collection[str] | None = None,
    splits: SplitRequest | None = None,
    attributes: Mapping[str, Any] | None = None,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> ConversionReport:
    """Write a dataset of all molecules in the inputs that are sound.

    Inputs whose molecules have one name are runs of one molecule. All frames that are kept are read
    and checked (`ase_tito.data.checks`).

    Parameters
    ----------
    inputs : sequence of path
        Files and folders, which may be datasets.
    output : path
        Must not exist.
    format : str
        One of `ase_tito.data.readers.READERS` for all inputs, or 'auto'.
    options : ReadOptions, optional
    elements : collection of str, optional
        Chemical symbols; molecules with others are left out.
    splits : SplitRequest, optional
    attributes : mapping, optional
        Of the dataset, beside those that all inputs agree on.
    step : callable
        Called after every molecule with the number done, and of all.

    Raises
    ------
    DataError
        For inputs that cannot be read at all, splits that name unknown molecules or overlap, and
        if no molecule is sound; no file is written then.
    OutputError
        If the output exists, or cannot be written.

    Notes
    -----
    One molecule under two names cannot be in two splits: the one that is read later is left out,
    and splits are read from the smallest to the largest.
    """
    request = splits or SplitRequest()
    _check_inputs([Path(p) for p in inputs])
    sources = [open_source(Path(p), format, options or ReadOptions()) for p in inputs]
    candidates: dict[str, list[Candidate]] = {}
    for source in sources:
        for candidate in source.candidates:
            candidates.setdefault(candidate.name, []).append(candidate)
    if options is not None and options.name and set(candidates) != {options.name}:
        raise DataError(
            f"the inputs hold molecules of their own names: the name {options.name} is for runs of "
            "one molecule that has none"
        )
    wanted = _wanted_splits(request, sources)
    check_splits("splits", wanted, candidates)
    keys: dict[str, str] = {}
    left_out: dict[str, str] = {}
    place = {name: split for split, names in wanted.items() for name in names}
    home: dict[str, tuple[str, str]] = {}
    order = order_of_reading(list(candidates), wanted)
    with DatasetWriter(output, {**_common(sources), **(attributes or {})}) as writer:
        for done, name in enumerate(order, 1):
            record = _gather(candidates[name], left_out, elements)
            if record is not None:
                try:
                    key = graph_key(record.graph)
                    _check_home(name, key, place.get(name), home)
                    writer.add(record)
                    keys[name] = key
                except TITOError as error:
                    left_out[name] = _brief(error)
            step(done, len(order))
        if not keys:
            raise DataError(
                "no molecule could be kept: "
                + "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:3])
            )
        final = (
            split_by_fractions(keys, request.fractions, request.seed)
            if request.fractions
            else {split: tuple(n for n in names if n in keys) for split, names in wanted.items()}
        )
        for split, names in final.items():
            writer.set_split(split, names)
    return ConversionReport(tuple(sorted(keys)), left_out, final)


def _check_inputs(paths: Sequence[Path]) -> None:
    """Refuse inputs that are given twice: their frames would count twice."""
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise DataError(f"{path}: is given twice")
        seen.add(path.resolve())


def _wanted_splits(request: SplitRequest, sources: list[Source]) -> dict[str, tuple[str, ...]]:
    if request.fractions:
        return {}
    if request.lists:
        return {split: tuple(names) for split, names in request.lists.items()}
    joined: dict[str, dict[str, None]] = {}
    for source in sources:
        for split, names in source.splits.items():
            joined.setdefault(split, {}).update(dict.fromkeys(names))
    return {split: tuple(names) for split, names in joined.items()}


def _common(sources: list[Source]) -> dict[str, Any]:
    """Attributes that all inputs have, with equal values."""
    first, *others = (source.attributes for source in sources)
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _gather(
    candidates: list[Candidate], left_out: dict[str, str], elements: Collection[str] | None
) -> MoleculeRecord | None:
    """One sound record of all inputs of a molecule; None if there is none."""
    record = None
    for candidate in candidates:
        try:
            with warnings.catch_warnings():
                # labels that a warped first frame does not give would be missing for good
                warnings.simplefilter("error", TITOWarning)
                loaded = candidate.load()
            check_elements(loaded.graph, elements)
            check_record(loaded)
            record = loaded if record is None else _merged(record, loaded)
        except Exception as error:  # libraries raise whatever occurs to them at damaged files
            several = len(candidates) > 1
            where = f"{candidate.name} ({candidate.origin})" if several else candidate.name
            left_out[where] = _brief(error)
    return record


def _merged(record: MoleculeRecord, other: MoleculeRecord) -> MoleculeRecord:
    """All runs of two records of one molecule; names that are taken get a number.

    What is said of the second record alone and contradicts the first is said of its runs.
    """
    for key in ("atomic_numbers", "bonds", "tetrahedral", "double_bonds"):
        one, two = (getattr(graph, key).tolist() for graph in (record.graph, other.graph))
        if one != two:
            raise DataError(
                f"its {key} are not those of the runs before it; atoms must have one order and "
                "one stereochemistry, or molecules other names"
            )
    if record.force_field and other.force_field and record.force_field != other.force_field:
        raise DataError(
            f"its force field is {other.force_field}, that of the runs before it "
            f"{record.force_field}; give molecules of two force fields two names"
        )
    known = record.attributes
    particular = {k: v for k, v in other.attributes.items() if k in known and known[k] != v}
    runs = list(record.runs)
    for run in other.runs:
        taken = {earlier.name for earlier in runs}
        name, number = run.name, 2
        while name in taken:
            name, number = f"{run.name}-{number}", number + 1
        runs.append(replace(run, name=name, attributes={**particular, **run.attributes}))
    return replace(
        record,
        runs=tuple(runs),
        smiles=record.smiles or other.smiles,
        force_field=record.force_field or other.force_field,
        attributes={**other.attributes, **known},
    )


def _check_home(name: str, key: str, split: str | None, home: dict[str, tuple[str, str]]) -> None:
    """Refuse a molecule that another split has under another name."""
    if split is None:
        return
    other, where = home.setdefault(key, (name, split))
    if where != split:
        raise DataError(
            f"is the same molecule as {other}, which is in split {where}, and would be in {split}"
        )


def _brief(error: Exception) -> str:
    message = " ".join(str(error).split())
    known = isinstance(error, TITOError | TITOWarning | OSError) and message
    return message if known else f"{type(error).__name__}: {message}"
