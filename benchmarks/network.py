"""Speed and learning of the network beside a second implementation, in one process, alternating.

    python benchmarks/network.py [--other FILE.py:CLASS] [--train DATA.npz --pairs 16000]

CLASS() is a torch module that maps (s, z, x, log lag, atomic numbers, topological distances, mask)
to velocities. Prints the parameters of both, and ratios of medians (above 1: ours is faster);
with --train also the validation loss of both after the same training pairs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ase_tito.data import LaggedPairs, PairBatch, read_npz
from ase_tito.data.pairs import longest_lag_ps
from ase_tito.flow.frame import ConditionFrame
from ase_tito.flow.path import linear_path
from ase_tito.flow.source import HarmonicSource
from ase_tito.graph import GraphBatch
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.nn.velocity import Context
from ase_tito.structure import graph_from_atoms, read_structure
from ase_tito.train.randomness import TRAINING, VALIDATION, draw_step, step_generator
from ase_tito.train.schedule import learning_rate_factor

STRUCTURE = Path(__file__).parents[1] / "examples" / "data" / "alanine-dipeptide.pdb"
Inputs = tuple[PairBatch, Tensor, Tensor]
Predict = Callable[[PairBatch, Tensor, Tensor], Tensor]
Run = Callable[[], object]


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


def alternating(first: Run, second: Run | None, rounds: int) -> dict[str, float]:
    """Median seconds of two functions called in turn, and second / first."""
    times: list[tuple[float, ...]] = [
        tuple(timed(run) for run in (first, second) if run is not None) for _ in range(rounds + 2)
    ][2:]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    if len(medians) == 1:
        return {"ours_s": medians[0]}
    return {"ours_s": medians[0], "other_s": medians[1], "ratio": medians[1] / medians[0]}


def random_pairs(count: int, generator: torch.Generator) -> Inputs:
    frames, bonds = read_structure(STRUCTURE)
    graph = graph_from_atoms(frames[0], bonds)
    x = torch.from_numpy(frames[0].positions).float()
    x = (x - x.mean(0)).expand(count, -1, -1).contiguous()
    z = torch.randn(x.shape, generator=generator)
    lag = torch.full((count,), 100.0)
    pairs = PairBatch(GraphBatch.replicate(graph, count), x, x, lag, torch.full((count,), 300.0))
    return pairs, z, torch.rand(count, generator=generator)


def training_step(predict: Predict, module: nn.Module, inputs: Inputs) -> None:
    module.zero_grad()
    predict(*inputs).square().mean().backward()


def evaluation(network: EquivariantVelocity, context: Context, z: Tensor, s: Tensor) -> None:
    network(z, s, context)


def compare_speed(
    network: EquivariantVelocity, rival: nn.Module | None, rounds: int
) -> list[dict[str, Any]]:
    """Rows of medians: training steps, and evaluations with the condition encoded before."""
    generator = torch.Generator().manual_seed(0)
    rows: list[dict[str, Any]] = []
    for batch in (16, 32, 64):
        inputs = random_pairs(batch, generator)
        mine: Run = partial(training_step, ours(network), network, inputs)
        theirs: Run | None = None
        if rival is not None:
            theirs = partial(training_step, other(rival), rival, inputs)
        rows.append({"what": "training step", "batch": batch, **alternating(mine, theirs, rounds)})
    with torch.inference_mode():
        for batch in (1, 64):
            pairs, z, s = random_pairs(batch, generator)
            context = network.encode(pairs.graphs, pairs.condition, pairs.lag_time)
            mine = partial(evaluation, network, context, z, s)
            theirs = None if rival is None else partial(other(rival), pairs, z, s)
            row = alternating(mine, theirs, 4 * rounds)
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

    training, validation = (
        LaggedPairs([part], (1.0, min(1000.0, longest_lag_ps(part)))) for part in (first, last)
    )
    steps = count // batch
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * learning_rate_factor(step, 200, step / steps)
        optimizer.zero_grad()
        losses(training, TRAINING, step).mean().backward()
        nn.utils.clip_grad_norm_(module.parameters(), 2.0)
        optimizer.step()
    with torch.no_grad():
        return float(torch.cat([losses(validation, VALIDATION, k) for k in range(64)]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--other", metavar="FILE.py:CLASS", help="the second implementation")
    parser.add_argument("--train", metavar="DATA.npz", help="compare losses on it as well")
    parser.add_argument("--pairs", type=int, default=16000, help="training pairs for --train")
    parser.add_argument(
        "--learning-rates", type=float, nargs=2, default=(6e-3, 2e-3), metavar=("OURS", "OTHER")
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write the results here too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    network = EquivariantVelocity(VelocityConfig())
    modules: dict[str, nn.Module] = {"ours": network}
    predictions = {"ours": ours(network)}
    if options.other:
        modules["other"] = load_class(options.other)()
        predictions["other"] = other(modules["other"])
    parameters = {name: sum(p.numel() for p in m.parameters()) for name, m in modules.items()}
    print(f"{options.threads} threads; parameters: {parameters}")
    rows = compare_speed(network, modules.get("other"), options.rounds)
    for row in rows:
        times = ", ".join(
            f"{key} {value:.4f}" for key, value in row.items() if key not in ("what", "batch")
        )
        print(f"{row['what']:14s} batch {row['batch']:3d}: {times}")
    results: dict[str, object] = {"parameters": parameters, "speed": rows}
    if options.train:
        losses = {
            name: train(predictions[name], module, options.train, options.pairs, rate)
            for (name, module), rate in zip(modules.items(), options.learning_rates, strict=False)
        }
        print(f"validation loss in Å² after {options.pairs} pairs: {losses}")
        results["validation_loss_A2"] = losses
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
