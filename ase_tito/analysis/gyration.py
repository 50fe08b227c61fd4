"""The radius of gyration."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import DataError


def radius_of_gyration(
    positions: ArrayLike, masses: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Root mean square distance of the atoms from their centre, in Å, shape (T,).

    Parameters
    ----------
    positions : array_like, shape (T, n, 3)
        Frames in Å.
    masses : array_like, shape (n,), optional
        Of the atoms, in any unit (``ase.data.atomic_masses[numbers]``); equal by default.

    Raises
    ------
    DataError
        For frames of another shape, or masses that do not fit.
    """
    frames = np.asarray(positions, np.float64)
    if frames.ndim != 3 or frames.shape[-1] != 3:
        raise DataError(f"positions must have shape (frames, atoms, 3), not {frames.shape}")
    weights = np.ones(frames.shape[1]) if masses is None else np.asarray(masses, np.float64)
    if weights.shape != frames.shape[1:2] or not (weights > 0).all():
        raise DataError(f"masses must be {frames.shape[1]} positive numbers")
    weights = weights / weights.sum()
    centred = frames - np.einsum("tnx,n->tx", frames, weights)[:, None]
    return np.sqrt(np.einsum("tnx,tnx,n->t", centred, centred, weights))
