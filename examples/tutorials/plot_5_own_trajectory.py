"""
Train on your own ASE trajectory
================================

From a ``.traj`` file to a model of its molecule: convert, fine-tune a shipped
model, sample, compare. Three hundred steps of training, less than a minute, show
how it goes; an hour makes a model to work with.
"""

# %%
# You have a trajectory. Here is one for want of yours: a nanosecond of
# propane-1-thiol (GAFF2, vacuum, 300 K), a frame each picosecond, written by ASE.
import os
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from ase import Atoms
from ase.io import Trajectory

from ase_tito.analysis import dihedrals
from ase_tito.data import Dataset
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.models import load_model

output = Path(mkdtemp())
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


shell(
    "ase-tito generate --smiles CCCS --time-ns 1 --equilibration-ps 20 -o md --quiet"
)
with Dataset(output / "md" / "dataset.h5") as dataset:
    record = dataset.molecule(dataset.names[0])
    run = record.runs[0]
    with Trajectory(output / "yours.traj", "w") as trajectory:
        for positions in run.positions:
            trajectory.write(Atoms(record.graph.atomic_numbers, positions))

# %%
# **Convert.** The file says neither the time between its frames nor the
# temperature, so that you do. Each frame is looked at: broken bonds, flipped
# stereocentres and the like would be named, and left out.
shell(
    "ase-tito data convert yours.traj --spacing-ps 1 --temperature-K 300 --force-field GAFF2"
    " --name propanethiol --output yours.h5 --quiet"
)
shell("ase-tito data info yours.h5")

# %%
# **Train.** The model ``molecules`` has never seen sulfur, and yet starting from
# it takes a small part of what starting from nothing takes. The ends of the runs
# validate.
(output / "yours.toml").write_text("""
name = "yours"
output = "yours"
from = "molecules"

[data]
dataset = "yours.h5"
lag_range_ps = [1.0, 100.0]
validation_fraction = 0.25

[optimizer]
steps = 300
learning_rate = 1e-3
warmup_steps = 50
""")
shell("ase-tito train yours.toml --quiet")
print((output / "yours" / "log.csv").read_text())

# %%
# **Sample.** The checkpoint is used like any other, by its path.
model = load_model(output / "yours" / "yours.safetensors")
ensemble = TITOEnsemble(
    model, record.graph, run.positions[0], 20.0, replicas=32, seed=0
)
walk = []
for _ in range(30):
    ensemble.step()
    walk.append(np.stack([ensemble.positions(k) for k in range(32)]))
print(
    "invalid first proposals:",
    ensemble.invalid_first_proposals.sum(),
    "of",
    32 * 30,
)

# %%
# **Compare.** Its two slow torsions, beside those of the nanosecond that it has
# learned from. So few frames leave much open; ``ase-tito evaluate`` and
# ``ase-tito analyse`` say how much.
torsions = {"C-C-C-S": (0, 1, 2, 3), "C-C-S-H": (1, 2, 3, 11)}
figure, axes = plt.subplots(
    1, 2, figsize=(6.8, 2.6), sharey=True, layout="constrained"
)
figure.suptitle("Two torsions of propane-1-thiol: MD and model")
for axis, (name, atoms) in zip(axes, torsions.items(), strict=True):
    for label, frames in (
        ("MD", run.positions),
        ("model", np.concatenate(walk[5:])),
    ):
        angle = np.degrees(dihedrals(frames, [atoms])[:, 0])
        axis.hist(
            angle,
            np.arange(-180, 181, 15),
            density=True,
            histtype="step",
            label=label,
        )
    axis.set(xlabel=f"{name} (degrees)", xticks=range(-180, 181, 90))
axes[0].set_ylabel("density")
axes[0].legend()
