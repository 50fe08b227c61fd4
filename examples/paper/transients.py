"""From one frame to equilibrium: conditional densities at growing lags, and local structure.

    python examples/paper/transients.py molecules molecules/dataset.h5 NAME --output transients.png

Draws what Figure 4 of arXiv 2510.07589 draws, for one molecule of a dataset with MD that mixes.
Above: the slowest torsion at growing lags after one frame, from single jumps of the model and from
a Markov state model of the MD. Below: a bond length, an angle, and (with --prmtop) energies
after single jumps of the longest lag, beside MD's; they are in the solvent that the dataset's force
field names. The longest lag is the model's, unless lags are given.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from ase_tito.analysis import (
    Transient,
    angles,
    bonded_triples,
    dihedrals,
    distances,
    k_means,
    markov_model,
    markov_transient,
    proper_torsions,
    sampled_transient,
    sine_cosine,
    statistical_inefficiency,
    torsion_atoms,
    transient_agreement,
)
from ase_tito.analysis.report.drawing import MODEL_COLOUR, REFERENCE_COLOUR, STYLE
from ase_tito.analysis.torsions import Torsion
from ase_tito.errors import TITOError
from ase_tito.evaluation import Reference, sample_jumps
from ase_tito.evaluation.references import open_references
from ase_tito.md.energies import EV_PER_KJ_MOL, potential_energies
from ase_tito.md.solvent import named_solvent
from ase_tito.md.system import system_from_prmtop
from ase_tito.models import load_model
from ase_tito.transfer.implicit import ImplicitTransferOperator

STATES = 24
MARKOV_LAG_PS = 10.0
BINS = 48
LAGS_PS = (10.0, 50.0, 200.0)
"""And the longest that the model knows."""


def slowest_torsion(reference: Reference) -> tuple[Torsion, list[np.ndarray]]:
    """The torsion that remembers longest, and its values in each run (radians)."""
    torsions = proper_torsions(reference.graph.atomic_numbers, reference.graph.bonds)
    values = reference.torsions(torsion_atoms(torsions))
    memory = [
        max(
            statistical_inefficiency([function(run[:, k]) for run in values])
            for function in (np.sin, np.cos)
        )
        for k in range(len(torsions))
    ]
    slowest = int(np.argmax(memory))
    return torsions[slowest], [run[:, slowest] for run in values]


def relaxation(
    operator: ImplicitTransferOperator,
    reference: Reference,
    torsion: Torsion,
    values: list[np.ndarray],
    lags_ps: list[float],
    samples: int,
) -> tuple[Transient, Transient, list[np.ndarray]]:
    """Transients of MD's Markov model and of the model, and the model's frames at each lag."""
    circles = [sine_cosine(run[:, None]) for run in values]
    clusters = k_means(circles, STATES, seed=0)
    states = [clusters.assign(run) for run in circles]
    markov = markov_model(
        states, frame_spacing_ps=reference.frame_spacing_ps, lag_time_ps=MARKOV_LAG_PS
    )
    # The start: where the slowest process has its rarer end.
    rates, modes = np.linalg.eig(markov.transition_matrix)
    mode = modes[:, np.argsort(-rates.real)[1]].real
    ends = (int(mode.argmin()), int(mode.argmax()))
    start = markov.states[min(ends, key=lambda row: markov.stationary[row])]
    run, frame = next(
        (run, int(found[len(found) // 2]))
        for run, found in enumerate(np.flatnonzero(s == start) for s in states)
        if len(found)
    )
    first = reference.runs[run].positions[frame]
    edges = [np.linspace(-np.pi, np.pi, BINS + 1)]
    frames = []
    for lag_ps in lags_ps:
        drawn = sample_jumps(
            operator,
            reference.graph,
            np.repeat(first[None], samples, 0),
            lag_ps,
            temperature_K=reference.temperature_K,
            seed=0,
        )
        frames.append(drawn.frames[drawn.first_valid[0]])
    atoms = torsion_atoms([torsion])
    model = sampled_transient([dihedrals(part, atoms) for part in frames], lags_ps, edges)
    expected = markov_transient(
        markov,
        [run[:, None] for run in values],
        states,
        int(start),
        lag_times_ps=lags_ps,
        edges=edges,
    )
    return expected, model, frames


def energies_kJ_mol(prmtop: Path, force_field: str, *parts: np.ndarray) -> list[np.ndarray]:
    """Potential energies of frames in kJ/mol, in the solvent that the force field names."""
    system = system_from_prmtop(prmtop, implicit_solvent=named_solvent(force_field))
    return [potential_energies(system, part) / EV_PER_KJ_MOL for part in parts]


def draw(arguments: argparse.Namespace) -> Figure:
    """Sample, compare, and draw."""
    loaded = open_references([arguments.dataset], split="all").load(arguments.molecule)
    reference = loaded.dynamics or loaded.equilibrium
    operator = load_model(arguments.checkpoint)
    torsion, values = slowest_torsion(reference)
    longest_ps = operator.domain.lag_range_ps[1]
    lags_ps = arguments.lags_ps or [*(lag for lag in LAGS_PS if lag < longest_ps), longest_ps]
    expected, model, frames = relaxation(
        operator, reference, torsion, values, lags_ps, arguments.samples
    )
    agreements = transient_agreement(expected, model, generator=np.random.default_rng(0))
    md = reference.frames
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2 * len(lags_ps), 4), layout="constrained")
        above, below = np.asarray(figure.subfigures(2, 1))
        axes = above.subplots(1, len(lags_ps), sharey=True)
        for axis, lag_ps, first, second, found in zip(
            axes,
            lags_ps,
            expected.histograms,
            model.histograms,
            agreements,
            strict=True,
        ):
            degrees = np.degrees(first.edges[0])
            axis.stairs(first.probabilities, degrees, fill=True, color=REFERENCE_COLOUR, alpha=0.25)
            axis.stairs(second.probabilities, degrees, color=MODEL_COLOUR)
            axis.set(title=f"{lag_ps:g} ps", xlabel="torsion, degrees", xticks=(-180, 0, 180))
            print(
                f"{lag_ps:6g} ps  JSD {found.divergence.jsd:.4f}  floor {found.floor.mean:.4f}"
                f"  ({second.samples} samples)"
            )
        axes[0].set_ylabel("probability")
        above.suptitle(
            f"{loaded.name}: {torsion.name} after one frame (grey: MSM of MD; line: model)"
        )
        last = frames[-1]
        bond = reference.graph.bonds[0]
        triple = bonded_triples(reference.graph.n_atoms, reference.graph.bonds)[0]
        panels = [
            ("bond length, Å", distances(md, [bond])[:, 0], distances(last, [bond])[:, 0]),
            (
                "angle, degrees",
                np.degrees(angles(md, [triple])[:, 0]),
                np.degrees(angles(last, [triple])[:, 0]),
            ),
        ]
        if arguments.prmtop:
            thin = md[:: max(1, len(md) // len(last))]
            of_md, of_model = energies_kJ_mol(arguments.prmtop, loaded.force_field, thin, last)
            panels.append(("potential energy, kJ/mol", of_md, of_model))
        for axis, (label, of_md, of_model) in zip(
            np.atleast_1d(below.subplots(1, len(panels))), panels, strict=True
        ):
            low, high = np.quantile(of_md, (0.0005, 0.9995))
            edges = np.linspace(low, high, 40)
            axis.hist(of_md, edges, density=True, color=REFERENCE_COLOUR, alpha=0.25)
            axis.hist(of_model, edges, density=True, color=MODEL_COLOUR, histtype="step")
            axis.set(xlabel=label, yticks=[])
            print(
                f"{label}: MD {np.mean(of_md):.3f} ± {np.std(of_md):.3f},"
                f" model {np.mean(of_model):.3f} ± {np.std(of_model):.3f}"
            )
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="a model's name or file")
    parser.add_argument("dataset", type=Path, help="dataset with MD of the molecule (.h5)")
    parser.add_argument("molecule", help="its name in the dataset")
    parser.add_argument("--lags-ps", type=float, nargs="+", help="in ps")
    parser.add_argument("--samples", type=int, default=3000, help="jumps at each lag")
    parser.add_argument("--prmtop", type=Path, help="Amber topology of the molecule, for energies")
    parser.add_argument("--output", type=Path, default=Path("transients.png"))
    arguments = parser.parse_args()
    try:
        draw(arguments).savefig(arguments.output, dpi=200)
    except TITOError as error:
        parser.error(str(error))
    print(arguments.output)


if __name__ == "__main__":
    main()
