"""The models that are known by name: those shipped with the package and the user's own."""

from __future__ import annotations

import difflib
import os
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch

from ase_tito.canonical import graph_key
from ase_tito.checkpoint import (
    SUFFIX,
    operator_from_checkpoint,
    prior_from_checkpoint,
    read_header,
)
from ase_tito.errors import CheckpointError, DomainError, NoPriorError
from ase_tito.graph import MolecularGraph
from ase_tito.header import CheckpointHeader
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.prior import BoltzmannPrior

MODELS_VARIABLE = "ASE_TITO_MODELS"
"""Environment variable with the directory of the user's own models."""


@dataclass(frozen=True)
class ModelInfo:
    """A model that can be loaded by name.

    Attributes
    ----------
    name : str
        What `load_model` takes: the file's name without its suffix.
    path : Path
    shipped : bool
        Whether it came with the package.
    header : CheckpointHeader or None
        None where the file cannot be read.
    problem : str or None
        Why it cannot be read.
    """

    name: str
    path: Path
    shipped: bool
    header: CheckpointHeader | None
    problem: str | None = None

    def objections(self, graph: MolecularGraph, temperature_K: float | None) -> list[str]:
        """What speaks against this model for a molecule at a temperature in K; empty if nothing."""
        if self.header is None:
            return [f"cannot be read: {self.problem}"]
        domain = Domain.from_dict(self.header.domain)
        if not domain.makes_jumps:
            return ["it knows equilibrium alone and makes no jumps"]
        return [*domain.objections(graph, temperature_K), *domain.cautions(graph)]

    def is_of_others(self, graph: MolecularGraph) -> bool:
        """Whether it is a model of certain molecules, and this is none of them."""
        known = None if self.header is None else self.header.domain["molecules"]
        return known is not None and graph_key(graph) not in known

    @property
    def has_prior(self) -> bool:
        """Whether `load_prior` finds a Boltzmann prior in it."""
        if self.header is None:
            return False
        return self.header.prior is not None or self.header.domain["lag_range_ps"] == [0.0, 0.0]

    @property
    def peptides_only(self) -> bool:
        """Whether it is meant for peptides alone."""
        return self.header is not None and self.header.domain["peptides_only"]

    @property
    def transferable(self) -> bool:
        """Whether it is meant for other molecules than those it was trained on."""
        return self.header is not None and self.header.domain["molecules"] is None


def load_model(
    name_or_path: str | os.PathLike[str], device: torch.device | str = "cpu"
) -> ImplicitTransferOperator:
    """Load a model by its name or from a checkpoint file.

    Parameters
    ----------
    name_or_path : str or path
        A name that `available_models` lists, such as ``'alanine-dipeptide'``, or the path of a
        ``.safetensors`` checkpoint. Whatever has that suffix or a directory is taken for a path.
    device : torch.device or str
        Where the network runs.

    Raises
    ------
    CheckpointError
        For an unknown name (naming close matches), a name that two models have, and for files
        that `ase_tito.checkpoint.read_checkpoint` refuses.
    ConfigError
        For a device that is unknown or not there.
    """
    return operator_from_checkpoint(find_checkpoint(name_or_path), device)


def load_prior(
    name_or_path: str | os.PathLike[str], device: torch.device | str = "cpu"
) -> BoltzmannPrior:
    """Load the Boltzmann prior of a model that has one, or a model of equilibrium alone.

    Parameters
    ----------
    name_or_path, device
        As for `load_model`.

    Raises
    ------
    CheckpointError
        As `load_model`.
    NoPriorError
        For a model without a prior, naming those that have one.
    ConfigError
        For a device that is unknown or not there.
    """
    path = find_checkpoint(name_or_path)
    header = read_header(path)
    if not ModelInfo(path.stem, path, False, header).has_prior:
        raise NoPriorError(f"{header.name!r} has no Boltzmann prior; {_those_with_prior()}")
    return prior_from_checkpoint(path, device)


def is_path(name_or_path: str | os.PathLike[str]) -> bool:
    """Whether it is taken for a checkpoint's path, not for a name; no file is looked at."""
    text = os.fspath(name_or_path)
    return not isinstance(name_or_path, str) or text.endswith(SUFFIX) or Path(text).name != text


def find_checkpoint(name_or_path: str | os.PathLike[str]) -> Path:
    """The checkpoint file that a name or a path means; errors as in `load_model`."""
    text = os.fspath(name_or_path)
    if is_path(name_or_path):
        return Path(text)
    paths = [path for path, _ in _model_files()]
    matching = [path for path in paths if path.stem == text]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise CheckpointError(
            f"two models are named {text!r}: {' and '.join(map(str, matching))}; "
            "rename yours, or pass its path"
        )
    raise CheckpointError(_unknown(text, sorted({path.stem for path in paths})))


def available_models() -> list[ModelInfo]:
    """All models that are known by name, shipped ones first, each group sorted by name.

    Damaged files are listed with their problem, not raised.

    Raises
    ------
    CheckpointError
        If the environment variable ``ASE_TITO_MODELS`` names no directory.
    """
    return [_info(path, shipped) for path, shipped in _model_files()]


def select_model(graph: MolecularGraph, temperature_K: float | None) -> ModelInfo:
    """The one known model that was made for this molecule at this temperature.

    Unlike a model chosen by name, one chosen automatically must have seen molecules of this size.
    A model of just this molecule goes before those that transfer to it, one of peptides before one
    of any chemistry, and one without a Boltzmann prior, whose jumps cost half, before one with it.

    Parameters
    ----------
    graph : MolecularGraph
    temperature_K : float or None
        Temperature in K; None where the user named none.

    Raises
    ------
    DomainError
        If none matches, with what speaks against each, or if several do.
    """
    candidates = available_models()
    against = [info.objections(graph, temperature_K) for info in candidates]
    matching = [info for info, reasons in zip(candidates, against, strict=True) if not reasons]
    for narrower in (
        lambda info: not info.transferable,
        lambda info: info.peptides_only or not info.transferable,
        lambda info: not info.has_prior,
    ):
        matching = list(filter(narrower, matching)) or matching
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(repr(info.name) for info in matching)
        raise DomainError(f"several models match this molecule ({names}); choose one by its name")
    if not candidates:
        raise DomainError(f"no model is known: put checkpoints into {user_directory()}")
    names_by_reason: dict[str, list[str]] = {}
    for info, reasons in sorted(zip(candidates, against, strict=True), key=lambda x: len(x[1])):
        why = "made for other molecules" if info.is_of_others(graph) else ", ".join(reasons)
        names_by_reason.setdefault(why, []).append(repr(info.name))
    listed = "; ".join(f"{', '.join(names)}: {why}" for why, names in names_by_reason.items())
    raise DomainError(f"no known model matches this molecule ({listed})")


def select_prior(graph: MolecularGraph, temperature_K: float | None) -> ModelInfo:
    """The one known model with a Boltzmann prior of this molecule at this temperature.

    Parameters
    ----------
    graph, temperature_K
        As for `select_model`.

    Raises
    ------
    NoPriorError
        If there is none, naming those of other molecules.
    DomainError
        If there are several.
    """
    matching = [
        info
        for info in available_models()
        if info.header is not None
        and info.has_prior
        and not Domain.from_dict(info.header.domain).objections(graph, temperature_K)
    ]
    if len(matching) > 1:
        names = ", ".join(repr(info.name) for info in matching)
        raise DomainError(f"several priors match this molecule ({names}); choose one by its name")
    if not matching:
        raise NoPriorError(
            f"no known model has a Boltzmann prior of this molecule; {_those_with_prior()}"
        )
    return matching[0]


def user_directory() -> Path:
    """Where the user's own models are: ``$ASE_TITO_MODELS``, else the platform's data directory.

    It need not exist, unless the variable names it.
    """
    chosen = os.environ.get(MODELS_VARIABLE)
    if chosen:
        directory = Path(chosen).expanduser()
        if not directory.is_dir():
            raise CheckpointError(f"{MODELS_VARIABLE} is {chosen!r}, which is not a directory")
        return directory
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "ase-tito" / "models"


def shipped_directory() -> Path:
    """Where the package's own checkpoints are."""
    return Path(str(files("ase_tito"))) / "checkpoints"


def _model_files() -> list[tuple[Path, bool]]:
    """Paths of checkpoints, and whether each is shipped."""
    found = []
    for directory, shipped in ((shipped_directory(), True), (user_directory(), False)):
        # not glob: hidden files are those that are being written
        paths = directory.iterdir() if directory.is_dir() else ()
        found += [
            (path, shipped)
            for path in sorted(paths)
            if path.suffix == SUFFIX and not path.name.startswith(".")
        ]
    return found


def _info(path: Path, shipped: bool) -> ModelInfo:
    try:
        return ModelInfo(path.stem, path, shipped, read_header(path))
    except CheckpointError as error:
        return ModelInfo(path.stem, path, shipped, None, str(error))


def _those_with_prior() -> str:
    names = [repr(info.name) for info in available_models() if info.has_prior]
    if not names:
        return "no known model has one: train it with [prior]"
    return f"known models with one: {', '.join(names)}"


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3)
    hint = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
    listed = ", ".join(known) if known else f"none (own ones go into {user_directory()})"
    return f"there is no model named {name!r}{hint}; known models: {listed}"
