"""Corrected chains of alanine dipeptide, run some at a time and kept as they are done."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis import dihedrals, peptide_torsions, torsion_atoms
from ase_tito.atomic import write_atomically
from ase_tito.dynamics import MetropolisHastings, TITOEnsemble
from ase_tito.evaluation import Reference
from ase_tito.flow.density import Quadrature
from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
from ase_tito.md.calculator import OpenMMCalculator
from ase_tito.models import find_checkpoint, load_model

Chain = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What proposes: jumps of a lag, or moves of a step in the prior's source space."""

    lag_ps: float
    step: float | None = None

    @property
    def name(self) -> str:
        return f"jumps of {self.lag_ps:g} ps" if self.step is None else f"moves of {self.step:g}"


def kept_chains(
    options: argparse.Namespace, reference: Reference, frames: NDArray[np.int64], kind: Kind
) -> list[Chain]:
    """A chain from each of these frames; what an earlier call has done is read."""
    kept = options.output / "chains"
    kept.mkdir(parents=True, exist_ok=True)
    content = find_checkpoint(options.checkpoint).read_bytes()
    chains: list[Chain] = []
    for first in range(0, len(frames), options.together):
        part = frames[first : first + options.together].tolist()
        given = {
            "checkpoint": hashlib.sha256(content).hexdigest(),
            "runs": [run.name for run in reference.runs],
            "frames": part,
            "first": first,
            "kind": kind.name,
            **{k: getattr(options, k) for k in ("seed", "jumps", "nodes", "steps")},
        }
        key = hashlib.sha256(json.dumps(given).encode()).hexdigest()[:16]
        path = kept / f"{key}.json"
        if not path.exists():
            done = run_chains(options, reference, part, kind, first)
            write_atomically(path, json.dumps({"of": given, "chains": done}).encode())
        chains += json.loads(path.read_text())["chains"]
        share = np.mean([chain["accepted"] for chain in chains])
        print(f"{kind.name}: {len(chains)} chains, {share:.1%} accepted", flush=True)
    return chains


def run_chains(
    options: argparse.Namespace, reference: Reference, frames: list[int], kind: Kind, first: int
) -> list[Chain]:
    """Log ratios of each chain's proposals (None without one), torsions and costs."""
    correction = MetropolisHastings(
        OpenMMCalculator(alanine_dipeptide_system()),
        source_step=kind.step,
        quadrature=Quadrature(options.nodes, options.steps),
    )
    started = time.process_time()
    ensemble = TITOEnsemble(
        load_model(options.checkpoint),
        reference.graph,
        reference.frames[frames].astype(float),
        kind.lag_ps,
        seed=options.seed,
        replicas=range(first, first + len(frames)),
        correction=correction,
    )
    atoms = phi_psi_atoms(reference)
    chains: list[Chain] = [
        {"log_ratios": [], "accepted": [], "valid": [], "phi_psi": []} for _ in frames
    ]
    for jump in ensemble.irun(options.jumps):
        for k, chain in enumerate(chains):
            record = ensemble.metropolis_record(k)
            chain["log_ratios"].append(record.log_ratio if record else None)
            chain["accepted"].append(bool(record and record.accepted))
            chain["valid"].append(bool(jump.first_valid[k]))
            chain["phi_psi"].append(dihedrals(ensemble.positions(k)[None], atoms)[0].tolist())
    seconds = (time.process_time() - started) / len(frames)
    for k, chain in enumerate(chains):
        record = ensemble.metropolis_record(k)
        if record is None:
            raise SystemExit("the ensemble was not corrected")
        costs = ("ode_error", "evaluations", "divergences", "energies")
        chain |= {name: getattr(record, name) for name in costs} | {"cpu_s": seconds}
    return chains


def phi_psi_atoms(reference: Reference) -> NDArray[np.int64]:
    """Atoms of φ and ψ."""
    graph = reference.graph
    torsions = peptide_torsions(graph.atomic_numbers, graph.bonds)
    return torsion_atoms([torsion for torsion in torsions if torsion.kind in ("phi", "psi")])
