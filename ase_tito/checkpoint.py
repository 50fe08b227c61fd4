"""Checkpoints: a network's weights and a validated header in one safetensors file.

Nothing in a checkpoint is ever executed: tensors are raw numbers, the header is JSON. A file is
written whole or not at all, and carries a checksum over header and weights.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from ase_tito.architecture import Network, coupling_of, kind_of, network_of
from ase_tito.atomic import write_atomically
from ase_tito.card import is_generated, model_card
from ase_tito.errors import CheckpointError, ConfigError
from ase_tito.flow.field import VelocityField
from ase_tito.flow.frame import FrameName, frame_named
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.header import (
    FORMAT_VERSION,
    CheckpointHeader,
    parse_json_object,
    source_from_dict,
    source_to_dict,
)
from ase_tito.nn import EquivariantVelocity
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.prior import BoltzmannPrior

__all__ = [
    "FORMAT_VERSION",
    "SUFFIX",
    "CheckpointHeader",
    "card_path",
    "operator_from_checkpoint",
    "prior_from_checkpoint",
    "read_card",
    "read_checkpoint",
    "read_header",
    "save_checkpoint",
    "source_from_dict",
    "source_to_dict",
]

SUFFIX = ".safetensors"

_FORMAT = "ase_tito"
_PROLOGUE_LIMIT = 100_000_000  # the safetensors format's own limit, in bytes


def save_checkpoint(
    path: str | os.PathLike[str],
    header: CheckpointHeader,
    weights: Mapping[str, Tensor],
    *,
    card: str | None = None,
) -> None:
    """Write a checkpoint atomically, and its model card ``NAME.md`` beside it.

    Whoever reads `path` meanwhile sees the old file or the new one, never a part of one.

    Parameters
    ----------
    path : path
        Ends in ``.safetensors``; its directory exists.
    header : CheckpointHeader
    weights : mapping of str to Tensor
        The state dictionary of the network that the header describes.
    card : str, optional
        Markdown. Without it a card is made from the header, unless one written by hand is there.

    Raises
    ------
    CheckpointError
        For weights that are not finite or do not fit the network, and for another suffix.
    OutputError
        If a file cannot be written.
    """
    path = _checkpoint_path(path)
    tensors = {
        key: value.detach().to("cpu", copy=True).contiguous() for key, value in weights.items()
    }
    network_of(header, tensors)
    text = header.to_json()
    metadata = {"format": _FORMAT, "header": text, "sha256": _checksum(text, tensors)}
    write_atomically(path, dump_tensors(tensors, metadata))
    beside = card_path(path)
    if card is not None or not beside.exists() or is_generated(beside.read_text("utf-8")):
        text = model_card(header) if card is None else card
        write_atomically(beside, text.encode("utf-8"))


def read_header(path: str | os.PathLike[str]) -> CheckpointHeader:
    """Read and validate a checkpoint's header alone, without its weights.

    Raises
    ------
    CheckpointError
        As `read_checkpoint`, save for damage within the weights.
    """
    path = Path(path)
    with _errors_name(path), _opened(path) as file:
        metadata = _metadata(file, os.fstat(file.fileno()).st_size)
        return CheckpointHeader.from_json(metadata["header"])


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[CheckpointHeader, dict[str, Tensor]]:
    """Read a checkpoint's header and weights, checked against each other.

    Raises
    ------
    CheckpointError
        Naming the file and the reason: absent, not a checkpoint, truncated, damaged, of a newer
        format, a wrong header entry, or weights that are not finite or do not fit the network.
    """
    header, tensors, _ = _read(path)
    return header, tensors


def operator_from_checkpoint(
    path: str | os.PathLike[str], device: torch.device | str = "cpu"
) -> ImplicitTransferOperator:
    """The transfer operator that a checkpoint describes, with its weights, ready to sample.

    Parameters
    ----------
    path : path
    device : torch.device or str
        Where the network runs.

    Raises
    ------
    CheckpointError
        As `read_checkpoint`, and for a checkpoint of equilibrium alone, which makes no jumps.
    ConfigError
        For a device that is unknown or not there.
    """
    device = _device(device)
    header, _, network = _read(path)
    domain = Domain.from_dict(header.domain)
    if not domain.makes_jumps:
        raise CheckpointError(
            f"{path}: {header.name!r} knows equilibrium alone and makes no jumps: load it by "
            "load_prior, or train a model of jumps with it as [prior]"
        )
    return ImplicitTransferOperator(
        network.to(device),
        source_from_dict(header.source),
        frame_named(_frame_name(header)),
        domain,
        ode=OdeSettings.from_dict(header.ode),
        name=header.name,
        card=read_card(path, header),
    )


def prior_from_checkpoint(
    path: str | os.PathLike[str], device: torch.device | str = "cpu"
) -> BoltzmannPrior:
    """The Boltzmann prior in a checkpoint: of a model with one, or of equilibrium alone.

    Parameters
    ----------
    path : path
    device : torch.device or str
        Where the network runs.

    Raises
    ------
    CheckpointError
        As `read_checkpoint`, and for a checkpoint without a prior.
    ConfigError
        For a device that is unknown or not there.
    """
    device = _device(device)
    header, _, network = _read(path)
    network.to(device)
    field: VelocityField
    if header.prior is not None and isinstance(network, BoltzmannPriorVelocity):
        field, origin = network.equilibrium, header.prior
    elif isinstance(network, EquivariantVelocity) and not network.config.conditional:
        field, origin = network, {"domain": header.domain, "training": header.training}
    else:
        raise CheckpointError(f"{path}: {header.name!r} has no Boltzmann prior")
    return BoltzmannPrior(
        field,
        source_from_dict(header.source),
        Domain.from_dict(origin["domain"]),
        ode=OdeSettings.from_dict(header.ode),
        name=header.name,
        card=read_card(path, header),
        coupling=coupling_of(origin["training"]),
    )


def card_path(path: str | os.PathLike[str]) -> Path:
    """Where the model card of a checkpoint is: ``NAME.md`` beside it."""
    return Path(path).with_suffix(".md")


def read_card(path: str | os.PathLike[str], header: CheckpointHeader) -> str:
    """The model card beside a checkpoint, or one made from its header if there is none."""
    beside = card_path(path)
    return beside.read_text("utf-8") if beside.is_file() else model_card(header)


def _read(
    path: str | os.PathLike[str],
) -> tuple[CheckpointHeader, dict[str, Tensor], Network]:
    path = Path(path)
    with _errors_name(path):
        with _opened(path) as file:
            content = file.read()
        metadata = _metadata(io.BytesIO(content), len(content))
        header = CheckpointHeader.from_json(metadata["header"])
        try:
            tensors = load_tensors(content)
        except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
            raise CheckpointError(f"the file is damaged ({error})") from error
        if _checksum(metadata["header"], tensors) != metadata["sha256"]:
            raise CheckpointError(
                "the file is damaged: header and weights do not match their checksum"
            )
        return header, tensors, network_of(header, tensors)


def _metadata(file: BinaryIO, size: int) -> dict[str, str]:
    """Our metadata from a safetensors file of `size` bytes.

    Layout: eight bytes with the length of a JSON table of contents, that table, the tensors.
    """
    if size == 0:
        raise CheckpointError("the file is empty")
    start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    if start[8:] != b"{" or length > _PROLOGUE_LIMIT:
        if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
            raise CheckpointError(
                "the file is a pickle, which could execute code when loaded; "
                "ase_tito reads safetensors checkpoints only"
            )
        raise CheckpointError("the file is not a safetensors checkpoint")
    if 8 + length > size:
        raise CheckpointError(f"the file is truncated: it ends after {size} bytes")
    contents = parse_json_object(start[8:] + file.read(length - 1), "its table of contents")
    metadata = contents.pop("__metadata__", None)
    if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
        raise CheckpointError("the file holds tensors but is not an ase_tito checkpoint")
    for key in ("header", "sha256"):
        if not isinstance(metadata.get(key), str):
            raise CheckpointError(f"the file is damaged: its metadata lacks {key!r}")
    try:
        end = 8 + length + max((entry["data_offsets"][1] for entry in contents.values()), default=0)
        missing = end - size
    except (TypeError, KeyError, IndexError) as error:
        raise CheckpointError("the file is damaged: its table of contents is wrong") from error
    if missing > 0:
        raise CheckpointError(f"the file is truncated: {missing} of {end} bytes are missing")
    return metadata


def _checksum(header: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(header.encode("utf-8"))
    for key in sorted(tensors):
        tensor = tensors[key]
        digest.update(f"\0{key}\0{kind_of(tensor)}\0".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _frame_name(header: CheckpointHeader) -> FrameName:
    return frame_named(header.frame).name  # type: ignore[arg-type]


def _checkpoint_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix != SUFFIX:
        raise CheckpointError(f"{path}: the name of a checkpoint must end in {SUFFIX}")
    if not path.parent.is_dir():
        raise CheckpointError(f"{path}: there is no directory {path.parent}")
    return path


@contextlib.contextmanager
def _errors_name(path: Path) -> Iterator[None]:
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise CheckpointError("there is no such file") from None
    except OSError as error:
        raise CheckpointError(f"cannot be read: {error.strerror}") from error


def _device(device: torch.device | str) -> torch.device:
    try:
        found = torch.device(device)
        torch.zeros(1, device=found).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device {str(device)!r} cannot be used: {reason}") from error
    return found
