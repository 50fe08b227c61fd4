"""Judge an alanine-dipeptide checkpoint by MD: equilibrium, single jumps, integration settings.

    python benchmarks/alanine_dipeptide.py CHECKPOINT RUN1.npz RUN2.npz --output report

prints the figures, and writes them as report/figures.json, report/figures.md (tables for a model
card) and report/ramachandran.{pdf,png}. Samples are kept in report/samples: a second call goes on
where the first was interrupted, and after a change of the analysis only that runs again.
CHECKPOINT is a name or a path. The MD runs are .npz files (positions in Å, frames evenly spaced).
Needs the extra `md` for potential energies.

Cost, in evaluations of the velocity field: replicas x jumps x (evaluations per jump) for the
equilibrium, four times single-jumps x (evaluations per jump) for the kinetics, and
twice table-jumps x (the sum of --counts) for the table of integration settings, less what it shares
with the equilibrium.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from ase_tito.analysis import dihedrals, distances, peptide_torsions, torsion_atoms
from ase_tito.analysis.surfaces import ramachandran_figure
from ase_tito.evaluation import (
    Reference,
    Samples,
    SampleStore,
    cosine_agreement,
    joined,
    markdown_table,
    parse_ode,
    population,
    sample_chain,
    sample_jumps,
    spread,
    torsion_agreement,
)
from ase_tito.flow.ode import OdeSettings
from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
from ase_tito.md.energies import EV_PER_KJ_MOL, potential_energies
from ase_tito.models import find_checkpoint, load_model
from ase_tito.nn.compiled import CompiledVelocity

LAG_PS = 100.0
KINETIC_LAGS_PS = (1.0, 10.0, 100.0, 1000.0)
CA_CB = (8, 10)
BLOCK_PS = 1000.0  # φ > 0 is held for up to some 60 ps, everything else for less
SEGMENT = 50  # jumps per file of samples
PART = 1000  # single jumps per file of samples
ENERGY_FRAMES = 20_000


class Benchmark:
    """The sampling and the figures of one checkpoint."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.reference = Reference.from_files(options.runs)
        self.operator = load_model(options.checkpoint)
        if options.compile:
            field = CompiledVelocity(self.operator.field, options.batch)
            self.operator = replace(self.operator, field=field)
        self.default = parse_ode(options.ode) if options.ode else self.operator.ode
        self.system = alanine_dipeptide_system()
        torsions = peptide_torsions(self.reference.graph.atomic_numbers, self.reference.graph.bonds)
        self.phi_psi = torsion_atoms([t for t in torsions if t.kind in ("phi", "psi")])
        self.md_angles = self.reference.torsions(self.phi_psi)
        self.block = round(BLOCK_PS / self.reference.frame_spacing_ps)
        first = self.reference.spread_frames(options.replicas)
        self.start = self.reference.frames[first]
        self.jump_starts = self.reference.spread_frames(options.single_jumps, max(KINETIC_LAGS_PS))
        self.store = SampleStore(
            options.output / "samples",
            {
                "checkpoint": digest(find_checkpoint(options.checkpoint).read_bytes()),
                "md": digest(self.reference.frames.tobytes()),
                "seed": options.seed,
                "replicas": options.replicas,
                "single_jumps": options.single_jumps,
                "segment": SEGMENT,
                "part": PART,
                "lag_ps": LAG_PS,
            },
        )
        self.common = {
            "temperature_K": self.reference.temperature_K,
            "seed": options.seed,
            "batch_size": options.batch,
        }

    def generator(self) -> np.random.Generator:
        """For bootstrap and halvings: the same numbers whatever parts are run."""
        return np.random.default_rng(self.options.seed)

    def chain(self, ode: OdeSettings, jumps: int) -> Samples:
        """Nested jumps, read or made segment by segment."""
        segments: list[Samples] = []
        for k in range(math.ceil(jumps / SEGMENT)):
            start = segments[-1].positions[-1] if segments else self.start

            def make(k: int = k, start: np.ndarray = start) -> Samples:
                return sample_chain(
                    self.operator,
                    self.reference.graph,
                    start,
                    LAG_PS,
                    SEGMENT,
                    first_jump=k * SEGMENT,
                    ode=ode,
                    **self.common,
                )

            segments.append(self._get(f"chain-{ode_name(ode)}-{k:03d}", make))
        whole = joined(segments)
        share = jumps / len(whole.positions)
        return Samples(
            whole.positions[:jumps], whole.first_failed[:jumps], share * whole.wall_time_s
        )

    def jumps(self, lag_ps: float) -> Samples:
        """Single jumps from MD frames, read or made part by part."""
        frames = self.reference.frames[self.jump_starts]
        parts = []
        for k in range(math.ceil(len(frames) / PART)):

            def make(k: int = k) -> Samples:
                return sample_jumps(
                    self.operator,
                    self.reference.graph,
                    frames[k * PART : (k + 1) * PART],
                    lag_ps,
                    first_replica=k * PART,
                    ode=self.default,
                    **self.common,
                )

            parts.append(self._get(f"jumps-{lag_ps:g}ps-{ode_name(self.default)}-{k:03d}", make))
        return joined(parts, axis=1)

    def energies(self, frames: np.ndarray) -> np.ndarray:
        """Potential energies in kJ/mol of at most `ENERGY_FRAMES` frames, evenly spread."""
        stride = math.ceil(len(frames) / ENERGY_FRAMES)
        return potential_energies(self.system, frames[::stride]) / EV_PER_KJ_MOL

    def md_figures(self) -> dict:
        """What the MD has to say on its own."""
        frames = self.reference.frames
        return {
            "frames": len(frames),
            "runs": len(self.reference.runs),
            "population": asdict(
                population(self.md_angles, phi_positive, self.block, generator=self.generator())
            ),
            "energy_kJ_mol": asdict(spread(self.energies(frames))),
            "bond_CA_CB_A": asdict(spread(distances(frames, [CA_CB]))),
        }

    def stationary(self, ode: OdeSettings, jumps: int) -> dict:
        """Figures of nested jumps."""
        samples = self.chain(ode, jumps)
        frames = samples.frames
        angles = dihedrals(frames, self.phi_psi)
        replicas = [dihedrals(one, self.phi_psi) for one in samples.positions.swapaxes(0, 1)]
        agreement = torsion_agreement(
            self.md_angles, angles, block_length=self.block, generator=self.generator()
        )
        return {
            "ode": ode.to_dict(),
            "evaluations": ode.evaluations,
            "jumps": samples.first_valid.size,
            "replicas": samples.first_valid.shape[1],
            "jsd": {**asdict(agreement), "excess": agreement.equal_counts.excess},
            "population": asdict(
                population(replicas, phi_positive, jumps, generator=self.generator())
            ),
            "energy_kJ_mol": asdict(spread(self.energies(frames))),
            "bond_CA_CB_A": asdict(spread(distances(frames, [CA_CB]))),
            "valid_share": samples.valid_share,
            "invalid_first_proposals": int((~samples.first_valid).sum()),
            "ms_per_jump_and_replica": 1000 * samples.wall_time_s / samples.first_valid.size,
        }

    def kinetics(self) -> list[dict]:
        """⟨cos Δφ⟩ and ⟨cos Δψ⟩ of single jumps from MD frames."""
        rows = []
        for lag in KINETIC_LAGS_PS:
            samples = self.jumps(lag)
            agreements = cosine_agreement(
                self.reference,
                self.jump_starts,
                samples,
                self.phi_psi,
                lag,
                block_length=max(1, len(self.jump_starts) // 50),
                generator=self.generator(),
            )
            for name, agreement in zip(("phi", "psi"), agreements, strict=True):
                rows.append(
                    {
                        "torsion": name,
                        **asdict(agreement),
                        "difference": agreement.difference,
                        "valid_share": samples.valid_share,
                    }
                )
        return rows

    def figure(self) -> None:
        """Surfaces of MD and model side by side."""
        angles = dihedrals(self.chain(self.default, self.options.jumps).frames, self.phi_psi)
        figure = ramachandran_figure(
            {
                f"MD, {len(np.concatenate(self.md_angles)):,} frames": np.concatenate(
                    self.md_angles
                ),
                f"model, {len(angles):,} jumps of {LAG_PS:g} ps": angles,
            }
        )
        for suffix in ("pdf", "png"):
            figure.savefig(self.options.output / f"ramachandran.{suffix}", dpi=300)

    def _get(self, name: str, make) -> Samples:
        samples, made = self.store.get(name, make)
        if made:
            count = samples.first_valid.size
            print(
                f"{time.strftime('%H:%M:%S')}  {name}: {count} jumps in {samples.wall_time_s:.0f} s"
                f" ({1000 * samples.wall_time_s / count:.2f} ms each),"
                f" valid first proposals {100 * samples.valid_share:.2f} %",
                flush=True,
            )
        return samples


def phi_positive(angles: np.ndarray) -> np.ndarray:
    return angles[:, 0] > 0


def ode_name(ode: OdeSettings) -> str:
    """The name that `parse_ode` reads."""
    return f"{ode.method}-{ode.evaluations}" + ("" if ode.spacing == "sine" else "-even")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def criteria(md: dict, stationary: dict, kinetics: list[dict]) -> list[dict]:
    """The project's bounds for this model, and whether they are met."""
    energy, md_energy = stationary["energy_kJ_mol"], md["energy_kJ_mol"]
    share, md_share = stationary["population"]["share"], md["population"]
    floor = stationary["jsd"]["halves"]["mean"]
    found = [
        (
            "φ/ψ JSD, 36 × 36 bins, nats",
            f"{stationary['jsd']['jsd']:.4f}",
            f"{floor:.4f} (half against half)",
            "≤ .020",
            stationary["jsd"]["jsd"] <= 0.020,
        ),
        (
            "population of φ > 0",
            f"{100 * share:.2f} %",
            f"{100 * md_share['share']:.2f} % [{100 * md_share['low']:.2f},"
            f" {100 * md_share['high']:.2f}]",
            "within MD's 95 % interval",
            md_share["low"] <= share <= md_share["high"],
        ),
    ]
    for key, name, bound in (
        ("quartile_1", "potential energy, lower quartile, kJ/mol", 3),
        ("median", "potential energy, median, kJ/mol", 2),
        ("quartile_3", "potential energy, upper quartile, kJ/mol", 3),
    ):
        found.append(
            (
                name,
                f"{energy[key]:.2f}",
                f"{md_energy[key]:.2f}",
                f"within {bound}",
                abs(energy[key] - md_energy[key]) <= bound,
            )
        )
    for row in kinetics:
        symbol = {"phi": "φ", "psi": "ψ"}[row["torsion"]]
        found.append(
            (
                f"⟨cos Δ{symbol}⟩ after {row['lag_time_ps']:g} ps",
                f"{row['model']:.3f}",
                f"{row['reference']:.3f}",
                "within .02",
                abs(row["difference"]) <= 0.02,
            )
        )
    found += [
        (
            "valid first proposals",
            f"{100 * stationary['valid_share']:.2f} %",
            "",
            "≥ 99.5 %",
            stationary["valid_share"] >= 0.995,
        ),
        (
            "evaluations per jump",
            f"{stationary['evaluations']}",
            "",
            "≤ 40",
            stationary["evaluations"] <= 40,
        ),
    ]
    keys = ("figure", "model", "md", "required", "met")
    return [dict(zip(keys, row, strict=True)) for row in found]


def markdown(results: dict) -> str:
    """All figures as tables."""
    text = []
    if "criteria" in results:
        stationary = results["equilibrium"]
        jsd, bond, md_bond = (
            stationary["jsd"],
            stationary["bond_CA_CB_A"],
            results["md"]["bond_CA_CB_A"],
        )
        equal, own = jsd["equal_counts"], stationary["population"]
        text += [
            f"{stationary['jumps']:,} nested jumps of {LAG_PS:g} ps from {stationary['replicas']}"
            f" replicas that start from MD frames ({ode_name(OdeSettings(**stationary['ode']))};"
            f" {stationary['ms_per_jump_and_replica']:.1f} ms per jump and replica), against"
            f" {results['md']['frames']:,} frames of MD in {results['md']['runs']} runs. Single"
            f" jumps: {results['kinetics'][0]['jumps']:,} from MD frames for each lag.\n",
            markdown_table(
                ("figure", "model", "MD", "required", ""),
                [
                    [*(row[key] for key in ("figure", "model", "md", "required")), verdict(row)]
                    for row in results["criteria"]
                ],
            ),
            f"JSD beside its floor at equal counts ({equal['model']['n_model']:,} frames against"
            f" {equal['model']['n_reference']:,} of MD): model {equal['model']['mean']:.4f},"
            f" MD {equal['floor']['mean']:.4f}, excess {jsd['excess']:.4f}. Uncorrelated frames"
            f" would give {jsd['independent']['mean']:.4f} at {jsd['n_model']:,} against"
            f" {jsd['n_reference']:,}, MD half against half gives {jsd['halves']['mean']:.4f}"
            f" [{jsd['halves']['low']:.4f}, {jsd['halves']['high']:.4f}]. The model's population"
            f" of φ > 0 has a 95 % interval over replicas of [{100 * own['low']:.2f},"
            f" {100 * own['high']:.2f}] %. Bond CA-CB: {bond['mean']:.3f} ± {bond['std']:.3f} Å"
            f" (MD {md_bond['mean']:.3f} ± {md_bond['std']:.3f}). Invalid first proposals:"
            f" {stationary['invalid_first_proposals']}.\n",
            "Single jumps in detail; the interval is that of model − MD by block bootstrap.\n",
            markdown_table(
                ("lag, ps", "torsion", "MD", "model", "model − MD", "95 %", "valid"),
                [
                    [
                        f"{row['lag_time_ps']:g}",
                        {"phi": "φ", "psi": "ψ"}[row["torsion"]],
                        f"{row['reference']:.4f}",
                        f"{row['model']:.4f}",
                        f"{row['difference']:+.4f}",
                        f"[{row['low']:+.4f}, {row['high']:+.4f}]",
                        f"{100 * row['valid_share']:.2f} %",
                    ]
                    for row in results["kinetics"]
                ],
            ),
        ]
    if "integration" in results:
        energy = results["md"]["energy_kJ_mol"]
        first = results["integration"][0]
        text += [
            f"Integration settings, {first['jumps']:,} nested jumps of {LAG_PS:g} ps each"
            " (floor: MD against MD at equal counts).\n",
            markdown_table(
                (
                    *("method", "evaluations", "JSD", "at equal counts", "floor"),
                    *("energy quartiles and median, kJ/mol", "CA-CB, Å", "valid", "ms/jump"),
                ),
                [
                    [
                        row["ode"]["method"],
                        str(row["evaluations"]),
                        f"{row['jsd']['jsd']:.4f}",
                        f"{row['jsd']['equal_counts']['model']['mean']:.4f}",
                        f"{row['jsd']['equal_counts']['floor']['mean']:.4f}",
                        quartiles(row["energy_kJ_mol"]),
                        f"{row['bond_CA_CB_A']['mean']:.3f} ± {row['bond_CA_CB_A']['std']:.3f}",
                        f"{100 * row['valid_share']:.2f} %",
                        f"{row['ms_per_jump_and_replica']:.1f}",
                    ]
                    for row in results["integration"]
                ]
                + [
                    [
                        *("MD", "", "", "", "", quartiles(energy)),
                        "{mean:.3f} ± {std:.3f}".format(**results["md"]["bond_CA_CB_A"]),
                        *("", ""),
                    ]
                ],
            ),
        ]
    return "\n".join(text)


def quartiles(energy: dict) -> str:
    return "{quartile_1:.1f} / {median:.1f} / {quartile_3:.1f}".format(**energy)


def verdict(row: dict) -> str:
    return "met" if row["met"] else "**not met**"


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="name or path")
    parser.add_argument("runs", nargs="+", type=Path, help="MD runs, .npz")
    parser.add_argument("--output", type=Path, default=Path("alanine-dipeptide-figures"))
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=("figures", "table"),
        default=["figures", "table"],
        help="figures: equilibrium and single jumps; table: integration settings",
    )
    parser.add_argument("--ode", help="such as midpoint-40; the checkpoint's own by default")
    parser.add_argument("--replicas", type=int, default=100)
    parser.add_argument("--jumps", type=int, default=500, help="per replica, of 100 ps")
    parser.add_argument("--single-jumps", type=int, default=10_000, help="for each lag")
    parser.add_argument("--table-jumps", type=int, default=10_000, help="for each setting")
    parser.add_argument("--batch", type=int, default=50, help="replicas in one batch")
    parser.add_argument(
        "--counts",
        nargs="+",
        type=int,
        default=(10, 14, 20, 40, 80),
        help="evaluations per jump in the table, Euler and midpoint each",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--compile", action="store_true", help="compile the network: a minute, then 1.6 x as fast"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> dict:
    options = arguments(argv)
    torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    benchmark = Benchmark(options)
    results: dict = {
        "checkpoint": str(options.checkpoint),
        "seed": options.seed,
        "md": benchmark.md_figures(),
    }
    if "figures" in options.parts:
        results["equilibrium"] = benchmark.stationary(benchmark.default, options.jumps)
        results["kinetics"] = benchmark.kinetics()
        results["criteria"] = criteria(results["md"], results["equilibrium"], results["kinetics"])
        benchmark.figure()
    if "table" in options.parts:
        jumps = math.ceil(options.table_jumps / options.replicas)
        results["integration"] = [
            benchmark.stationary(parse_ode(f"{method}-{count}"), jumps)
            for count in options.counts
            for method in ("euler", "midpoint")
        ]
    text = markdown(results)
    (options.output / "figures.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.output / "figures.md").write_text(text)
    print(text)
    return results


if __name__ == "__main__":
    main()
