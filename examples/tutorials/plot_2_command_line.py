"""
The command line
================

Everything that a script can do to run, look at and judge a trajectory, in a
terminal.
"""

# %%
# Which models are there, and what for?
import os
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from ase.io import read

DATA = Path(sys.argv[0]).resolve().parents[1] / "data"
output = Path(mkdtemp())
# the commands of the environment that runs this page
os.environ["PATH"] = (
    f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
)


def shell(command: str) -> None:
    """Run a command in the output folder and show what it says."""
    print("$", command)
    done = subprocess.run(
        command, shell=True, cwd=output, capture_output=True, text=True
    )
    print(done.stdout or done.stderr)


shell("ase-tito models")

# %%
# Eight replicas of 100 jumps each, in one batch. A run that exists is never
# overwritten unless you say so, and ``--restart`` continues one that was stopped.
(output / "molecule.pdb").write_text((DATA / "alanine-dipeptide.pdb").read_text())
shell(
    "ase-tito run molecule.pdb --model alanine-dipeptide --lag-ps 100 --jumps 100 --replicas 8"
    " --seed 0 --output runs --quiet"
)

# %%
# What is wrong is said in one line, before anything is written:
shell("ase-tito run molecule.pdb --lag-ps 100000 --output other.traj")

# %%
# ASE's own tools read the trajectories: ``ase gui runs/replica-0000.traj`` shows
# one.
shell("ls runs")

# %%
# Do the replicas agree with each other and with the model? Without a reference
# ``analyse`` asks what can be asked; see :doc:`/analysis` for all that it does.
shell("ase-tito analyse runs/*.traj -o report --skip-ps 500 --quiet")

# %%
# The numbers are in ``report/report.json``, the page to look at is
# ``report/report.html``. From Python, the frames are ASE's as ever:
angles = []
for path in sorted((output / "runs").glob("*.traj")):
    for frame in read(path, "5:"):
        angles.append(
            [frame.get_dihedral(*four) for four in ((4, 6, 8, 14), (6, 8, 14, 16))]
        )
phi, psi = ((np.array(angles) + 180) % 360 - 180).T

figure, axis = plt.subplots(figsize=(3.6, 3.4), layout="constrained")
axis.plot(phi, psi, ".", markersize=3)
axis.set(
    xlabel="φ (degrees)", ylabel="ψ (degrees)", xlim=(-180, 180), ylim=(-180, 180)
)
axis.set_title("Backbone torsions, eight replicas")
axis.set(xticks=range(-180, 181, 90), yticks=range(-180, 181, 90), aspect="equal")
