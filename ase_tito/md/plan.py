"""What a campaign simulates: groups of molecules with their settings, read from TOML."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ase_tito.errors import ConfigError, TITOError
from ase_tito.md.settings import LangevinSettings
from ase_tito.md.smiles import file_name, parse_smiles

_SIMULATION = {item.name for item in fields(LangevinSettings)}


@dataclass(frozen=True)
class MoleculePlan:
    """What to simulate of one molecule.

    Parameters
    ----------
    name : str
        Unique, safe as a file name.
    smiles : str
    time_ns : float
        Over all its runs.
    settings : LangevinSettings
    starts : int
        Independent runs, each from a conformer of its own.
    slow_starts : int, optional
        Runs of molecules with slow torsions, instead of `starts`.
    split : str
        Of the data set; may be empty.
    """

    name: str
    smiles: str
    time_ns: float
    settings: LangevinSettings = field(default_factory=LangevinSettings)
    starts: int = 1
    slow_starts: int | None = None
    split: str = ""

    def __post_init__(self) -> None:
        for key in ("starts", "slow_starts"):
            value = getattr(self, key)
            if value is None and key == "slow_starts":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{key} must be a whole number from 1, not {value!r}")
        if not isinstance(self.time_ns, int | float) or not self.time_ns > 0:
            raise ConfigError(f"time_ns must be positive, not {self.time_ns!r}")

    @property
    def force_field(self) -> str:
        """For people to read."""
        return "GAFF2, AM1-BCC charges, vacuum, no cutoff, no constraints"

    def identity(self) -> dict[str, Any]:
        """What must not change while a molecule's runs are continued; they may become longer."""
        entries = asdict(self)
        for key in ("time_ns", "split", "name"):
            del entries[key]
        del entries["settings"]["block_ps"]
        return entries


@dataclass(frozen=True)
class CampaignPlan:
    """Molecules to simulate, in this order.

    Parameters
    ----------
    molecules : tuple of MoleculePlan
    seed : int
    description : str
        Goes into the data set.
    """

    molecules: tuple[MoleculePlan, ...]
    seed: int = 0
    description: str = ""

    def __post_init__(self) -> None:
        if not self.molecules:
            raise ConfigError("there are no molecules to simulate")
        seen: set[str] = set()
        for molecule in self.molecules:
            if molecule.name in seen:
                raise ConfigError(
                    f"{molecule.name} is there twice; leave one out, or give them names"
                )
            seen.add(molecule.name)
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise ConfigError(f"seed must be a whole number from 0, not {self.seed!r}")

    @property
    def splits(self) -> dict[str, list[str]]:
        """Names of the molecules of each split."""
        found: dict[str, list[str]] = {}
        for molecule in self.molecules:
            if molecule.split:
                found.setdefault(molecule.split, []).append(molecule.name)
        return found


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
        common = _section("simulation", entries.get("simulation", {}), _SIMULATION)
        groups = entries.get("molecules", [])
        if not isinstance(groups, list):
            raise ConfigError("molecules must be an array of tables: [[molecules]]")
        return CampaignPlan(
            tuple(plan for group in groups for plan in _group(group, common, path.parent)),
            **{key: entries[key] for key in ("seed", "description") if key in entries},
        )
    except (TITOError, TypeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def plans_from_smiles(lines: list[tuple[str, str]], **settings: Any) -> list[MoleculePlan]:
    """One plan for each (SMILES, name or ''); `settings` are those of `MoleculePlan`."""
    from rdkit import Chem

    return [
        MoleculePlan(
            name=name or file_name(Chem.MolToSmiles(parse_smiles(smiles))),
            smiles=smiles,
            **settings,
        )
        for smiles, name in lines
    ]


def read_smiles_file(path: Path) -> list[tuple[str, str]]:
    """SMILES and names ('' where there is none) of a .smi file: one molecule a line, # comments."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a list of SMILES ({error})") from error
    words = [line.split() for line in lines]
    return [(w[0], w[1] if len(w) > 1 else "") for w in words if w and not w[0].startswith("#")]


def _group(group: Any, common: Mapping[str, Any], directory: Path) -> list[MoleculePlan]:
    own = {"smiles", "time_ns", "starts", "slow_starts", "split"}
    entries = _section("molecules", group, own | _SIMULATION)
    for required in ("smiles", "time_ns"):
        if required not in entries:
            raise ConfigError(f"{required} is missing in [[molecules]]")
    smiles = entries.pop("smiles")
    if isinstance(smiles, str):
        lines = read_smiles_file(directory / smiles)
    elif isinstance(smiles, list):
        lines = [(str(item), "") for item in smiles]
    else:
        raise ConfigError("smiles must be a list of SMILES, or the name of a .smi file")
    simulation = {key: entries.pop(key) for key in list(entries) if key in _SIMULATION}
    return plans_from_smiles(
        lines, settings=LangevinSettings(**{**common, **simulation}), **entries
    )


def _section(name: str, entries: Any, known: set[str]) -> dict[str, Any]:
    if not isinstance(entries, Mapping):
        raise ConfigError(f"[{name}] must be a section")
    _known(f" in [{name}]", entries, known)
    return dict(entries)


def _known(where: str, entries: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(entries) - known)
    if unknown:
        raise ConfigError(f"unknown entries{where}: {', '.join(unknown)}")
