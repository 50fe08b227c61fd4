"""Speed and learning of the network beside a second implementation, in one process, alternating.

    python benchmarks/network.py --other FILE.py:CLASS [--train DATA.npz --pairs 16000]

CLASS() is a torch module that maps (s, z, x, log lag, atomic numbers, topological distances, mask)
to velocities. Prints the parameters of both, and ratios of medians (above 1: ours is faster);
with --train also the validation loss of both after the same training pairs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from ase_tito.data import LaggedPairs, PairBatch, read_npz
from ase_tito.flow.frame import ConditionFrame
from ase_tito.flow.path import linear_path
from ase_tito.flow.source import HarmonicSource
from ase_tito.graph import GraphBatch
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.structure import graph_from_atoms, read_structure
from ase_tito.train.randomness import TRAINING, VALIDATION, draw_step, step_generator
from ase_tito.train.schedule import learning_rate_factor

STRUCTURE = Path(__file__).parents[1] / "examples" / "data" / "alanine-dipeptide.pdb"
Predict = Callable[[PairBatch, Tensor, Tensor], Tensor]


def ours(network: EquivariantVelocity) -> Predict:
    def predict(pairs: PairBatch, z: Tensor, s: Tensor) -> Tensor:
        return network(z, s, network.encode(pairs.graphs, pairs.condition, pairs.lag_time))

    return predict


def other(network: nn.Module) -> Predict:
    def predict(pairs: PairBatch, z: Tensor, s: Tensor) -> Tensor:
        b = pairs.graphs
        numbers, distances = b.atomic_numbers[b.index], b.topological_distances[b.index]
        mask = b.mask.to(z.dtype)
        velocity: Tensor = network(
            s, z, pairs.condition, pairs.lag_time.log(), numbers, distances, mask
        )
        return velocity

    return predict


def load_class(reference: str) -> type[nn.Module]:
    """The class that PATH.py:CLASS names."""
    path, _, name = reference.rpartition(":")
    spec = importlib.util.spec_from_file_location("second_implementation", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded: type[nn.Module] = getattr(module, name)
    return loaded


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratio(
    first: Callable[[], object], second: Callable[[], object], rounds: int
) -> dict[str, float]:
    """Median seconds of two functions called in turn, and second / first."""
    times = [(timed(first), timed(second)) for _ in range(rounds + 2)][2:]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    return {"ours_s": medians[0], "other_s": medians[1], "ratio": medians[1] / medians[0]}


def random_pairs(count: int, generator: torch.Generator) -> tuple[PairBatch, Tensor, Tensor]:
    frames, bonds = read_structure(STRUCTURE)
    graph = graph_from_atoms(frames[0], bonds)
    x = torch.from_numpy(frames[0].positions).float()
    x = (x - x.mean(0)).expand(count, -1, -1).contiguous()
    z = torch.randn(x.shape, generator=generator)
    lag = torch.full((count,), 100.0)
    pairs = PairBatch(GraphBatch.replicate(graph, count), x, x, lag, torch.full((count,), 300.0))
    return pairs, z, torch.rand(count, generator=generator)


def compare_speed(
    network: EquivariantVelocity, rival: nn.Module, rounds: int
) -> list[dict[str, object]]:
    generator = torch.Generator().manual_seed(0)
    rows: list[dict[str, object]] = []
    for batch in (16, 32, 64):
        arguments = random_pairs(batch, generator)

        def train(predict: Predict, module: nn.Module, arguments: tuple = arguments) -> None:
            module.zero_grad()
            predict(*arguments).square().mean().backward()

        row = ratio(
            lambda train=train: train(ours(network), network),
            lambda train=train: train(other(rival), rival),
            rounds,
        )
        rows.append({"what": "training step", "batch": batch, **row})
    with torch.inference_mode():
        for batch in (1, 64):
            pairs, z, s = random_pairs(batch, generator)
            context = network.encode(pairs.graphs, pairs.condition, pairs.lag_time)
            row = ratio(
                lambda z=z, s=s, context=context: network(z, s, context),
                lambda pairs=pairs, z=z, s=s: other(rival)(pairs, z, s),
                4 * rounds,
            )
            rows.append({"what": "evaluation", "batch": batch, **row})
    return rows


def train(
    predict: Predict,
    module: nn.Module,
    path: str,
    count: int,
    learning_rate: float,
    batch: int = 32,
) -> float:
    """Validation loss in Å² after `count` pairs, the same for every network."""
    first, last = read_npz(path).split(0.1)
    frame, source = ConditionFrame(), HarmonicSource()
    optimizer = torch.optim.AdamW(
        module.parameters(), learning_rate, (0.9, 0.99), weight_decay=1e-4
    )

    def losses(pairs: LaggedPairs, purpose: int, step: int) -> Tensor:
        rng = step_generator(0, purpose, step)
        drawn, noise, s, _ = draw_step(pairs, batch, rng, 0.8, 1.2)
        project = frame.projector(drawn.condition, drawn.graphs.mask)
        target = frame.align(drawn.target, drawn.condition)
        z, velocity = linear_path(project(source.sample(drawn.graphs, noise)), target, s)
        error = project(predict(drawn, z, s)) - velocity
        return error.square().sum((1, 2)) / drawn.graphs.n_atoms

    training, validation = (LaggedPairs([part], (1.0, 1000.0)) for part in (first, last))
    steps = count // batch
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * learning_rate_factor(step, 200, steps)
        optimizer.zero_grad()
        losses(training, TRAINING, step).mean().backward()
        nn.utils.clip_grad_norm_(module.parameters(), 2.0)
        optimizer.step()
    with torch.no_grad():
        return float(torch.cat([losses(validation, VALIDATION, k) for k in range(64)]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", required=True, metavar="FILE.py:CLASS")
    parser.add_argument(
        "--train", metavar="DATA.npz", help="also compare losses on this trajectory"
    )
    parser.add_argument("--pairs", type=int, default=16000, help="training pairs for --train")
    parser.add_argument(
        "--learning-rates", type=float, nargs=2, default=(4e-3, 2e-3), metavar=("OURS", "OTHER")
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write the results here too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network, rival = EquivariantVelocity(VelocityConfig()), load_class(options.other)()
    parameters = [sum(p.numel() for p in module.parameters()) for module in (network, rival)]
    print(f"parameters: ours {parameters[0]}, other {parameters[1]}; {options.threads} threads")
    rows = compare_speed(network, rival, options.rounds)
    for row in rows:
        print(
            f"{row['what']:14s} batch {row['batch']:3d}: ours {row['ours_s']:.4f} s, "
            f"other {row['other_s']:.4f} s, ratio {row['ratio']:.2f}"
        )
    results: dict[str, object] = {"parameters": parameters, "speed": rows}
    if options.train:
        rates = options.learning_rates
        loss = [
            train(ours(network), network, options.train, options.pairs, rates[0]),
            train(other(rival), rival, options.train, options.pairs, rates[1]),
        ]
        print(
            f"validation loss after {options.pairs} pairs: ours {loss[0]:.4f}, other {loss[1]:.4f}"
        )
        results["validation_loss_A2"] = loss
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    sys.exit(main())
