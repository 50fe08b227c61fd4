"""How long a report takes, and how much memory: 10⁵ and 10⁶ frames of 22 atoms by default.

    python benchmarks/analysis.py [--frames 100000 1000000] [--output analysis-benchmark]

Makes trajectories of alanine dipeptide whose φ and ψ hop between wells (no physics is meant), half
of the frames the model's, half the reference's, writes them as XTC, and runs `ase-tito analyse` on
them, each in a process of its own. Prints wall and processor seconds, and the peak of the resident
memory; making the trajectories does not count.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import mdtraj
import numpy as np
from scipy.spatial.transform import Rotation

from ase_tito.analysis import peptide_torsions
from ase_tito.structure import graph_from_atoms, read_structure

STRUCTURE = Path(__file__).parents[1] / "examples" / "data" / "alanine-dipeptide.pdb"
CHUNK = 20_000
WELLS = np.radians([[0.0, 0.0], [0.0, -170.0], [70.0, -150.0], [140.0, 40.0]])
"""Turns of φ and ψ away from the structure's."""

KEEP = 0.99


def turned(
    positions: np.ndarray, axis: tuple[int, int], side: list[int], turns: np.ndarray
) -> np.ndarray:
    """Frames (T, n, 3) with the atoms of one side turned about a bond."""
    origin = positions[:, [axis[1]]]
    direction = positions[:, axis[1]] - positions[:, axis[0]]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    matrices = Rotation.from_rotvec(turns[:, None] * direction).as_matrix()
    positions = positions.copy()
    positions[:, side] = (positions[:, side] - origin) @ matrices.swapaxes(1, 2) + origin
    return positions


def write_trajectory(path: Path, frames: int, seed: int) -> None:
    atoms = read_structure(STRUCTURE)[0][0]
    graph = graph_from_atoms(atoms, read_structure(STRUCTURE)[1])
    torsions = {t.kind: t.atoms for t in peptide_torsions(graph.atomic_numbers, graph.bonds)}
    bonds = [torsions[kind][1:3] for kind in ("phi", "psi")]
    sides = [beyond(graph, *bond) for bond in bonds]
    rng = np.random.default_rng(seed)
    state = 0
    with mdtraj.formats.XTCTrajectoryFile(str(path), "w") as file:
        for start in range(0, frames, CHUNK):
            count = min(CHUNK, frames - start)
            hops = np.flatnonzero(rng.random(count) > KEEP)
            states = np.full(count, state)
            for hop in hops:
                states[hop:] = rng.integers(len(WELLS))
            state = int(states[-1])
            turns = WELLS[states] + rng.normal(0, 0.25, (count, 2))
            positions = np.repeat(atoms.positions[None], count, axis=0)
            for bond, side, turn in zip(bonds, sides, turns.T, strict=True):
                positions = turned(positions, bond, side, turn)
            positions += rng.normal(0, 0.02, positions.shape)
            times = 2.0 * np.arange(start, start + count, dtype=np.float32)
            file.write((0.1 * positions).astype(np.float32), time=times)


def beyond(graph, first: int, second: int) -> list[int]:
    """Atoms on the second one's side of a bond."""
    around: dict[int, list[int]] = {k: [] for k in range(graph.n_atoms)}
    for i, j in graph.bonds.tolist():
        around[i].append(j)
        around[j].append(i)
    reached, waiting = {first}, [second]
    while waiting:
        atom = waiting.pop()
        if atom not in reached:
            reached.add(atom)
            waiting += around[atom]
    return sorted(reached - {first})


def analysed(paths: list[Path], output: Path) -> tuple[float, float, float]:
    """Wall seconds, processor seconds, and MB of `ase-tito analyse` on a model and a reference."""
    model, reference = map(str, paths)
    words = ["analyse", model, "--reference", reference, "--top", str(STRUCTURE)]
    command = [sys.executable, "-m", "ase_tito.cli", *words, "-o", str(output), "--quiet"]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--output", type=Path, default=Path("analysis-benchmark"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    print(f"{'frames':>10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for frames in options.frames:
        paths = [options.output / f"{name}-{frames}.xtc" for name in ("model", "reference")]
        for seed, path in enumerate(paths):
            if not path.exists():
                write_trajectory(path, frames // 2, seed)
        wall, processor, memory = analysed(paths, options.output / f"report-{frames}")
        print(f"{frames:10,} {wall:8.1f} {processor:8.1f} {memory:8.0f}", flush=True)


if __name__ == "__main__":
    main()
