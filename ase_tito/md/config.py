"""Campaigns written down: TOML files, lists of SMILES and of sequences."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from rdkit import Chem

from ase_tito.data.names import name_of_smiles
from ase_tito.errors import ConfigError, TITOError
from ase_tito.md.exchange import ExchangeSettings
from ase_tito.md.plan import CalculatorPlan, CampaignPlan, MoleculePlan, PeptidePlan
from ase_tito.md.sequence import parse_sequence
from ase_tito.md.settings import LangevinSettings
from ase_tito.md.smiles import parse_smiles, read_sdf, slow_torsions

SIMULATION = tuple(item.name for item in fields(LangevinSettings))
"""Entries of [simulation], which a group may say otherwise."""

DEFAULTS: dict[str, dict[str, float]] = {
    "smiles": {},
    "sequences": {"temperature_K": 310.0},
    "structures": {"time_step_fs": 1.0, "hydrogen_mass_amu": 1.008, "block_ps": 10.0},
}
"""Kinds of groups, and the settings that are usual for each, where not those of the class."""

_COMMON = {"time_ns", "starts", "split", "exchange"}
_OWN = {
    "smiles": {"slow_starts"},
    "sequences": {"capped", "force_field", "radii"},
    "structures": {"calculator"},
}


def read_plan(path: str | os.PathLike[str]) -> CampaignPlan:
    """Read a campaign from TOML.

    Raises
    ------
    ConfigError
        Naming the file and the entry or molecule at fault.
    """
    path = Path(path)
    try:
        entries = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error})") from error
    try:
        _known("", entries, {"seed", "description", "simulation", "molecules"})
        common = _section("simulation", entries.get("simulation", {}), set(SIMULATION))
        groups = entries.get("molecules", [])
        if not isinstance(groups, list):
            raise ConfigError("molecules must be an array of tables: [[molecules]]")
        return CampaignPlan(
            tuple(plan for group in groups for plan in _group(group, common, path.parent)),
            **{key: entries[key] for key in ("seed", "description") if key in entries},
        )
    except (TITOError, TypeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def plan_group(
    kind: str,
    lines: list[tuple[str, str]],
    *,
    simulation: Mapping[str, float],
    exchange: Mapping[str, Any] | None = None,
    **entries: Any,
) -> list[MoleculePlan]:
    """Plans of molecules that share their settings.

    Parameters
    ----------
    kind : {'smiles', 'sequences', 'structures'}
    lines : list of (str, str)
        SMILES, sequences or paths of structures, and names or ''.
    simulation : mapping
        Entries of `LangevinSettings`.
    exchange : mapping, optional
        Entries of `ExchangeSettings`, and ``only_slow``: for molecules with slow torsions only.
    **entries
        Those of `MoleculePlan` that all share, and those of `PeptidePlan` and `CalculatorPlan`.

    Raises
    ------
    TITOError
        Naming what is wrong with a setting or molecule.
    """
    settings = LangevinSettings(**{**DEFAULTS[kind], **simulation})
    plan = {"smiles": _smiles, "sequences": _sequence, "structures": _structure}[kind]
    return [
        plan(text, name, {"settings": settings, **entries}, dict(exchange) if exchange else None)
        for text, name in lines
    ]


def read_lines(path: Path) -> list[tuple[str, str]]:
    """SMILES or sequences, and names ('' where there is none), of a file.

    One molecule a line and # for comments, or an SD file, of which the SMILES are taken.

    Raises
    ------
    ConfigError, StructureError
        If the file cannot be read.
    """
    if path.suffix.lower() in (".sdf", ".mol"):
        return read_sdf(path)
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a list of molecules ({error})") from error
    words = [line.split() for line in lines]
    return [(w[0], w[1] if len(w) > 1 else "") for w in words if w and not w[0].startswith("#")]


Exchange = dict[str, Any] | None


def _smiles(text: str, name: str, entries: dict[str, Any], exchange: Exchange) -> MoleculePlan:
    molecule = parse_smiles(text)
    if exchange is not None and exchange.pop("only_slow", False):
        exchange = exchange if slow_torsions(Chem.AddHs(molecule)) else None
    return MoleculePlan(
        name=name or name_of_smiles(Chem.MolToSmiles(molecule)),
        smiles=text,
        exchange=_exchange(exchange),
        **entries,
    )


def _sequence(text: str, name: str, entries: dict[str, Any], exchange: Exchange) -> MoleculePlan:
    rest = dict(entries)
    residues = parse_sequence(text, capped=rest.pop("capped", True))
    own = {key: rest.pop(key) for key in ("force_field", "radii") if key in rest}
    return MoleculePlan(
        name=name or "-".join(residues),
        peptide=PeptidePlan(residues, **own),
        exchange=_exchange(exchange),
        **rest,
    )


def _structure(text: str, name: str, entries: dict[str, Any], exchange: Exchange) -> MoleculePlan:
    rest = dict(entries)
    path = Path(text)
    return MoleculePlan(
        name=name or path.stem,
        calculator=CalculatorPlan(path, rest.pop("calculator")),
        exchange=_exchange(exchange),
        **rest,
    )


def _exchange(entries: Exchange) -> ExchangeSettings | None:
    if entries is not None and "only_slow" in entries:
        raise ConfigError("only_slow in [molecules.exchange] goes with smiles only")
    return None if entries is None else ExchangeSettings(**entries)


def _group(group: Any, common: Mapping[str, Any], directory: Path) -> list[MoleculePlan]:
    if not isinstance(group, Mapping):
        raise ConfigError("molecules must be an array of tables: [[molecules]]")
    kinds = [kind for kind in DEFAULTS if kind in group]
    if len(kinds) != 1:
        raise ConfigError(f"[[molecules]] needs one of {', '.join(DEFAULTS)}")
    kind = kinds[0]
    entries = _section("[molecules]", group, {kind, *SIMULATION} | _COMMON | _OWN[kind])
    required = {"time_ns"} | ({"calculator"} if kind == "structures" else set())
    if required - set(entries):
        raise ConfigError(f"{min(required - set(entries))} is missing in [[molecules]]")
    lines = _lines(kind, entries.pop(kind), directory)
    if "exchange" in entries:
        known = {item.name for item in fields(ExchangeSettings)} | {"only_slow"}
        entries["exchange"] = _section("molecules.exchange", entries["exchange"], known)
        if "time_ns" not in entries["exchange"]:
            raise ConfigError("time_ns is missing in [molecules.exchange]")
    if kind == "structures":
        entries["calculator"] = str(directory / str(entries["calculator"]))
    simulation = {key: entries.pop(key) for key in SIMULATION if key in entries}
    return plan_group(kind, lines, simulation={**common, **simulation}, **entries)


def _lines(kind: str, value: Any, directory: Path) -> list[tuple[str, str]]:
    if kind == "structures":
        if not isinstance(value, list):
            raise ConfigError("structures must be a list of files")
        return [(str(directory / str(item)), "") for item in value]
    if isinstance(value, str):
        return read_lines(directory / value)
    if isinstance(value, list):
        return [(str(item), "") for item in value]
    raise ConfigError(f"{kind} must be a list, or the name of a file with one a line")


def _section(name: str, entries: Any, known: set[str]) -> dict[str, Any]:
    if not isinstance(entries, Mapping):
        raise ConfigError(f"[{name}] must be a section")
    _known(f" in [{name}]", entries, known)
    return dict(entries)


def _known(where: str, entries: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(entries) - known)
    if unknown:
        raise ConfigError(f"unknown entries{where}: {', '.join(unknown)}")
