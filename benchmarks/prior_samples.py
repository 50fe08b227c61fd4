"""Samples of a prior, and single jumps on top of it, beside MD."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from prior_setting import BATCH, Setting, Table, interval, turned

from ase_tito.analysis import (
    dihedrals,
    multinomial_floor,
    torsion_divergence,
    torsion_histogram,
)
from ase_tito.analysis.surfaces import PRINT_STYLE, ramachandran_figure
from ase_tito.evaluation import (
    markdown_table,
    population,
    sample_jumps,
    spread,
    torsion_agreement,
)
from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
from ase_tito.md.calculator import OpenMMCalculator
from ase_tito.md.energies import EV_PER_KJ_MOL, potential_energies
from ase_tito.models import load_model, load_prior
from ase_tito.reweighting import importance_sample

NEAR = np.deg2rad(10.0)  # of the frames that stand for one
BASIN = np.deg2rad(60.0)


def equilibrium(setting: Setting, options: argparse.Namespace) -> Table:
    """Samples of the prior beside MD: torsions, energies, and weights on request."""

    def figures() -> dict[str, Any]:
        prior = load_prior(options.model)
        generator = torch.Generator().manual_seed(options.seed)
        counts = [BATCH] * (options.samples // BATCH) or [options.samples]
        frames = np.concatenate(
            [prior.sample(setting.graph, n, generator=generator).positions.numpy() for n in counts]
        )
        drawn = len(frames)
        frames = frames[np.isfinite(frames).all((1, 2))]
        angles = dihedrals(frames, setting.phi_psi)
        system, md = alanine_dipeptide_system(), setting.reference.frames
        found = torsion_agreement(
            setting.angles, angles, block_length=setting.block, generator=setting.rng
        )
        return {
            "lost": drawn - len(frames),
            "phi_psi": angles.round(4).tolist(),
            "jsd": asdict(found),
            "phi_positive": {
                "MD": _phi_positive(setting.angles, setting.block, setting.rng),
                "prior": _phi_positive([angles], 1, setting.rng),
            },
            "energy_kJ_mol": {
                "MD": asdict(spread(potential_energies(system, md[::10]) / EV_PER_KJ_MOL)),
                "prior": asdict(spread(potential_energies(system, frames) / EV_PER_KJ_MOL)),
            },
        }

    found = setting.once(f"equilibrium-{options.samples}-{options.seed}", figures)
    equal = found["jsd"]["equal_counts"]
    floor = equal["floor"]
    rows = [
        [
            f"φ/ψ JSD at {equal['model']['n_model']:,} samples, nats",
            f"{equal['model']['mean']:.4f}",
            f"{floor['mean']:.4f} [{floor['low']:.4f}, {floor['high']:.4f}] (floor)",
        ],
        ["φ > 0, %", *(interval(found["phi_positive"][side]) for side in ("prior", "MD"))],
        [
            "energy, quartiles and median, kJ/mol",
            *(_quartiles(found["energy_kJ_mol"][side]) for side in ("prior", "MD")),
        ],
    ]
    if options.weighted:
        weights = setting.once(f"weights-{options.weighted}", lambda: _weighted(setting, options))
        rows.append(
            [
                f"effective sample size of {options.weighted} with weights",
                f"{weights['effective']:.1f}",
                "",
            ]
        )
        rows.append(["standard deviation of the log weight", f"{weights['std']:.2f}", ""])
    panels = {"MD": np.concatenate(setting.angles), "prior": np.array(found["phi_psi"])}
    return markdown_table(["", "prior", "MD"], rows), ramachandran_figure(panels, bins=48)


def _phi_positive(parts: list[np.ndarray], block: int, rng: np.random.Generator) -> dict[str, Any]:
    return asdict(population(parts, lambda angles: angles[:, 0] > 0, block, generator=rng))


def _quartiles(found: dict[str, Any]) -> str:
    return " / ".join(f"{found[key]:.1f}" for key in ("quartile_1", "median", "quartile_3"))


def _weighted(setting: Setting, options: argparse.Namespace) -> dict[str, Any]:
    """Importance weights of a few samples."""
    samples = importance_sample(
        load_prior(options.model),
        setting.graph,
        OpenMMCalculator(alanine_dipeptide_system()),
        options.weighted,
        generator=torch.Generator().manual_seed(options.seed),
        batch_size=32,
    )
    logarithms = samples.log_weights[np.isfinite(samples.log_weights)]
    return {"effective": samples.effective_sample_size, "std": float(logarithms.std())}


def relaxation(setting: Setting, options: argparse.Namespace) -> Table:
    """From one frame: jumps of growing lags beside MD."""
    every = np.concatenate(setting.angles)
    if not 0 <= options.frame < len(every):
        raise SystemExit(f"there is no frame {options.frame} in {len(every)}")
    start = every[options.frame]
    rows = [
        setting.once(
            f"relaxation-{options.frame}-{lag:g}ps-{options.single_jumps}-{options.seed}",
            lambda lag=lag: _relaxed(setting, options, start, lag),
        )
        for lag in options.relaxation_lags_ps
    ]
    header = [
        *("lag, ps", "ψ within 60° of its start, %: model", "MD"),
        *("φ/ψ JSD", "floor", "MD frames"),
    ]
    degrees = " / ".join(f"{angle:.0f}" for angle in np.degrees(start))
    text = f"From frame {options.frame} (φ / ψ {degrees}°):\n\n" + markdown_table(
        header,
        [
            [
                f"{row['lag_ps']:g}",
                interval(row["model"]),
                interval(row["MD"]),
                f"{row['jsd']:.3f}",
                f"{row['floor']:.3f}",
                f"{row['md_frames']:,}",
            ]
            for row in rows
        ],
    )
    return text, _relaxation_figure(rows)


def _relaxed(
    setting: Setting, options: argparse.Namespace, start: np.ndarray, lag_ps: float
) -> dict[str, Any]:
    """Jumps of one lag from the frame, and where MD is that time after being near it."""
    near = [after[(turned(before, start) < NEAR).all(1)] for before, after in setting.pairs(lag_ps)]
    md = [part for part in near if len(part)]
    together = np.concatenate(md)
    frame = setting.reference.frames[options.frame]
    samples = sample_jumps(
        load_model(options.model),
        setting.graph,
        np.repeat(frame[None], options.single_jumps, axis=0),
        lag_ps,
        temperature_K=setting.reference.temperature_K,
        seed=options.seed,
        batch_size=BATCH,
    )
    moved = samples.positions[0]
    model = dihedrals(moved[np.isfinite(moved).all((1, 2))], setting.phi_psi)
    counts = torsion_histogram(together, 36).counts
    floor = multinomial_floor(counts, len(together), len(model), generator=setting.rng)
    frames = sum(map(len, setting.angles))
    block = max(1, round(setting.block * len(together) / frames))

    def stays(parts: list[np.ndarray], block: int) -> dict[str, Any]:
        found = population(
            parts, lambda a: turned(a, start)[:, 1] < BASIN, block, generator=setting.rng
        )
        return asdict(found)

    return {
        "lag_ps": lag_ps,
        "md_frames": len(together),
        "jsd": torsion_divergence(together, model).jsd,
        "floor": floor.mean,
        "MD": stays(md, block),
        "model": stays([model], 1),
    }


def _relaxation_figure(rows: list[dict[str, Any]]) -> Figure:
    """How much is still near its start, and the divergence beside its floor, against the lag."""
    lags = np.array([row["lag_ps"] for row in rows])
    with matplotlib.rc_context(PRINT_STYLE):
        figure = Figure(figsize=(6.2, 2.7), layout="constrained")
        stay, divergence = figure.subplots(1, 2)
        for name, style, shift in (("MD", "ks", 0.95), ("model", "C0o", 1.05)):
            share, low, high = (
                np.array([100 * row[name][key] for row in rows]) for key in ("share", "low", "high")
            )
            stay.errorbar(
                lags * shift,
                share,
                [share - low, high - share],
                fmt=style,
                markersize=3.5,
                linewidth=1,
                capsize=2.5,
                label=name,
            )
        stay.set_ylabel("ψ within 60° of its start (%)")
        stay.legend(frameon=False)
        divergence.plot(lags, [row["jsd"] for row in rows], "C0o-", markersize=3.5, label="model")
        divergence.plot(lags, [row["floor"] for row in rows], "k--", linewidth=1, label="floor")
        divergence.set_ylabel("φ/ψ divergence from MD (nats)")
        divergence.set_ylim(bottom=0)
        divergence.legend(frameon=False)
        for axis in (stay, divergence):
            axis.set_xscale("log")
            axis.set_xlabel("lag (ps)")
    return figure
