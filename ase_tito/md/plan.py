"""What a campaign simulates: molecules, where they come from, for how long, and how."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ase_tito.digest import file_sha256
from ase_tito.errors import ConfigError
from ase_tito.md.exchange import ExchangeSettings
from ase_tito.md.sequence import RESIDUES
from ase_tito.md.settings import LangevinSettings

PEPTIDE_FORCE_FIELDS = ("ff14SB", "ff96")
RADII = ("mbondi2", "mbondi3")


@dataclass(frozen=True)
class PeptidePlan:
    """A peptide in an Amber force field and OBC2 implicit solvent.

    Parameters
    ----------
    residues : tuple of str
        Of `ase_tito.md.sequence.parse_sequence`.
    force_field : {'ff14SB', 'ff96'}
    radii : {'mbondi2', 'mbondi3'}
        Of the solvent.
    """

    residues: tuple[str, ...]
    force_field: str = "ff14SB"
    radii: str = "mbondi2"

    def __post_init__(self) -> None:
        unknown = [name for name in self.residues if name not in (*RESIDUES, "ACE", "NME")]
        if unknown:
            raise ConfigError(f"unknown residue {unknown[0]!r}")
        for key, known in (("force_field", PEPTIDE_FORCE_FIELDS), ("radii", RADII)):
            if getattr(self, key) not in known:
                raise ConfigError(
                    f"{key} must be one of {', '.join(known)}, not {getattr(self, key)!r}"
                )


@dataclass(frozen=True)
class CalculatorPlan:
    """A structure with an ASE calculator.

    Parameters
    ----------
    structure : Path
        A file with one molecule; its frames are starts.
    calculator : str
        ``FILE.py:NAME``: a calculator, or a function without arguments that makes one.
    """

    structure: Path
    calculator: str

    def __post_init__(self) -> None:
        if not self.calculator.rpartition(":")[0]:
            raise ConfigError(f"a calculator is given as FILE.py:NAME, not {self.calculator!r}")

    def identity(self) -> dict[str, str]:
        """Names and digests of both files, wherever they are; ConfigError if one cannot be read."""
        file = Path(self.calculator.rpartition(":")[0])
        return {
            "structure": self.structure.name,
            "structure_sha256": file_sha256(self.structure),
            "calculator": Path(self.calculator).name,
            "calculator_sha256": file_sha256(file),
        }


@dataclass(frozen=True)
class MoleculePlan:
    """What to simulate of one molecule.

    Parameters
    ----------
    name : str
        Unique, safe as a file name.
    time_ns : float
        Over all its independent runs.
    smiles : str
        GAFF2 in vacuum, or one of the two following.
    peptide : PeptidePlan, optional
    calculator : CalculatorPlan, optional
    settings : LangevinSettings
    starts : int
        Independent runs, each from a geometry of its own.
    slow_starts : int, optional
        Runs of molecules with slow torsions, instead of `starts`; from SMILES only.
    exchange : ExchangeSettings, optional
        A replica-exchange run besides.
    split : str
        Of the data set; may be empty.
    """

    name: str
    time_ns: float
    smiles: str = ""
    peptide: PeptidePlan | None = None
    calculator: CalculatorPlan | None = None
    settings: LangevinSettings = field(default_factory=LangevinSettings)
    starts: int = 1
    slow_starts: int | None = None
    exchange: ExchangeSettings | None = None
    split: str = ""

    def __post_init__(self) -> None:
        if not self.name or set(self.name) & set('/\\:*?"<>| ') or self.name.startswith("."):
            raise ConfigError(f"{self.name!r} cannot be a molecule's name: it is no file name")
        if sum(map(bool, (self.smiles, self.peptide, self.calculator))) != 1:
            raise ConfigError(f"{self.name}: give one of a SMILES, a sequence and a calculator")
        for key in ("starts", "slow_starts"):
            value = getattr(self, key)
            if value is None and key == "slow_starts":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{key} must be a whole number from 1, not {value!r}")
        if not isinstance(self.time_ns, int | float) or not self.time_ns > 0:
            raise ConfigError(f"time_ns must be positive, not {self.time_ns!r}")
        if self.exchange is not None and self.calculator is not None:
            raise ConfigError(f"{self.name}: replica exchange is for SMILES and sequences only")

    @property
    def force_field(self) -> str:
        """For people to read."""
        if self.peptide is not None:
            return (
                f"{self.peptide.force_field}, OBC2 implicit solvent with {self.peptide.radii} "
                "radii, no cutoff, no constraints"
            )
        if self.calculator is not None:
            return f"ASE calculator {Path(self.calculator.calculator).name}"
        return "GAFF2, AM1-BCC charges, vacuum, no cutoff, no constraints"

    def identity(self) -> dict[str, Any]:
        """What must not change while a molecule's runs are continued; they may become longer.

        Raises
        ------
        ConfigError
            If the file of a calculator or its structure cannot be read.
        """
        entries = asdict(self)
        for key in ("time_ns", "split", "name", "exchange"):
            del entries[key]
        del entries["settings"]["block_ps"]
        if self.calculator is not None:
            entries["calculator"] = self.calculator.identity()
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
