"""Butane that hops between its three rotamers: a Markov process with known timescales."""

import numpy as np
from ase.build import molecule
from scipy.spatial.transform import Rotation

from ase_tito.analysis.files import open_trajectory
from ase_tito.analysis.report import ReportSettings
from ase_tito.perception import build_graph

ATOMS = molecule("trans-butane")
GRAPH = build_graph(ATOMS.numbers, ATOMS.positions)

QUICK = ReportSettings(states=12, splits=5, resamples=30, surface_bins=20)
"""Of reports that are to be quick."""

POPULATIONS = np.array([0.25, 0.5, 0.25])
CENTRES = np.radians([-70.0, 180.0, 70.0])


def _central_bond():
    """The two inner carbons, and the atoms on the second one's side."""
    around = {k: set() for k in range(len(ATOMS))}
    for i, j in GRAPH.bonds.tolist():
        around[i].add(j)
        around[j].add(i)
    inner = [k for k in range(len(ATOMS)) if sum(ATOMS.numbers[n] == 6 for n in around[k]) == 2]
    first, second = inner
    side, waiting = set(), [second]
    while waiting:
        atom = waiting.pop()
        if atom not in side:
            side.add(atom)
            waiting += [n for n in around[atom] if n != first]
    return first, second, sorted(side)


def trajectory(frames, seed, *, keep=0.9, spread=8.0, populations=POPULATIONS):
    """Frames (T, 14, 3): a rotamer is drawn anew with probability 1 − keep at each frame.

    All three relax with t = −1/ln(keep) frames.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.choice(3, size=frames, p=populations)
    fresh = rng.random(frames) > keep
    fresh[0] = True
    states = drawn[np.maximum.accumulate(np.where(fresh, np.arange(frames), 0))]
    angles = CENTRES[states] + np.radians(rng.normal(0, spread, frames))
    positions = frames_at(angles)
    return positions + rng.normal(0, 0.02, positions.shape)


def frames_at(angles):
    """Frames (T, 14, 3) at these values of the central torsion, in radians."""
    turns = np.asarray(angles) - np.pi  # the reference geometry is trans
    first, second, side = _central_bond()
    origin = ATOMS.positions[second]
    axis = ATOMS.positions[second] - ATOMS.positions[first]
    axis = axis / np.linalg.norm(axis)
    positions = np.repeat(ATOMS.positions[None], len(turns), axis=0)
    rotations = Rotation.from_rotvec(turns[:, None] * axis).as_matrix()
    positions[:, side] = (positions[:, side] - origin) @ rotations.swapaxes(1, 2) + origin
    return positions


def save(path, positions, spacing_ps=10.0, **others):
    np.savez(
        path,
        positions=positions.astype(np.float32),
        atomic_numbers=ATOMS.numbers,
        bonds=GRAPH.bonds,
        frame_spacing_ps=spacing_ps,
        temperature_K=300.0,
        **others,
    )
    return path


def opened(folder, name, frames, seed, *, spacing_ps=10.0, stride=1, **process):
    positions = trajectory(frames, seed, **process)[::stride]
    return open_trajectory(save(folder / f"{name}.npz", positions, spacing_ps * stride))
