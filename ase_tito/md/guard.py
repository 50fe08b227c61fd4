"""Is it still the same molecule? By the limits that a model's samples are held to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.geometry import check_frames
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph

LARGEST_SHARE_OUTSIDE = 0.001
"""Of a block's frames with a bond or contact outside its limits: rare stretches are thermal, more
means that bonds have changed."""


@dataclass(frozen=True)
class BlockCheck:
    """Frames of a block that are outside the limits of their molecule but still it."""

    outside_limits: int


def check_block(
    positions: NDArray[np.float32], energies: NDArray[np.float64], graph: MolecularGraph
) -> BlockCheck:
    """Check frames (T, n, 3) in Å, with energies (T,), of one molecule.

    Raises
    ------
    DataError
        If anything is not finite, labelled stereochemistry has changed, or more than
        `LARGEST_SHARE_OUTSIDE` of the frames have a bond or contact outside its limits.
    """
    found = check_frames(positions, graph)
    if found.not_finite.any() or not np.isfinite(energies).all():
        raise DataError("positions or energies are no longer finite")
    for frames, what in (
        (found.chirality_flips, "a stereocentre is inverted"),
        (found.cis_trans_flips, "a double bond has turned between cis and trans"),
    ):
        if frames.any():
            raise DataError(f"{what} (frame {int(np.argmax(frames))} of a block)")
    allowed = LARGEST_SHARE_OUTSIDE * len(positions)
    if found.broken_bonds.sum() > max(1.0, allowed):
        raise DataError(
            f"bonds have changed: {int(found.broken_bonds.sum())} of {len(positions)} frames have "
            "one outside its limits"
        )
    if found.clashes.sum() > max(1.0, 10 * allowed):
        raise DataError(
            f"atoms without a bond have come too close in {int(found.clashes.sum())} of "
            f"{len(positions)} frames"
        )
    return BlockCheck(int((found.broken_bonds | found.clashes).sum()))
