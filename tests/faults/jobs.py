"""Tiny jobs of four commands, which are killed, continued, and compared with whole ones."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.io import read

from tests.molecules import write_vibrating_ethanol

ROOT = Path(__file__).parents[2]
MODEL = "alanine-dipeptide"
STRUCTURE = ROOT / "examples" / "data" / "alanine-dipeptide.pdb"
TOPOLOGY = ROOT / "tests" / "md" / "ethanol.prmtop"

TRAINING = """
name = "toy"
output = "{output}"
seed = 3
checkpoint_minutes = 0.0001
validation_steps = 4

[data]
trajectories = ["ethanol.npz"]
force_field = "none: noise about one geometry"
lag_range_ps = [1.0, 20.0]
validation_fraction = 0.2
validation_pairs = 16

[network]
features = 8
heads = 2
blocks = 1
pair_features = 4

[optimizer]
steps = 16
batch_size = 8
warmup_steps = 4
"""

SIMULATION = """
[simulation]
frame_spacing_ps = 0.1
equilibration_ps = 0.5
block_ps = 1.0

[[molecules]]
smiles = ["CCO"]
time_ns = 0.01
starts = 2
split = "train"
"""

Result = dict[str, Any]
"""What a job has come to so far: names, and values that are compared."""


@dataclass(frozen=True)
class Job:
    """One command.

    Attributes
    ----------
    words : callable
        Takes the output, which may hold an unfinished job, and returns the command line that
        begins or continues it, to be run in the folder of the inputs.
    result : callable
        What an output holds, finished or not.
    pieces : callable
        How many pieces of work an output holds: a count that never falls.
    """

    words: Callable[[Path], list[str]]
    result: Callable[[Path], Result]
    pieces: Callable[[Path], int]


def digest(value: Any) -> str:
    """A short name of an array, bit by bit, or of JSON values."""
    content = (
        value.tobytes()
        if isinstance(value, np.ndarray)
        else json.dumps(value, sort_keys=True, default=str).encode()
    )
    return hashlib.sha256(content).hexdigest()[:16]


def files(output: Path) -> list[str]:
    """All that lies in an output, apart from locks, which nobody holds after a death."""
    found = (path.relative_to(output) for path in output.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not path.name.endswith(".lock"))


def run_words(output: Path) -> list[str]:
    options = "--jumps 10 --replicas 3 --seed 5 --quiet --restart"
    return ["run", str(STRUCTURE), "--model", MODEL, "--output", str(output), *options.split()]


def run_result(output: Path) -> Result:
    frames: Result = {}
    for path in sorted(output.glob("*.traj")):
        for atoms in read(path, ":"):
            jump = f"{path.stem}, jump {atoms.info['tito_jump']}"
            if jump in frames:
                raise AssertionError(f"{jump} is there twice")
            frames[jump] = digest([atoms.positions.tolist(), atoms.get_momenta().tolist()])
            frames[jump] += digest(atoms.info)
    return frames | {"files": files(output)}


def run_pieces(output: Path) -> int:
    from ase_tito.dynamics.ulm import read_frames

    return sum(len(read_frames(path).offsets) for path in output.glob("*.traj"))


def train_words(output: Path) -> list[str]:
    configuration = Path(f"{output.name}.toml")
    configuration.write_text(TRAINING.format(output=output))
    resume = ["--resume"] if (output / "state.pt").exists() else []
    return ["train", str(configuration), "--quiet", *resume]


def train_result(output: Path) -> Result:
    from ase_tito.checkpoint import read_checkpoint

    header, weights = read_checkpoint(output / "toy.safetensors")
    with (output / "log.csv").open(newline="") as file:
        log = list(csv.DictReader(file))
    timed = ("seconds", "remaining_s")
    return {
        **{name: digest(value.numpy()) for name, value in weights.items()},
        **{
            f"header, {key}": value
            for key, value in header.training.items()
            if key not in ("training_time_s", "command", "commit")
        },
        "log": [{k: v for k, v in row.items() if k not in timed} for row in log],
        "files": files(output),
    }


def train_pieces(output: Path) -> int:
    import torch

    state = output / "state.pt"
    if not state.exists():
        return 0
    return int(torch.load(state, weights_only=True)["progress"]["step"])


def generate_words(output: Path) -> list[str]:
    Path("simulation.toml").write_text(SIMULATION)
    return ["generate", "simulation.toml", "--output", str(output), "--resume", "--quiet"]


def generate_result(output: Path) -> Result:
    from ase_tito.data import Dataset

    found: Result = {"files": files(output)}
    with Dataset(output / "dataset.h5") as dataset:
        found["splits"] = dataset.splits
        for record in dataset.records():
            for run in record.runs:
                where = f"{record.name}, {run.name}"
                found[where] = [len(run), digest(np.array(run.positions)), digest(run.energies)]
    manifest = json.loads((output / "manifest.json").read_text())
    return found | {"manifest": manifest["molecules"]}


def generate_pieces(output: Path) -> int:
    from ase_tito.md.run import frames_done

    return sum(frames_done(folder) for folder in output.glob("molecules/*/run-*"))


def evaluate_words(output: Path) -> list[str]:
    options = "--replicas 4 --jumps 40 --single-jumps 40 --lag-ps 50 --seed 2 --split all --quiet"
    return ["evaluate", MODEL, "md.h5", "--output", str(output), *options.split()]


def evaluate_result(output: Path) -> Result:
    """All numbers but times, which are the machine's."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: timeless(v) for k, v in value.items() if "ms_per_jump" not in k}
        if isinstance(value, list):
            return [timeless(v) for v in value if not _of_time(v)]
        return value

    data = timeless(json.loads((output / "evaluation.json").read_text()))
    return {**data, "files": files(output)}


def _of_time(value: Any) -> bool:
    return isinstance(value, dict) and any("ms_per_jump" in str(v) for v in value.values())


def evaluate_pieces(output: Path) -> int:
    return len(list(output.glob("molecules/*/*/*.npz")))


JOBS = {
    "run": Job(run_words, run_result, run_pieces),
    "train": Job(train_words, train_result, train_pieces),
    "generate": Job(generate_words, generate_result, generate_pieces),
    "evaluate": Job(evaluate_words, evaluate_result, evaluate_pieces),
}


def make_inputs(folder: Path) -> None:
    """Write what the jobs read."""
    from ase_tito.data import DatasetWriter, MoleculeRecord, Run
    from ase_tito.structure import graph_from_atoms, read_structure

    write_vibrating_ethanol(folder / "ethanol.npz")
    frames, bonds = read_structure(STRUCTURE)
    start = frames[0].positions - frames[0].positions.mean(0)
    graph = graph_from_atoms(frames[0], bonds)
    noise = np.random.default_rng(1).normal(size=(300, graph.n_atoms, 3))
    with DatasetWriter(folder / "md.h5") as writer:
        for k, name in enumerate(("one", "two")):
            x = start + 0.02 * np.roll(noise, k, 1)
            x -= x.mean(1, keepdims=True)
            run = Run("run-0", x.astype(np.float32), 10.0, 300.0)
            writer.add(MoleculeRecord(name, graph, (run,)))
