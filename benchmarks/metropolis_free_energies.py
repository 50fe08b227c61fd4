"""Free energies of φ and ψ of corrected chains beside MD, with error bars."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from ase import units
from matplotlib.figure import Figure
from metropolis_chains import phi_psi_atoms
from metropolis_summary import CONFIDENCE
from numpy.typing import NDArray

from ase_tito.analysis import block_bootstrap
from ase_tito.analysis.surfaces import PRINT_STYLE
from ase_tito.evaluation import Reference, markdown_table

RARE = 0.005  # shares of MD below which it does not know them
SIXTHS = 6
BLOCK_PS = 1000.0


def free_energies(
    reference: Reference, chains: list[dict[str, Any]], leave_out: int
) -> list[dict[str, Any]]:
    """−kT ln of the share of each sixth of φ and ψ in kJ/mol, of MD and of the chains."""
    md = [np.asarray(part) for part in reference.torsions(phi_psi_atoms(reference))]
    own = [np.array(chain["phi_psi"])[leave_out:] for chain in chains]
    kT = units.kB * reference.temperature_K / (units.kJ / units.mol)
    found = []
    for name, runs, block in (
        ("MD", md, round(BLOCK_PS / reference.frame_spacing_ps)),
        ("chains", own, max(map(len, own))),
    ):
        share = block_bootstrap(
            [sixths(part) for part in runs],
            lambda drawn: drawn.mean(0),
            block,
            generator=np.random.default_rng(0),
            level=CONFIDENCE,
        )
        with np.errstate(divide="ignore"):
            ends = [-kT * np.log(part) for part in (share.estimate, share.high, share.low)]
        found.append((name, share.estimate, ends))
    rows = []
    for k in range(2 * SIXTHS):
        row: dict[str, Any] = {
            "torsion": "φψ"[k // SIXTHS],
            "from_degrees": -180 + 360 // SIXTHS * (k % SIXTHS),
        }
        for name, shares, ends in found:
            row[name] = {"share": float(shares[k]), "F": [float(end[k]) for end in ends]}
        rows.append(row)
    return rows


def sixths(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which sixth of the circle φ and ψ (T, 2) lie in: zeros and ones, shape (T, 12)."""
    number = ((angles + np.pi) // (2 * np.pi / SIXTHS)).astype(int).clip(0, SIXTHS - 1)
    return np.concatenate([np.eye(SIXTHS)[number[:, k]] for k in (0, 1)], 1)


def known(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what MD itself has hardly seen."""
    return [row for row in rows if row["MD"]["share"] >= RARE]


def overlap(row: dict[str, Any]) -> bool:
    """Whether the two intervals have anything in common."""
    (_, low, high), (_, own_low, own_high) = row["MD"]["F"], row["chains"]["F"]
    return bool(own_low <= high and low <= own_high)


def free_energy_markdown(rows: list[dict[str, Any]]) -> str:
    """A line for each sixth that MD knows."""

    def cells(found: dict[str, Any]) -> list[str]:
        value, low, high = found["F"]
        if not found["share"]:
            return ["0", "not seen"]
        upper = f"{high:.2f}" if np.isfinite(high) else "∞"
        return [f"{found['share']:.1%}", f"{value:.2f} ({low:.2f} to {upper})"]

    def verdict(row: dict[str, Any]) -> str:
        if not row["chains"]["share"]:
            return "–"
        return "yes" if overlap(row) else "no"

    return markdown_table(
        ("torsion", "from, °", "MD: share", "F, kJ/mol (95 %)", "chains: share",
         "F, kJ/mol (95 %)", "within"),
        [
            [row["torsion"], str(row["from_degrees"]), *cells(row["MD"]), *cells(row["chains"]),
             verdict(row)]
            for row in known(rows)
        ],
    )  # fmt: skip


def figure(energies: dict[str, list[dict[str, Any]]]) -> Figure:
    """Both torsions, a marker for each sixth: MD, and the chains of each kind."""
    kinds = list(energies)
    with matplotlib.rc_context(PRINT_STYLE):
        drawn = Figure(figsize=(6.2, 2.8), layout="constrained")
        axes = drawn.subplots(1, 2, sharey=True)
        for axis, torsion in zip(axes, "φψ", strict=True):
            for number, kind in enumerate(("MD", *kinds)):
                rows = [
                    row
                    for row in known(energies[kinds[0] if kind == "MD" else kind])
                    if row["torsion"] == torsion
                ]
                values = [row["MD" if kind == "MD" else "chains"]["F"] for row in rows]
                seen = [at for at, (value, *_) in enumerate(values) if np.isfinite(value)]
                value, low, high = np.array(values)[seen].reshape(-1, 3).T
                places = np.array([rows[at]["from_degrees"] + 30 for at in seen])
                axis.errorbar(
                    places + 9 * (number - len(kinds) / 2),
                    value,
                    [value - low, np.where(np.isfinite(high), high - value, 0.0)],
                    fmt="ks" if number == 0 else "o",
                    markersize=3.5,
                    linewidth=1,
                    capsize=2.5,
                    label=kind,
                )
            axis.set_xlabel(f"{torsion} (degrees, sixths of the circle)")
            axis.set_xlim(-180, 180)
            axis.set_xticks(range(-180, 181, 60))
        axes[0].set_ylabel("−kT ln share (kJ/mol)")
        axes[1].legend(frameon=False, fontsize=7)
    return drawn
