"""
A molecule that the model has not seen
======================================

The model ``molecules`` was trained on acyclic molecules of carbon, hydrogen,
nitrogen and oxygen,
and is made for others of that kind. Here it gets some from ASE's own collection,
and says which
it refuses.
"""

# %%
# Ethanol, as ASE builds it. Bonds and stereochemistry are read from the geometry.
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from ase import units
from ase.build import molecule
from ase.io import read

from ase_tito import TITODynamics, load_model
from ase_tito.errors import DomainError
from ase_tito.structure import graph_from_atoms

output = Path(mkdtemp())
ethanol = molecule("CH3CH2OH")
dyn = TITODynamics(
    ethanol,
    50_000 * units.fs,
    model="molecules",
    seed=0,
    trajectory=output / "ethanol.traj",
)
dyn.run(300)

# %%
# Its hydroxyl group turns: ± 60° and 180° are about equally common, and every 50
# ps it has forgotten where it was.
oxygen = next(atom.index for atom in ethanol if atom.symbol == "O")
graph = graph_from_atoms(ethanol)
neighbours = {i: set() for i in range(len(ethanol))}
for i, j in graph.bonds:
    neighbours[int(i)].add(int(j))
    neighbours[int(j)].add(int(i))
hydrogen = next(i for i in neighbours[oxygen] if ethanol[i].symbol == "H")
carbon = next(i for i in neighbours[oxygen] if ethanol[i].symbol == "C")
methyl = next(i for i in neighbours[carbon] if ethanol[i].symbol == "C")
frames = read(output / "ethanol.traj", ":")
torsion = np.array(
    [f.get_dihedral(methyl, carbon, oxygen, hydrogen) for f in frames]
)

figure, axes = plt.subplots(
    1, 2, figsize=(6.6, 2.6), layout="constrained", width_ratios=[2, 1]
)
figure.suptitle("The hydroxyl group of ethanol turns")
axes[0].plot(0.05 * np.arange(len(frames)), torsion, ".")
axes[0].set(
    xlabel="time (ns)", ylabel="C-C-O-H (degrees)", yticks=range(0, 361, 60)
)
axes[1].hist(torsion, np.arange(0, 361, 20), orientation="horizontal")
axes[1].set(xlabel="frames", yticks=range(0, 361, 60))

# %%
# What a model is for is part of its checkpoint, and what it is not for is
# refused, with the reason:
model = load_model("molecules")
for name in ("CH3CHO", "CH3NO2", "C6H6", "CH3SH", "CH3CONH2"):
    objections = model.domain.objections(graph_from_atoms(molecule(name)))
    print(f"{name:9}", "; ".join(objections) or "yes")

# %%
# The same holds for lags, and for temperatures:
for lag_fs, temperature_K in ((5e6, 300), (5e4, 400)):
    try:
        TITODynamics(
            molecule("CH3CH2OH"),
            lag_fs * units.fs,
            temperature_K=temperature_K,
            model=model,
        )
    except DomainError as error:
        print(error)

# %%
# How well it does on molecules that it has not seen depends on the chemistry:
# :doc:`/chemistry` shows the worst cases too. Whether your molecule is one of
# them, a nanosecond of MD tells, see :doc:`plot_4_is_it_right`.
