"""The frames of an ASE trajectory that are whole, and a repair of one that was cut off.

ASE's ULM files (`ase.io.ulm`) are appended to: the arrays of a frame, its JSON, now and then a
larger table of frame offsets, last the number of frames at the start of the file. A process that is
killed leaves bytes behind the last frame that counts; a power failure may leave fewer bytes than
the frames that are counted, or lose the table.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ase_tito.errors import OutputError

_MAGIC = b"- of Ulm"
_TAG = b"ASE-Trajectory  "
_INTEGERS = struct.Struct("<qqq")  # at byte 24: version, number of items, position of the table
_COUNT_AT, _FIRST_TABLE = 32, 48
_FIRST_ITEM = _FIRST_TABLE + 8
_BLOCK = 42  # the table has room for 1, 42, 42² ... items


@dataclass(frozen=True)
class Frames:
    """The whole frames of a trajectory.

    Attributes
    ----------
    offsets : tuple of int
        Where the JSON of each whole frame starts.
    end : int
        Where the last of them ends, and the offset table if that comes later.
    counted : int
        Frames that the file claims to have.
    size : int
        Bytes of the file.
    table_intact : bool
        Whether the file's own table holds all these offsets.
    """

    offsets: tuple[int, ...]
    end: int
    counted: int
    size: int
    table_intact: bool

    @property
    def clean(self) -> bool:
        """Whether the file ends with its last frame and nothing is missing."""
        return self.table_intact and self.counted == len(self.offsets) and self.end == self.size


def is_trajectory(path: str | os.PathLike[str]) -> bool:
    """Whether a file is empty or starts as an ASE trajectory does, be it cut off or not."""
    with open(path, "rb") as file:
        start = file.read(24)
    return (_MAGIC + _TAG).startswith(start)


def read_frames(path: str | os.PathLike[str]) -> Frames:
    """Find the whole frames of a trajectory.

    Raises
    ------
    OutputError
        For a file that is no ASE trajectory.
    """
    if not is_trajectory(path):
        raise OutputError(f"{path} is not an ASE trajectory")
    with _mapped(path) as data:
        return _frames(data)


def repair(path: str | os.PathLike[str]) -> int:
    """Remove what follows the last whole frame, and return the number of whole frames.

    Whoever reads meanwhile, and whenever this process ends, finds either the file as it was or the
    repaired one.
    """
    frames = read_frames(path)
    if not frames.clean:
        truncate(path, len(frames.offsets))
    return len(frames.offsets)


def truncate(path: str | os.PathLike[str], count: int) -> None:
    """Keep the first `count` whole frames."""
    frames = read_frames(path)
    kept = frames.offsets[:count]
    if frames.table_intact and len(kept) == frames.counted:
        os.truncate(path, frames.end)  # only bytes that nothing refers to
    elif kept:
        with _mapped(path) as data:
            end = _item(data, kept[-1], 0)[1]
        _rebuild(Path(path), kept, end)
    else:
        os.truncate(path, 0)


def first_item(path: str | os.PathLike[str]) -> tuple[int, bytes]:
    """Where the JSON of the first frame starts, and that JSON."""
    with open(path, "rb") as file:
        file.seek(_FIRST_TABLE)
        (offset,) = struct.unpack("<q", file.read(8))
        file.seek(offset)
        (length,) = struct.unpack("<q", file.read(8))
        return offset + 8, file.read(length)


def _frames(data: bytes | mmap.mmap) -> Frames:
    size = len(data)
    if size < _FIRST_ITEM:
        return Frames((), size, 0, size, table_intact=False)
    _, counted, table = _INTEGERS.unpack(data[24:_FIRST_TABLE])
    table_end = table + 8 * _capacity(counted)
    if counted > 0 and table >= _FIRST_TABLE and table_end <= size:
        offsets = struct.unpack(f"<{counted}q", data[table : table + 8 * counted])
        end = _item(data, offsets[-1], offsets[-2] if counted > 1 else 0)[1]
        if end:
            return Frames(offsets, max(end, table_end), counted, size, table_intact=True)
    walked = tuple(_walk(data))
    end = _item(data, walked[-1], 0)[1] if walked else 0
    return Frames(walked, end, counted, size, table_intact=False)


def _walk(data: bytes | mmap.mmap) -> Iterator[int]:
    """Offsets of the whole items from the first one on, found without the table."""
    (offset,) = struct.unpack("<q", data[_FIRST_TABLE:_FIRST_ITEM])
    start = _FIRST_ITEM
    while True:
        end = _item(data, offset, start)[1]
        if not end:
            return
        yield offset
        start, brace = end, data.find(b'{"', end + 8)
        while brace >= 0 and not _item(data, brace - 8, start)[1]:
            brace = data.find(b'{"', brace + 1)
        if brace < 0:
            return
        offset = brace - 8


def _item(data: bytes | mmap.mmap, offset: int, start: int) -> tuple[dict[str, Any], int]:
    """The JSON at an offset and its end; ({}, 0) unless the item is whole and begins at `start`."""
    if offset < start or offset < _FIRST_ITEM or offset + 8 > len(data):
        return {}, 0
    (length,) = struct.unpack("<q", data[offset : offset + 8])
    end = offset + 8 + length
    if length < 2 or end > len(data) or data[offset + 8 : offset + 9] != b"{":
        return {}, 0
    with suppress(ValueError):
        content = json.loads(data[offset + 8 : end])
        if all(start <= begin and stop <= offset for begin, stop in _arrays(content)):
            return content, end
    return {}, 0


def _arrays(content: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """First and last byte of every array that an item's JSON refers to."""
    for key, value in content.items():
        if not (key.endswith(".") and isinstance(value, dict)):
            continue
        if "ndarray" in value:
            shape, dtype, begin = value["ndarray"]
            yield begin, begin + prod(shape) * np.dtype(dtype).itemsize
        else:
            yield from _arrays(value)


def _capacity(count: int) -> int:
    capacity = 1
    while capacity < count:
        capacity *= _BLOCK
    return capacity


@contextmanager
def _mapped(path: str | os.PathLike[str]) -> Iterator[bytes | mmap.mmap]:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _rebuild(path: Path, offsets: tuple[int, ...], end: int) -> None:
    """Cut a file at `end` and give it a new table, in one step."""
    temporary = path.with_name(f".{path.name}.partial")  # the writer is alone: it holds the lock
    try:
        shutil.copy(path, temporary)
        os.truncate(temporary, end)
        with open(temporary, "r+b") as file:
            table = end + -end % 8
            file.seek(end)
            file.write(b"#" * (table - end))
            file.write(struct.pack(f"<{len(offsets)}q", *offsets))
            file.write(bytes(8 * (_capacity(len(offsets)) - len(offsets))))
            file.seek(_COUNT_AT)
            file.write(struct.pack("<qq", len(offsets), table))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
