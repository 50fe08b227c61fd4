"""Walk alanine dipeptide in jumps of 100 ps, and lay its Ramachandran plot beside that of MD.

    python examples/demo.py --output demo-output

Runs the shipped model with `ase-tito run`, then measures what came out against two MD runs of 20
and 16 ns of the same force field, whose torsions are in examples/data.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
from ase.io import Trajectory
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from ase_tito.analysis.bootstrap import block_bootstrap
from ase_tito.analysis.divergence import torsion_divergence
from ase_tito.analysis.floor import EqualCounts, at_equal_counts
from ase_tito.analysis.histograms import torsion_histogram
from ase_tito.analysis.internals import dihedrals
from ase_tito.analysis.torsions import peptide_torsions
from ase_tito.structure import graph_from_atoms, read_structure

DATA = Path(__file__).parent / "data"
PDB = DATA / "alanine-dipeptide.pdb"
LAG_PS = 100
TEMPERATURE_K = 300
ON_THE_WAY = 5
"""First jumps of each replica, still on their way from the one conformation all start from."""


def sample(output: Path, replicas: int, jumps: int, seed: int) -> tuple[list[Path], float]:
    """Run `ase-tito run`; the trajectories of all replicas, and the wall time in seconds."""
    output.mkdir(parents=True, exist_ok=True)
    here = Path.cwd()
    words = [
        *("ase-tito", "run", PDB.relative_to(here) if PDB.is_relative_to(here) else PDB),
        *("--model", "alanine-dipeptide", "--lag-ps", LAG_PS, "--jumps", jumps),
        *("--replicas", replicas, "--temperature-K", TEMPERATURE_K, "--seed", seed),
        *("--output", output / "trajectories", "--overwrite"),
    ]
    command = [str(word) for word in words]
    print("$", *command, flush=True)
    start = time.perf_counter()
    # Its summary goes into the table below; its progress bar and errors show.
    done = subprocess.run(
        [sys.executable, "-m", "ase_tito.cli", *command[1:]], stdout=subprocess.DEVNULL
    )
    if done.returncode:
        sys.exit(done.returncode)
    return sorted((output / "trajectories").glob("*.traj")), time.perf_counter() - start


def read_model(paths: list[Path]) -> tuple[np.ndarray, int]:
    """(φ, ψ) of all replicas in radians, (replicas, frames, 2), and the invalid first proposals."""
    structures, bonds = read_structure(PDB)
    graph = graph_from_atoms(structures[0], bonds)
    named = {t.kind: t.atoms for t in peptide_torsions(graph.atomic_numbers, graph.bonds)}
    angles, invalid = [], 0
    for path in paths:
        with Trajectory(path) as frames:
            positions = np.stack([frame.positions for frame in frames])
            invalid += frames[-1].info["tito_invalid_first_proposals"]
        angles.append(dihedrals(positions, [named["phi"], named["psi"]]))
    return np.stack(angles), invalid


def read_md() -> list[np.ndarray]:
    """(φ, ψ) of each MD run in radians, (frames, 2), a frame each ps."""
    with np.load(DATA / "alanine-dipeptide-md.npz") as md:
        return [np.radians(md[name] / 100) for name in ("run1", "run2")]


def compare(md: list[np.ndarray], model: np.ndarray) -> EqualCounts:
    """JSD of the model against one half of the MD, beside that of the other half of the MD."""
    by_time = model.swapaxes(0, 1).reshape(-1, 2)
    return at_equal_counts(
        md,
        by_time,
        lambda one, other: torsion_divergence(one, other).jsd,
        block_length=1000,
        generator=np.random.default_rng(0),
    )


def positive_phi(trajectories: list[np.ndarray], block_length: int) -> str:
    """Share of φ > 0 with its 95 % interval, as text."""
    share = block_bootstrap(
        trajectories,
        lambda frames: 100 * (frames[:, 0] > 0).mean(),
        block_length,
        generator=np.random.default_rng(0),
    )
    return f"{share.estimate:.2f} % [{share.low:.2f}, {share.high:.2f}]"


def free_energy(angles: np.ndarray, bins: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Grid in degrees, and -ln of the density in kT there, smoothed over 8° (a Gaussian's σ)."""
    counts = torsion_histogram(angles, bins)
    with np.errstate(divide="ignore"):
        surface = -np.log(gaussian_filter(counts.probabilities, 8 / (360 / bins), mode="wrap"))
    # One more ring of bins on either side: contours reach the edges of the periodic plot.
    grid = np.arange(-0.5, bins + 1) * (360 / bins) - 180
    return grid, np.pad(surface - surface.min(), 1, mode="wrap")


def draw(panels: dict[str, tuple[np.ndarray, str]]) -> Figure:
    """Free-energy surfaces side by side: title to angles (frames, 2) and a note."""
    with matplotlib.rc_context({"font.size": 8, "axes.titlesize": 9, "axes.linewidth": 0.6}):
        figure = Figure(figsize=(6.9, 3.2), layout="constrained")
        axes = figure.subplots(1, len(panels), sharex=True, sharey=True)
        for axis, (title, (angles, note)) in zip(axes, panels.items(), strict=True):
            grid, surface = free_energy(angles)
            bounded = np.minimum(surface, 100).T
            filled = axis.contourf(grid, grid, bounded, np.arange(0, 6.01, 0.5), cmap="YlGnBu_r")
            axis.contour(grid, grid, bounded, range(1, 7), colors="k", linewidths=0.35, alpha=0.55)
            axis.set(xlim=(-180, 180), ylim=(-180, 180), aspect="equal", title=title)
            axis.set(xticks=range(-180, 181, 90), yticks=range(-180, 181, 90), xlabel="φ (degrees)")
            axis.text(
                *(0.9, 0.96, note), transform=axis.transAxes, ha="right", va="top", color="0.35"
            )
        axes[0].set_ylabel("ψ (degrees)")
        label = "free energy ($k_\\mathrm{B}T$)"
        bar = figure.colorbar(filled, ax=list(axes), label=label, ticks=range(7), pad=0.02)
        bar.outline.set_linewidth(0.6)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder")
    parser.add_argument("--replicas", type=int, default=64, help="walkers in one batch")
    parser.add_argument("--jumps", type=int, default=50, help="jumps of 100 ps of each replica")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    paths, wall_s = sample(arguments.output, arguments.replicas, arguments.jumps, arguments.seed)
    walks, invalid = read_model(paths)
    model, md = walks[:, 1 + ON_THE_WAY :], read_md()
    result = compare(md, model)

    jumps = arguments.replicas * arguments.jumps
    simulated_ns = jumps * LAG_PS / 1000
    rows = {
        "jumps": f"{jumps:,} ({arguments.replicas} replicas x {arguments.jumps})",
        "simulated time": f"{simulated_ns:,.4g} ns",
        "wall time": f"{wall_s:.0f} s, loading and writing included",
        "speed": f"{simulated_ns / wall_s * 86400:,.0f} ns/day",
        "invalid first proposals": f"{invalid} ({100 * invalid / jumps:.2f} %)",
        "φ/ψ JSD, model against MD": f"{result.model.mean:.3f}",
        "φ/ψ JSD, MD against MD": f"{result.floor.mean:.3f}  (the floor: at the same counts, "
        f"{result.floor.n_reference:,} and {result.floor.n_model:,} frames)",
        "φ > 0, model": positive_phi(list(model), model.shape[1]),
        "φ > 0, MD": positive_phi(md, 1000),
    }
    print()
    for name, value in rows.items():
        print(f"{name:<26} {value}")

    figure = draw(
        {
            "Molecular dynamics": (np.concatenate(md), "36 ns"),
            f"Model, jumps of {LAG_PS} ps": (model.reshape(-1, 2), f"{model.size // 2:,} jumps"),
        }
    )
    plot = arguments.output / "ramachandran.png"
    figure.savefig(plot, dpi=300)
    figure.savefig(plot.with_suffix(".pdf"))
    print(
        f"\nTrajectories: {paths[0].parent}, for instance: ase gui {paths[0]}\nFigure:       {plot}"
    )


if __name__ == "__main__":
    main()
