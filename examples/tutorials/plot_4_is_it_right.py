"""
Is it right?
============

A model's trajectory beside molecular dynamics: populations and rates, each with
what the finite
data leave open.
"""

# %%
# Ten nanoseconds of alanine dipeptide in jumps of 10 ps, of 32 replicas at once.
# ``TITOEnsemble`` is the batch behind ``TITODynamics``: positions in, positions
# out.
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ase_tito import load_model
from ase_tito.analysis import (
    at_equal_counts,
    dihedrals,
    peptide_torsions,
    timescale_scan,
    torsion_divergence,
)
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.structure import graph_from_atoms, read_structure

DATA = Path(sys.argv[0]).resolve().parents[1] / "data"
structures, bonds = read_structure(DATA / "alanine-dipeptide.pdb")
graph = graph_from_atoms(structures[0], bonds)
ensemble = TITOEnsemble(
    load_model("alanine-dipeptide"),
    graph,
    structures[0].positions,
    10.0,
    replicas=32,
    seed=0,
)
named = {
    torsion.kind: torsion.atoms
    for torsion in peptide_torsions(graph.atomic_numbers, graph.bonds)
}
phi_psi = [named["phi"], named["psi"]]
walk = []
for _ in range(60):
    ensemble.step()
    frames = np.stack([ensemble.positions(k) for k in range(32)])
    walk.append(dihedrals(frames, phi_psi))
model = list(np.stack(walk, 1)[:, 10:])  # without the way from their common start
print(len(model), "replicas of", len(model[0]), "frames")

# %%
# The reference: φ and ψ of two independent MD runs of 20 and 16 ns in the same
# force field, a frame each picosecond.
with np.load(DATA / "alanine-dipeptide-md.npz") as md:
    runs = [np.radians(md[name] / 100) for name in ("run1", "run2")]

# %%
# **Populations.** A divergence between two finite samples is never zero. So it
# stands beside its *floor*, that of one half of the MD against the other at equal
# counts. What is above the floor speaks of the model.
found = at_equal_counts(
    runs,
    np.concatenate(model),
    lambda one, other: torsion_divergence(one, other).jsd,
    block_length=1000,
    generator=np.random.default_rng(0),
)
print(
    f"JSD of φ and ψ: model {found.model.mean:.3f}, floor {found.floor.mean:.3f} nats"
)

# %%
# **Rates.** The slowest timescale of both, at the same lag. Sines and cosines of
# the torsions are the features.
scans = {}
for name, trajectories, spacing in (("MD", runs, 1.0), ("model", model, 10.0)):
    features = [np.concatenate([np.sin(a), np.cos(a)], 1) for a in trajectories]
    scans[name] = timescale_scan(
        features, frame_spacing_ps=spacing, lag_times_ps=[10.0], top=2
    )
    print(f"{name:6}", scans[name].timescales_ps[0].round(1), "ps")

# %%
# **Free energies** along φ and ψ. One picture says more than a number, and three
# replicas that disagree more than both.
figure, axes = plt.subplots(
    1, 2, figsize=(6.8, 2.8), sharey=True, layout="constrained"
)
figure.suptitle("Free energies of φ and ψ: MD and model")
for k, (axis, name) in enumerate(zip(axes, ("φ", "ψ"), strict=True)):
    for label, trajectories, style in (("MD", runs, "k-"), ("model", model, "C0-")):
        angles = np.degrees(np.concatenate(trajectories)[:, k])
        counts, edges = np.histogram(angles, 48, (-180, 180))
        with np.errstate(divide="ignore"):
            energy = -np.log(counts / counts.max())
        axis.plot(0.5 * (edges[1:] + edges[:-1]), energy, style, label=label)
    axis.set(xlabel=f"{name} (degrees)", xticks=range(-180, 181, 90), ylim=(0, 8))
axes[0].set_ylabel("free energy (kT)")
axes[0].legend()

# %%
# ``ase-tito analyse`` makes a page of some twenty such figures from trajectory
# files: :doc:`/analysis`. What no comparison can tell is whether the force field
# is right.
