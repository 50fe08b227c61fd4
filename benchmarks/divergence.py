"""What the exact divergence of a model's velocity costs, in ways that give the same number.

    python benchmarks/divergence.py [MODEL] [--batch 1 4] [--chunks 1 8 32 64] [--json FILE]

Times are of one process, alternating, in units of one evaluation of the velocity: reverse mode (one
evaluation pulled back along all directions, in chunks: what the package does), forward mode (pushed
forward along them), and a loop over directions. Also counted are the divergences and velocities of
one log-density by quadrature, and by integrating velocity and divergence together (dopri5).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ase_tito.flow.density import Quadrature
from ase_tito.flow.divergence import basis_directions, divergence
from ase_tito.flow.ode import OdeSettings, integrate
from ase_tito.models import load_model
from ase_tito.structure import graph_from_atoms, read_structure
from ase_tito.transfer.implicit import DENSITY_ODE
from ase_tito.transfer.metropolis import in_double_precision
from ase_tito.transfer.start import draw_start

STRUCTURE = Path(__file__).parents[1] / "examples" / "data" / "alanine-dipeptide.pdb"
Velocity = Callable[[Tensor, Tensor], Tensor]


def forward_mode(velocity: Velocity, z: Tensor, s: Tensor, directions: Tensor, size: int) -> Tensor:
    def along(direction: Tensor) -> Tensor:
        pushed = torch.func.jvp(lambda at: velocity(at, s), (z,), (direction,))[1]
        return (pushed * direction).sum((1, 2))

    return torch.vmap(along, chunk_size=size)(directions).sum(0)


def one_by_one(velocity: Velocity, z: Tensor, s: Tensor, directions: Tensor) -> Tensor:
    pull_back = torch.func.vjp(lambda at: velocity(at, s), z)[1]
    return torch.stack([(pull_back(d)[0] * d).sum((1, 2)) for d in directions]).sum(0)


def timed(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratios(ways: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, float]:
    """Median times of functions called in turn, over that of the first."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(rounds + 1):
        for name, way in ways.items():
            seconds = timed(way)
            if round_number:  # the first warms up
                times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    first = next(iter(medians.values()))
    return {name: value / first for name, value in medians.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="alanine-dipeptide", help="of this molecule")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--chunks", type=int, nargs="+", default=[8, 32, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write the results here too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    operator = in_double_precision(load_model(options.model))
    frames, bonds = read_structure(STRUCTURE)
    graph = graph_from_atoms(frames[0], bonds)
    rows: list[dict[str, Any]] = []
    with torch.no_grad():
        for batch in options.batch:
            x = torch.from_numpy(frames[0].positions).expand(batch, -1, -1).contiguous()
            jump = operator.prepare(graph, x, 100.0)
            directions = basis_directions(operator.frame.basis(jump.x, jump.batch.mask))
            noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
            z, s = jump.x + 0.05 * noise, torch.full((batch,), 0.9, dtype=torch.float64)
            point = jump.velocity, z, s, directions
            ways: dict[str, Callable[[], Tensor]] = {
                "velocity": lambda j=jump, z=z, s=s: j.velocity(z, s),  # type: ignore[misc]
                "one by one": lambda p=point: one_by_one(*p),  # type: ignore[misc]
            }
            for size in options.chunks:
                ways[f"reverse, chunks of {size}"] = (
                    lambda p=point, c=size: divergence(*p, chunk_size=c)  # type: ignore[misc]
                )
                ways[f"forward, chunks of {size}"] = (
                    lambda p=point, c=size: forward_mode(*p, size=c)  # type: ignore[misc]
                )
            values = [way() for name, way in ways.items() if name != "velocity"]
            difference = max(float((value - values[0]).abs().max()) for value in values)
            found = ratios(ways, options.rounds)
            rows.append({"batch": batch, "largest_difference": difference, "ratios": found})
            print(f"batch {batch}, {len(directions)} directions; ways differ by {difference:.1e}")
            for name, ratio in found.items():
                print(f"  {name:24s} {ratio:8.1f}")
        start = draw_start(operator.source, jump, noise.double())
        adaptive = OdeSettings("dopri5", rtol=DENSITY_ODE.rtol, atol=DENSITY_ODE.atol)
        together = integrate(jump.velocity, start, adaptive, jump.batch.mask).evaluations
    quadrature = Quadrature()
    counts = {
        "quadrature": {"divergences": quadrature.nodes, "velocities": quadrature.evaluations},
        "dopri5": {"divergences": together, "velocities": together},
    }
    print(f"one log-density: {counts}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "log_density": counts}, indent=1))


if __name__ == "__main__":
    main()
