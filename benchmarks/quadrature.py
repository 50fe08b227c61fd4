"""How exactly a log-density is integrated, with how many nodes and steps.

    python benchmarks/quadrature.py PRIOR RUN1.npz RUN2.npz --output report

takes --frames frames of MD, integrates their log p_eq by each of --settings (nodes x steps of
`Quadrature`), and compares with the last of these. What counts is the error of differences, as
they stand in the log ratio of a move in the source space: that of ln p_eq(x) − ln p_eq(y) for all
pairs of frames. Writes report/quadrature.md, and keeps what is done in report/quadrature.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ase_tito.atomic import write_atomically
from ase_tito.evaluation import Reference, markdown_table
from ase_tito.flow.density import Quadrature
from ase_tito.models import load_prior
from ase_tito.transfer.source_moves import prior_log_density

SETTINGS = ("24x3", "24x6", "32x4", "48x3", "48x6", "72x6")


def setting(text: str) -> Quadrature:
    """'24x3' as nodes and steps."""
    nodes, _, steps = text.partition("x")
    return Quadrature(int(nodes), int(steps))


def errors(found: dict[str, dict[str, Any]], finest: str) -> list[list[str]]:
    """A line for each setting: the errors of differences of ln p_eq against the finest's."""
    rows = []
    exact = np.array(found[finest]["log_density"])
    for name, one in found.items():
        off = np.array(one["log_density"]) - exact
        differences = np.abs([a - b for a, b in combinations(off, 2)])
        nodes, _, steps = name.partition("x")
        size = ["", ""] if name == finest else [
            f"{np.sqrt((differences**2).mean()):.3f}", f"{differences.max():.3f}"
        ]  # fmt: skip
        velocities = setting(name).evaluations
        rows.append([nodes, steps, str(velocities), *size, f"{one['cpu_s']:.1f}"])
    return rows


def main(argv: Sequence[str] | None = None) -> str:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prior", help="a model's name, or a path")
    parser.add_argument("runs", nargs="+", type=Path, help="MD (.npz)")
    parser.add_argument("--output", type=Path, required=True, help="directory")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--settings", nargs="+", default=SETTINGS, metavar="NODESxSTEPS")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    reference = Reference.from_files(options.runs)
    chosen = reference.spread_frames(options.frames)
    x = torch.from_numpy(reference.frames[chosen].astype(float))
    transition = load_prior(options.prior).in_float64().transition
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "quadrature.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    given = [options.prior, [run.name for run in reference.runs], options.frames]
    found = kept["found"] if kept.get("of") == given else {}
    for name in options.settings:
        if name in found:
            continue
        started = time.process_time()
        values = prior_log_density(
            transition, reference.graph, x, setting(name), temperature_K=reference.temperature_K
        )
        seconds = (time.process_time() - started) / len(x)
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
