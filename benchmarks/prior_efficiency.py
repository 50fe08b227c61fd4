"""Few pairs, with and without a prior: equilibrium and slowest timescale of nested jumps."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from prior_setting import BATCH, BLOCK_PS, Setting, Table
from prior_training import trained

from ase_tito.analysis import TimescaleScan, dihedrals, timescale_scan
from ase_tito.analysis.surfaces import PRINT_STYLE
from ase_tito.evaluation import markdown_table, sample_chain, torsion_agreement
from ase_tito.models import load_model

SHORT_RUN_PS = 200.0
LONGEST_LAG_PS = 100.0
LONGEST_SHARE = 0.45  # of a run, for the longest lag
SETS = ("all", "first", "short")
NESTED_LAG_PS = 10.0
KINDS = ("plain", "prior")


def efficiency(setting: Setting, options: argparse.Namespace) -> Table:
    """Equal minutes on equal pairs, with and without the prior."""
    sets = cut(setting, options)
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for seed in range(options.seeds):
        for data in options.sets:
            for kind in KINDS:
                share = "" if data == "all" else f"-{options.share:g}"
                name = f"{data}{share}-{kind}-{seed}-{options.minutes:g}min"
                key = f"efficiency-{name}-{options.replicas}x{options.jumps}"

                def made(
                    name: str = name, data: str = data, kind: str = kind, seed: int = seed
                ) -> dict[str, Any]:
                    given = {"lags_ps": (1.0, longest_lag_ps(setting, sets[data])), "seed": seed}
                    path = trained(options, name, kind, sets[data], **given)
                    return _judged(setting, options, path, seed)

                found[data, kind, seed] = setting.once(key, made)
    spacing = setting.reference.frame_spacing_ps
    md = timescales(setting.angles[-1:], spacing, BLOCK_PS, setting.rng)
    exact, low, high = (float(end[0, 0]) for end in (md.timescales_ps, md.low, md.high))
    rows = []
    for data in options.sets:
        for kind in KINDS:
            runs = [found[data, kind, seed] for seed in range(options.seeds)]
            cells = [
                " / ".join(f"{run[key]:{form}}" for run in runs)
                for key, form in (("excess", ".3f"), ("timescale_ps", ".1f"), ("valid", ".1%"))
            ]
            mean = f"{np.mean([run['excess'] for run in runs]):.3f}"
            rows.append([_described(data, options.share), kind, mean, *cells])
    header = [
        *("pairs", "model", "φ/ψ JSD over its floor, nats: mean", "of each seed"),
        f"slowest timescale, ps (MD: {exact:.1f} [{low:.1f}, {high:.1f}])",
        "valid",
    ]
    return markdown_table(header, rows), _figure(options, found, (exact, low, high))


def longest_lag_ps(setting: Setting, paths: Sequence[Path]) -> float:
    """Of the pairs in these files: not beyond what each of them is long enough for."""
    if not paths:
        raise SystemExit(f"--share is too small for one short run of {SHORT_RUN_PS:g} ps")
    frames = []
    for path in paths:
        with np.load(path) as file:
            frames.append(len(file["positions"]))
    shortest_ps = min(frames) * setting.reference.frame_spacing_ps
    return min(LONGEST_LAG_PS, LONGEST_SHARE * shortest_ps)


def _described(data: str, share: float) -> str:
    """A set of pairs in words."""
    part = f"{100 * share:g} %"
    return {
        "all": "all",
        "first": f"the first {part}",
        "short": f"{part}, in short runs off equilibrium",
    }[data]


def cut(setting: Setting, options: argparse.Namespace) -> dict[str, list[Path]]:
    """Pairs of all runs but the last, as files: all, a first share, and as much in short runs."""
    folder = options.output / "pairs"
    folder.mkdir(parents=True, exist_ok=True)
    length = round(SHORT_RUN_PS / setting.reference.frame_spacing_ps)
    sets: dict[str, list[Path]] = {"all": list(options.runs[:-1]), "first": [], "short": []}
    for number, path in enumerate(options.runs[:-1]):
        angles = setting.angles[number]
        with np.load(path) as file:
            arrays = dict(file)
        share = round(options.share * len(angles))
        parts = {f"first-{options.share:g}-{number}": ("first", slice(0, share))}
        rng = np.random.default_rng([options.seed, number])
        for k, start in enumerate(short_starts(angles[:-length], share // length, rng)):
            name = f"short-{options.share:g}-{number}-{k:03d}"
            parts[name] = ("short", slice(start, start + length))
        for name, (kind, part) in parts.items():
            file_path = folder / f"{name}.npz"
            own = {key: arrays[key] for key in arrays if key not in ("positions", "energies")}
            np.savez(file_path, **own, positions=arrays["positions"][part])
            sets[kind].append(file_path)
    return sets


def short_starts(angles: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Frames, drawn over the occupied cells of φ/ψ, each cell as often as any other."""
    inside = np.digitize(angles, np.linspace(-np.pi, np.pi, 7))
    cells = np.unique(inside, axis=0, return_inverse=True)[1].ravel()
    drawn = rng.integers(cells.max() + 1, size=count)
    return [int(rng.choice(np.flatnonzero(cells == cell))) for cell in drawn]


def _judged(setting: Setting, options: argparse.Namespace, path: Path, seed: int) -> dict[str, Any]:
    """A model's nested jumps beside the run that nothing was trained on."""
    frames = setting.reference.runs[-1].positions
    starts = frames[np.linspace(0, len(frames) - 1, options.replicas).astype(int)]
    samples = sample_chain(
        load_model(path),
        setting.graph,
        starts,
        NESTED_LAG_PS,
        options.jumps,
        seed=seed,
        temperature_K=setting.reference.temperature_K,
        batch_size=BATCH,
    )
    replicas = [dihedrals(one, setting.phi_psi) for one in samples.positions.swapaxes(0, 1)]
    late = [part[len(part) // 3 :] for part in replicas]  # they start from MD's equilibrium
    found = torsion_agreement(
        setting.angles[-1:],
        np.concatenate(late),
        block_length=setting.block,
        generator=setting.rng,
    )
    return {
        "excess": found.equal_counts.excess,
        "timescale_ps": float(timescales(replicas, NESTED_LAG_PS).timescales_ps[0, 0]),
        "valid": float(samples.first_valid.mean()),
    }


def timescales(
    angles: list[np.ndarray],
    spacing_ps: float,
    block_ps: float | None = None,
    rng: np.random.Generator | None = None,
) -> TimescaleScan:
    """Implied timescales of sines and cosines of φ and ψ at the nested jumps' lag (TICA)."""
    return timescale_scan(
        [np.concatenate([np.sin(a), np.cos(a)], 1) for a in angles],
        frame_spacing_ps=spacing_ps,
        lag_times_ps=[NESTED_LAG_PS],
        top=1,
        block_time_ps=block_ps,
        generator=rng,
    )


def _figure(
    options: argparse.Namespace,
    found: dict[tuple[str, str, int], dict[str, Any]],
    md: tuple[float, float, float],
) -> Figure:
    """A marker for each seed: excess divergence, and slowest timescale beside MD's interval."""
    with matplotlib.rc_context(PRINT_STYLE):
        drawn = Figure(figsize=(6.2, 2.7), layout="constrained")
        axes = drawn.subplots(1, 2)
        for axis, key in zip(axes, ("excess", "timescale_ps"), strict=True):
            for kind, style, shift in (("plain", "C1s", -0.12), ("prior", "C0o", 0.12)):
                for place, data in enumerate(options.sets):
                    values = [found[data, kind, seed][key] for seed in range(options.seeds)]
                    beside = 0.04 * (np.arange(options.seeds) - (options.seeds - 1) / 2)
                    axis.plot(
                        place + shift + beside,
                        values,
                        style,
                        markersize=4,
                        label=kind if place == 0 else None,
                    )
            axis.set_xticks(
                range(len(options.sets)),
                [_described(data, options.share).replace(", ", ",\n") for data in options.sets],
            )
            axis.set_xlim(-0.5, len(options.sets) - 0.5)
        lowest = min(run["excess"] for run in found.values())
        axes[0].set_ylim(bottom=min(0, 1.5 * lowest))  # an excess may be below zero, by chance
        axes[0].axhline(0, color="0.7", linewidth=0.5)
        axes[0].set_ylabel("φ/ψ divergence over its floor (nats)")
        axes[0].legend(frameon=False)
        axes[1].axhspan(md[1], md[2], color="0.85", linewidth=0)
        axes[1].axhline(md[0], color="k", linewidth=1, label="MD, 95 %")
        axes[1].set_ylim(bottom=0)
        axes[1].set_ylabel("slowest timescale (ps)")
        axes[1].legend(frameon=False)
    return drawn
