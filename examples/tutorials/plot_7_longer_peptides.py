"""
Extrapolating to longer peptides
================================

The model ``peptides`` was trained on amino acids and dipeptides. Here it makes
jumps of a tripeptide, and says itself where it goes beyond its training.
"""

# %%
# Three alanines between caps. The model is found by the molecule and its
# temperature; that it is a peptide is read from its bonds.
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ase_tito import load_model
from ase_tito.analysis import dihedrals, peptide_torsions, radius_of_gyration
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.models import select_model
from ase_tito.structure import graph_from_atoms, read_structure

DATA = Path(sys.argv[0]).resolve().parents[1] / "data"
structures, bonds = read_structure(DATA / "alanine-tripeptide.pdb")
graph = graph_from_atoms(structures[0], bonds)
print(select_model(graph, 310).name, "for", graph.n_atoms, "atoms")

# %%
# What a longer chain costs in validity is counted: first proposals with a broken
# bond, a clash or a flipped centre are drawn again.
model = load_model("peptides")
print(
    "cautions:", model.domain.cautions(graph) or "none: sizes like this it has seen"
)
ensemble = TITOEnsemble(
    model, graph, structures[0].positions, 250.0, replicas=32, seed=0
)
walk = []
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of sizes
    for _ in range(25):
        ensemble.step()
        walk.append(np.stack([ensemble.positions(k) for k in range(32)]))
invalid = ensemble.invalid_first_proposals.sum()
print(f"invalid first proposals: {invalid} of {32 * 25}")

# %%
# The Ramachandran plot of each residue, after the first five jumps. MD has far fewer
# frames right of φ = 0, and sharper basins: the model is a first one, and it shows
# (:doc:`/peptides`).
frames = np.concatenate(walk[5:])
torsions = peptide_torsions(graph.atomic_numbers, graph.bonds)
named = {(torsion.kind, torsion.residue): torsion.atoms for torsion in torsions}
figure, axes = plt.subplots(
    1, 3, figsize=(6.8, 2.9), sharey=True, layout="constrained"
)
figure.suptitle("Backbone torsions of each residue")
for residue, axis in enumerate(axes, 1):
    pair = [named["phi", residue], named["psi", residue]]
    phi, psi = np.degrees(dihedrals(frames, pair)).T
    axis.plot(phi, psi, ".", markersize=2)
    axis.set(
        xlim=(-180, 180), ylim=(-180, 180), xticks=(-90, 0, 90), aspect="equal"
    )
    axis.set(title=f"residue {residue}", xlabel="φ (degrees)", yticks=(-90, 0, 90))
axes[0].set_ylabel("ψ (degrees)")

# %%
# Its size over time: stretched and folded chains come and go.
sizes = radius_of_gyration(np.stack(walk)[:, 0])
figure, axis = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
axis.plot(0.25 * np.arange(1, len(sizes) + 1), sizes, ".-")
axis.set_title("The chain stretches and folds")
axis.set(xlabel="time of one replica (ns)", ylabel="radius of gyration (Å)")
