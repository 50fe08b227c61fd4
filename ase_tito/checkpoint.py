"""Checkpoints: a network's weights and a validated header in one safetensors file.

Nothing in a checkpoint is ever executed: tensors are raw numbers, the header is JSON. A file is
written whole or not at all, and carries a checksum over header and weights.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from ase_tito.card import is_generated, model_card
from ase_tito.errors import CheckpointError, ConfigError
from ase_tito.flow.frame import FrameName, frame_named
from ase_tito.flow.ode import OdeSettings
from ase_tito.header import (
    FORMAT_VERSION,
    CheckpointHeader,
    build_part,
    parse_json_object,
    source_from_dict,
    source_to_dict,
)
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator

__all__ = [
    "FORMAT_VERSION",
    "SUFFIX",
    "CheckpointHeader",
    "card_path",
    "operator_from_checkpoint",
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
    """
    path = _checkpoint_path(path)
    tensors = {
        key: value.detach().to("cpu", copy=True).contiguous() for key, value in weights.items()
    }
    _network(header, tensors)
    text = header.to_json()
    metadata = {"format": _FORMAT, "header": text, "sha256": _checksum(text, tensors)}
    _write_atomically(path, dump_tensors(tensors, metadata))
    beside = card_path(path)
    if card is not None or not beside.exists() or is_generated(beside.read_text("utf-8")):
        text = model_card(header) if card is None else card
        _write_atomically(beside, text.encode("utf-8"))


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
        As `read_checkpoint`.
    ConfigError
        For a device that is unknown or not there.
    """
    device = _device(device)
    header, _, network = _read(path)
    return ImplicitTransferOperator(
        network.to(device),
        source_from_dict(header.source),
        frame_named(_frame_name(header)),
        Domain.from_dict(header.domain),
        ode=OdeSettings.from_dict(header.ode),
        name=header.name,
        card=read_card(path, header),
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
) -> tuple[CheckpointHeader, dict[str, Tensor], EquivariantVelocity]:
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
        return header, tensors, _network(header, tensors)


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


def _network(header: CheckpointHeader, weights: Mapping[str, Tensor]) -> EquivariantVelocity:
    """The network of the header, in evaluation mode, holding these weights."""
    config = build_part("network", VelocityConfig.from_dict, header.network)
    _check_consistency(header, config)
    try:
        with torch.device("meta"):  # shapes first: no memory before they are known to be right
            expected = EquivariantVelocity(config).state_dict()
    except (RuntimeError, OverflowError) as error:
        raise CheckpointError(f"header key 'network' is impossible: {error}") from error
    missing, unknown = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    if missing or unknown:
        side, names = ("lack", missing) if missing else ("have the unexpected", unknown)
        raise CheckpointError(
            f"the weights {side} {names[0]!r}"
            + (f" and {len(names) - 1} more" if len(names) > 1 else "")
            + ", for the network that the header describes"
        )
    for key, tensor in weights.items():
        like = expected[key]
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            raise CheckpointError(
                f"weight {key!r} is {_kind(tensor)} where the network that the header describes "
                f"has {_kind(like)}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"weight {key!r} holds NaN or infinite numbers")
    with torch.random.fork_rng(devices=[]):  # initial weights come from the global generator
        network = EquivariantVelocity(config)
    network.load_state_dict(dict(weights))
    return network.eval().requires_grad_(False)


def _check_consistency(header: CheckpointHeader, config: VelocityConfig) -> None:
    """The network must have been built for the frame and ranges that the header promises."""
    domain = Domain.from_dict(header.domain)
    if config.frame != header.frame:
        raise CheckpointError(
            f"header key 'frame' is {header.frame!r} but the network's is {config.frame!r}"
        )
    spans = [("lag_range_ps", domain.lag_range_ps, config.lag_range_ps)]
    if config.temperature_range_K is not None:
        spans.append(
            ("temperature_range_K", domain.temperature_range_K, config.temperature_range_K)
        )
    for key, promised, spanned in spans:
        if not spanned[0] <= promised[0] <= promised[1] <= spanned[1]:
            raise CheckpointError(
                f"header key 'domain.{key}' is {list(promised)}, beyond the network's "
                f"{list(spanned)}"
            )


def _checksum(header: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(header.encode("utf-8"))
    for key in sorted(tensors):
        tensor = tensors[key]
        digest.update(f"\0{key}\0{_kind(tensor)}\0".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _frame_name(header: CheckpointHeader) -> FrameName:
    return frame_named(header.frame).name  # type: ignore[arg-type]


def _checkpoint_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix != SUFFIX:
        raise CheckpointError(f"{path}: the name of a checkpoint must end in {SUFFIX}")
    if not path.parent.is_dir():
        raise CheckpointError(f"{path}: there is no directory {path.parent}")
    return path


def _write_atomically(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name itself must reach the disk too
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


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
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device {str(device)!r} cannot be used: {reason}") from error
    return found
