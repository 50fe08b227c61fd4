"""
Replace Langevin
================

A script that runs Langevin dynamics of alanine dipeptide becomes one that jumps:
another class
name and a time step of 100 ps.
"""

# %%
# The molecule, and ASE's own dynamics for two picoseconds. Its forces come from
# OpenMM here (the extra ``md``), in the force field that the shipped model
# ``alanine-dipeptide`` has learned.
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from ase import units
from ase.io import read
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

from ase_tito import TITODynamics
from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
from ase_tito.md.calculator import OpenMMCalculator

atoms = read(
    Path(sys.argv[0]).resolve().parents[1] / "data" / "alanine-dipeptide.pdb"
)
output = Path(mkdtemp())

slow = atoms.copy()
slow.calc = OpenMMCalculator(alanine_dipeptide_system())
rng = np.random.default_rng(0)
thermalize_momenta(slow, 300, rng=rng)
dyn = Langevin(
    slow,
    1 * units.fs,
    temperature_K=300,
    friction=0.01 / units.fs,
    fixcm=False,
    rng=rng,
)
start = time.perf_counter()
dyn.run(2000)
langevin_s = time.perf_counter() - start
print(f"Langevin: 0.002 ns in {langevin_s:.1f} s")

# %%
# Now the same with jumps. No calculator is needed, and no force is ever asked
# for. The model is found by the molecule; ``model="alanine-dipeptide"`` would
# name it.
fast = atoms.copy()
dyn = TITODynamics(
    fast,
    100_000 * units.fs,
    temperature_K=300,
    seed=0,
    trajectory=output / "x.traj",
)
start = time.perf_counter()
dyn.run(200)
jumps_s = time.perf_counter() - start
print(f"TITODynamics: {0.1 * 200:.0f} ns in {jumps_s:.1f} s")
print(
    f"so {20 / jumps_s / (0.002 / langevin_s):,.0f} times as much time in a second"
)

# %%
# What was written is an ASE trajectory. The two torsions of the backbone, φ and
# ψ, over its 20 ns:
frames = read(output / "x.traj", ":")
phi = [frame.get_dihedral(4, 6, 8, 14, mic=False) for frame in frames]
psi = [frame.get_dihedral(6, 8, 14, 16, mic=False) for frame in frames]
wrapped = (np.array([phi, psi]) + 180) % 360 - 180

figure, axis = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
times = 0.1 * np.arange(len(frames))
axis.plot(times, wrapped[0], ".", label="φ")
axis.plot(times, wrapped[1], ".", label="ψ")
axis.set(
    title="Backbone torsions of alanine dipeptide in jumps of 100 ps",
    xlabel="time (ns)",
    ylabel="degrees",
    ylim=(-180, 180),
    yticks=range(-180, 181, 90),
)
axis.legend(loc="upper right")

# %%
# Every sample was checked for broken bonds, clashes and flipped stereocentres,
# and the few that fail are drawn again. How often that happened is in each frame,
# beside the time:
print(
    {
        key: value
        for key, value in frames[-1].info.items()
        if key.startswith("tito_")
    }
)

# %%
# A run that was interrupted, or killed, goes on where it was:
TITODynamics.restart(output / "x.traj").run(50)
print(len(read(output / "x.traj", ":")) - 1, "jumps")
