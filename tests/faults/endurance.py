"""Long runs: does the centre of mass drift, does memory grow, does an invalid state go unnoticed?

    python -m tests.faults.endurance [--jumps 10000] [--replicas 10] [--parts 10] [--output FOLDER]

Jumps of 100 ps of alanine dipeptide by the shipped model, in parts that each continue the last
one's trajectories. After every part: how far any frame's centre of mass is from where the run
began, how much memory this process takes and how much of it Python holds, and how many frames fail
the package's check of geometries, made anew from the file, that do not say so themselves. Ends with
1 if anything drifts, grows or goes unnoticed.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import torch
from ase.io import iread

from ase_tito.dynamics.campaign import run_to_files
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.models import load_model
from ase_tito.structure import graph_from_atoms, read_structure
from ase_tito.validity import check
from tests.faults.jobs import MODEL, STRUCTURE

MOST_DRIFT_A = 1e-9
MOST_GROWTH_MB = 30.0
"""Of the process, from the second part on: the first warms up what libraries keep."""


def memory_MB() -> float:
    """What this process takes of the machine's memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the kernel does not say how much memory a process takes")


def drift_and_unnoticed(paths: list[Path], graph: MolecularGraph, since: int) -> tuple[float, int]:
    """Farthest centre of mass from the first frame's, in Å, and unnoticed invalid frames.

    Of frames from jump `since` on; the last part's, as earlier ones have been looked at.
    """
    farthest, unnoticed = 0.0, 0
    batch = GraphBatch.from_graphs([graph])
    for path in paths:
        home = next(iread(path, index=":1")).get_center_of_mass()
        for atoms in iread(path, index=f"{since}:"):
            farthest = max(farthest, np.abs(atoms.get_center_of_mass() - home).max())
            valid = bool(check(batch, torch.from_numpy(atoms.positions)[None]).valid[0])
            unnoticed += int(not valid and bool(atoms.info["tito_valid"]))
    return float(farthest), unnoticed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option, value in (("jumps", 10_000), ("replicas", 10), ("parts", 10), ("seed", 0)):
        parser.add_argument(f"--{option}", type=int, default=value, metavar="N")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where frames are kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        return endure(arguments, arguments.output or Path(place) / "run")


def endure(arguments: argparse.Namespace, output: Path) -> int:
    """Run, measure, print a table; 0 if all is well."""
    frames, bonds = read_structure(STRUCTURE)
    graph = graph_from_atoms(frames[0], bonds)
    model = load_model(MODEL)
    print("| jumps in all | centre of mass, Å | process, MB | Python, MB | retried | unnoticed |")
    print("|---|---|---|---|---|---|", flush=True)
    tracemalloc.start()
    processes, pythons, faulty, retried = [], [], False, 0
    began = time.monotonic()
    for part in range(1, arguments.parts + 1):
        done = arguments.jumps * (part - 1) // arguments.parts
        until = arguments.jumps * part // arguments.parts
        summary = run_to_files(
            frames,
            output,
            jumps=until,
            lag_time_ps=100.0,
            replicas=arguments.replicas,
            existing="restart",
            model=model,
            seed=arguments.seed,
            bonds=bonds,
        )
        gc.collect()
        processes.append(memory_MB())
        pythons.append(tracemalloc.get_traced_memory()[0] / 2**20)
        drift, unnoticed = drift_and_unnoticed(list(summary.paths), graph, done + 1)
        retried += summary.invalid_first_proposals
        faulty = faulty or drift > MOST_DRIFT_A or unnoticed > 0
        print(
            f"| {until * arguments.replicas} | {drift:.1e} | {processes[-1]:.0f} "
            f"| {pythons[-1]:.1f} | {retried} | {unnoticed} |",
            flush=True,
        )
    growth = max(max(values[1:]) - values[1] for values in (processes, pythons) if values[1:])
    print(f"{time.monotonic() - began:.0f} s; memory grew by {growth:.1f} MB after the second part")
    return int(faulty or growth > MOST_GROWTH_MB)


if __name__ == "__main__":
    sys.exit(main())
