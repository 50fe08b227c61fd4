r"""Slower than the training data: what a training-length run misses, and what the model finds.

    python examples/paper/slower.py molecules molecules/dataset.h5 --work slower/ \
        --output docs/_static/paper-slower.png

Draws what Figure 3 of arXiv 2510.07589 draws. The dataset holds, of the same molecules, MD and
replica exchange (`exchange` of `ase-tito generate`), which is what all else is judged by:

- one MD run as long as those that the model was trained on,
- the model's nested jumps from that run's first frame, in the same number of frames,
- MD of 10 ps that starts from the model's samples, in the same number of frames again.

Molecules are taken by a rule. A torsion counts if replica exchange crosses between its two sides
20 times and has at least 5 % of the frames on either (--rarest). The slowest is the one that the
training-length run crosses least, and the molecule is taken if those crossings are fewer than 20,
which is what mixing means throughout; those that cross least come first.

Samples are kept in the --work folder, by model and molecule: a call that was stopped goes on.
"""

import argparse
import hashlib
import io
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from slower_figure import draw
from slower_judge import Case, judge, report

from ase_tito.atomic import write_atomically
from ase_tito.errors import DataError, TITOError
from ase_tito.evaluation import MoleculeReference, SampleStore, SamplingPlan, open_references
from ase_tito.evaluation.sampling import Sampler
from ase_tito.evaluation.slow_torsion import SlowTorsion, slowest_torsion
from ase_tito.graph import MolecularGraph
from ase_tito.md.guard import check_block
from ase_tito.md.langevin import GAS_CONSTANT, LangevinEngine
from ase_tito.md.mixing import telling_torsions
from ase_tito.md.settings import LangevinSettings
from ase_tito.md.solvent import named_solvent
from ase_tito.md.system import repartitioned_masses, set_masses, system_from_prmtop
from ase_tito.models import find_checkpoint, load_model
from ase_tito.transfer.implicit import ImplicitTransferOperator

REFINE_PS = 10.0


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Choose molecules by the rule, and sample them."""
    references = open_references([arguments.dataset], split=arguments.split)
    chosen: list[tuple[MoleculeReference, SlowTorsion, NDArray[np.float32]]] = []
    exchanged = 0
    for name in references.names:
        loaded = references.load(name)
        if loaded.dynamics is None or loaded.ordered:
            continue
        exchanged += 1
        frames = round(1000 * arguments.training_ns / loaded.dynamics.frame_spacing_ps)
        training = loaded.dynamics.runs[0].positions[:frames]
        slow = slowest_torsion(
            loaded.equilibrium,
            training,
            telling_torsions(loaded.equilibrium.graph),
            arguments.rarest,
        )
        if slow is not None:
            chosen.append((loaded, slow, training))
    if not chosen:
        raise DataError(
            f"{arguments.dataset}: {exchanged} molecules have replica exchange beside MD, and none"
            " of them is slower than the training data"
        )
    print(f"{len(chosen)} of {exchanged} molecules with replica exchange are slower than the data")
    chosen.sort(key=lambda case: (case[1].crossings, -min(case[1].populations)))
    operator = load_model(arguments.checkpoint)
    digest = hashlib.sha256(find_checkpoint(arguments.checkpoint).read_bytes()).hexdigest()
    return [
        sampled(operator, digest, *case, arguments=arguments)
        for case in chosen[: arguments.molecules]
    ]


def sampled(
    operator: ImplicitTransferOperator,
    digest: str,
    loaded: MoleculeReference,
    slow: SlowTorsion,
    training: NDArray[np.float32],
    *,
    arguments: argparse.Namespace,
) -> Case:
    """Nested jumps from the run's first frame, and short MD from them; both are kept."""
    graph, temperature = loaded.equilibrium.graph, loaded.equilibrium.temperature_K
    key = {
        "model": digest,
        "start": hashlib.sha256(training[0].tobytes()).hexdigest(),
        "lag_time_ps": arguments.lag_ps,
        "replicas": arguments.replicas,
        "seed": arguments.seed,
    }
    store = SampleStore(arguments.work / loaded.name, key)
    plan = SamplingPlan(arguments.replicas, arguments.jumps, 0, arguments.lag_ps)
    options = {"temperature_K": temperature, "seed": arguments.seed}
    sampler = Sampler(operator, graph, plan, store, options)
    samples = sampler.nested(np.repeat(training[:1], arguments.replicas, 0))
    prmtop = arguments.dataset.parent / "molecules" / loaded.name / "system.prmtop"
    solvent = named_solvent(loaded.force_field)
    suffix = "-OBC2" if solvent == "OBC2" else ""
    path = store.path / f"refined-{arguments.jumps}-{arguments.starts}{suffix}.npz"
    if not path.exists():
        every = samples.frames
        starts = every[(np.arange(arguments.starts) * len(every)) // arguments.starts]
        began = time.perf_counter()
        frames = refined(prmtop, solvent, graph, starts, temperature, arguments.seed)
        spent = time.perf_counter() - began
        content = io.BytesIO()
        np.savez(content, frames=frames, s_per_ns=1e6 * spent / (REFINE_PS * len(starts) * 1000))
        write_atomically(path, content.getvalue())
    with np.load(path) as stored:
        return Case(
            loaded,
            slow,
            training,
            samples,
            stored["frames"],
            float(stored["s_per_ns"]),
            arguments.lag_ps,
        )


def refined(
    prmtop: Path,
    solvent: str | None,
    graph: MolecularGraph,
    starts: NDArray[np.float32],
    temperature_K: float,
    seed: int,
) -> NDArray[np.float32]:
    """Frames, one a picosecond, of Langevin dynamics of 10 ps from each of the starts (S, n, 3).

    In vacuum, or the implicit solvent that is given. Without minimization, which would take the
    start out of its ensemble; velocities are Maxwell's.
    """
    settings = LangevinSettings(temperature_K=temperature_K, equilibration_ps=0)
    system = system_from_prmtop(prmtop, implicit_solvent=solvent)
    masses = repartitioned_masses(graph, settings.hydrogen_mass_amu)
    set_masses(system, masses)
    engine = LangevinEngine(system, settings)
    generator = np.random.default_rng(seed)
    width = np.sqrt(GAS_CONSTANT * temperature_K / masses)[:, None]  # nm/ps
    frames = settings.frames(REFINE_PS)
    blocks = []
    for start in starts:
        state = {
            "positions_nm": 0.1 * start.astype(float),
            "velocities_nm_per_ps": width * generator.normal(size=start.shape),
        }
        block_seed = int(generator.integers(1, 2**31))
        try:
            block = engine.block(state, block_seed, frames, lambda _: None)
            check_block(block.positions, block.energies, graph)
        except DataError:  # a sample that falls apart is no sample: fewer frames say so
            continue
        blocks.append(block.positions)
    if not blocks:
        raise DataError(f"{prmtop}: MD falls apart from every start; are its atoms in this order?")
    return np.concatenate(blocks)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="a model's name or file")
    parser.add_argument("dataset", type=Path, help="with MD and replica exchange (.h5)")
    parser.add_argument("--split", default="test", help="of the dataset (default: test)")
    parser.add_argument("--work", type=Path, default=Path("slower"), help="where samples are kept")
    parser.add_argument("--output", type=Path, default=Path("slower.png"))
    parser.add_argument("--molecules", type=int, default=6, help="at most (default: 6)")
    parser.add_argument("--rarest", type=float, default=0.05, help="share of the rarer side")
    parser.add_argument("--training-ns", type=float, default=2.0, help="length of a training run")
    parser.add_argument("--lag-ps", type=float, default=1000.0, help="of the jumps")
    parser.add_argument("--replicas", type=int, default=64)
    parser.add_argument("--jumps", type=int, default=40, help="of each replica")
    parser.add_argument("--starts", type=int, default=256, help="of MD from the model's samples")
    parser.add_argument("--bins", type=int, default=30, help="along each TICA component")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        judged = [judge(case, arguments.bins, arguments.seed) for case in cases(arguments)]
    except TITOError as error:
        parser.error(str(error))
    print(report(judged))
    draw(judged, arguments.bins).savefig(arguments.output, dpi=200)
    print(arguments.output)


if __name__ == "__main__":
    main()
