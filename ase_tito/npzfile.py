"""Archives of arrays, ``.npz``, of which any byte may be damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.errors import DataError, TITOError


@contextmanager
def opened_npz(
    path: Path, damaged: Callable[[Exception], TITOError]
) -> Iterator[Mapping[str, NDArray[Any]]]:
    """The arrays of an archive by name, each read when it is asked for; nothing is unpickled.

    Parameters
    ----------
    path : Path
        Opened here, since NumPy leaves a file open that is no archive.
    damaged : callable
        Makes the error that is raised in place of any other, here or in the block, but a DataError:
        which byte is damaged decides whether zip, zlib, NumPy or the meaning of an array fails.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            yield archive
    except DataError:
        raise
    except Exception as error:
        raise damaged(error) from error
