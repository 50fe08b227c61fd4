"""
The Boltzmann correction
========================

A model with a Boltzmann prior knows the equilibrium apart from the dynamics. And
with a calculator its samples become exact, whatever the model.
"""

# %%
# ``alanine-dipeptide-prior`` holds both: a density of equilibrium, and jumps on top
# of it, which tend to that equilibrium as the lag grows.
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from ase import units
from ase.io import read

from ase_tito import TITODynamics, load_model
from ase_tito.analysis import dihedrals
from ase_tito.dynamics import MetropolisHastings
from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
from ase_tito.md.calculator import OpenMMCalculator
from ase_tito.models import load_prior
from ase_tito.structure import graph_from_atoms

DATA = Path(sys.argv[0]).resolve().parents[1] / "data"
atoms = read(DATA / "alanine-dipeptide.pdb")
graph = graph_from_atoms(atoms)
phi_psi = [(4, 6, 8, 14), (6, 8, 14, 16)]

prior = load_prior("alanine-dipeptide-prior")
draws = prior.sample(
    graph, 500, generator=torch.Generator().manual_seed(0)
).positions

# %%
# Relaxation: many jumps from one frame. After 1 ps they remember it, after 1 ns they
# are draws of the prior.
model = load_model("alanine-dipeptide-prior")
x = torch.from_numpy(atoms.positions).float().expand(150, -1, -1)
figure, axes = plt.subplots(
    1, 4, figsize=(7.2, 2.5), sharey=True, layout="constrained"
)
figure.suptitle("Backbone torsions after jumps from one frame, and of the prior")
for axis, lag_ps in zip(axes, (1.0, 30.0, 1000.0, None), strict=True):
    frames = draws
    if lag_ps is not None:
        generator = torch.Generator().manual_seed(1)
        frames = model.sample(graph, x, lag_ps, generator=generator).positions
    phi, psi = np.degrees(dihedrals(frames.numpy(), phi_psi)).T
    axis.plot(phi, psi, ".", markersize=2)
    axis.set(
        xlim=(-180, 180), ylim=(-180, 180), xticks=(-90, 0, 90), aspect="equal"
    )
    axis.set(
        xlabel="φ (degrees)",
        title="prior" if lag_ps is None else f"after {lag_ps:g} ps",
    )
axes[0].set(ylabel="ψ (degrees)", yticks=(-90, 0, 90))

# %%
# Energies tell how good the samples are in all that φ and ψ do not show. Here are
# those of the force field behind the model, for the prior's draws.
calculator = OpenMMCalculator(alanine_dipeptide_system())
energies = []
for frame in draws[:200].numpy():
    atoms.positions = frame
    energies.append(calculator.get_potential_energy(atoms) * units.mol / units.kJ)
print(
    "quartiles of the energy, kJ/mol:",
    np.percentile(energies, (25, 50, 75)).round(1),
)
print("of 36 ns of MD:                  [-107.  -98.2  -88.6]")

# %%
# **Exact.** One argument makes each jump a proposal that is accepted or rejected by
# the calculator's energy and the model's exact density. The log counts; simulated
# time has no meaning any more. :doc:`/exact` says what this guarantees and costs.
atoms = read(DATA / "alanine-dipeptide.pdb")
dyn = TITODynamics(
    atoms,
    10_000 * units.fs,
    model="alanine-dipeptide",
    seed=0,
    correction=MetropolisHastings(calculator, proposals=4),
    logfile="-",
)
dyn.run(3)
