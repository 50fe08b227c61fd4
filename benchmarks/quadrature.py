"""How exactly a log-density is integrated, with how many nodes and steps.

    python benchmarks/quadrature.py MODEL RUN1.npz RUN2.npz --output report
    python benchmarks/quadrature.py MODEL RUN1.npz RUN2.npz --output report --lag-ps 10

takes --frames frames of MD, integrates their log p_eq by each of --settings (nodes x steps of
`Quadrature`), and compares with the last of these. What counts is the error of differences, as
they stand in the log ratio of a move in the source space: that of ln p_eq(x) − ln p_eq(y) for all
pairs of frames. With --lag-ps it is the density q(y | x) of jumps instead, for frames x of MD and
y a lag later, and the ratio q(x | y) / q(y | x). Writes report/quadrature.md, and keeps what is
done in report/quadrature.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ase_tito.analysis import lag_in_frames
from ase_tito.atomic import write_atomically
from ase_tito.evaluation import Reference, markdown_table
from ase_tito.flow.density import Quadrature
from ase_tito.models import load_model, load_prior
from ase_tito.transfer.metropolis import in_double_precision, log_density
from ase_tito.transfer.source_moves import prior_log_density

SETTINGS = ("16x2", "24x2", "32x2", "48x1", "64x1", "96x1", "128x1")


def errors(found: dict[str, dict[str, Any]], finest: str) -> list[list[str]]:
    """A line for each setting: the errors of differences of ln p_eq against the finest's."""
    rows = []
    exact = np.array(found[finest]["log_density"])
    for name, one in found.items():
        off = np.array(one["log_density"]) - exact
        pairs = [off] if off.ndim == 1 else off  # differences are those within a pair of jumps
        differences = np.abs([a - b for part in pairs for a, b in combinations(part, 2)])
        nodes, _, steps = name.partition("x")
        size = ["", ""] if name == finest else [
            f"{np.sqrt((differences**2).mean()):.3f}", f"{differences.max():.3f}"
        ]  # fmt: skip
        velocities = Quadrature.from_text(name).evaluations
        rows.append([nodes, steps, str(velocities), *size, f"{one['cpu_s']:.1f}"])
    return rows


def densities(
    options: argparse.Namespace, reference: Reference
) -> Callable[[Quadrature], torch.Tensor]:
    """What integrates ln p_eq of the frames (K,), or ln q of both ways between frames (K, 2)."""
    graph, temperature = reference.graph, reference.temperature_K
    chosen = reference.spread_frames(options.frames, options.lag_ps or 0.0)
    x = torch.from_numpy(reference.frames[chosen].astype(float))
    if options.lag_ps is None:
        transition = load_prior(options.model).in_float64().transition
        return lambda q: prior_log_density(transition, graph, x, q, temperature_K=temperature)
    operator = in_double_precision(load_model(options.model))
    if operator.frame.name != "free":
        raise SystemExit(f"{options.model} has jumps in the frame {operator.frame.name!r}, whose "
                         "density is not that of any frame of MD")  # fmt: skip
    later = chosen + lag_in_frames(options.lag_ps, reference.frame_spacing_ps)
    y = torch.from_numpy(reference.frames[later].astype(float))

    def both(quadrature: Quadrature) -> torch.Tensor:
        ways = [
            log_density(operator, graph, end, start, options.lag_ps, quadrature, temperature)
            for start, end in ((x, y), (y, x))
        ]
        return torch.stack(ways, 1)

    def without_gradient(quadrature: Quadrature) -> torch.Tensor:
        with torch.no_grad():
            return both(quadrature)

    return without_gradient


def main(argv: Sequence[str] | None = None) -> str:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a model's name, or a path")
    parser.add_argument("runs", nargs="+", type=Path, help="MD (.npz)")
    parser.add_argument("--output", type=Path, required=True, help="directory")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--lag-ps", type=float, help="densities of jumps, not of the prior")
    parser.add_argument("--settings", nargs="+", default=SETTINGS, metavar="NODESxSTEPS")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    reference = Reference.from_files(options.runs)
    density = densities(options, reference)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "quadrature.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    names = [run.name for run in reference.runs]
    given = [options.model, names, options.frames, options.lag_ps]
    found = kept["found"] if kept.get("of") == given else {}
    for name in options.settings:
        if name in found:
            continue
        started = time.process_time()
        values = density(Quadrature.from_text(name))
        seconds = (time.process_time() - started) / values.numel()
        found[name] = {"log_density": values.tolist(), "cpu_s": seconds}
        write_atomically(path, json.dumps({"of": given, "found": found}, indent=1).encode())
    header = ("nodes", "steps", "velocities", "error of ln r: rms", "largest", "CPU seconds")
    wanted = {name: found[name] for name in options.settings}
    text = markdown_table(header, errors(wanted, options.settings[-1]))
    write_atomically(options.output / "quadrature.md", text.encode())
    print(text)
    return text


if __name__ == "__main__":
    main()
