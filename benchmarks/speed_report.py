"""The benchmark's results as a Markdown page and as one figure."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ase_tito.analysis.surfaces import PRINT_STYLE
from ase_tito.evaluation import markdown_table

Results = dict[str, Any]


def markdown(results: Results) -> str:
    """All parts that were measured, as tables."""
    machine = results["machine"]
    note = f" {results['note']}" if results.get("note") else ""
    family = machine["cpu_family"] or machine["architecture"]
    text = [
        f"Measured on {machine['cores']} cores ({family}, "
        f"{machine['instruction_set']}), {machine['threads_of_pytorch']} threads, PyTorch "
        f"{machine['pytorch']}; {results['rounds']} rounds in which all take turns for at least "
        f"{results['slice_s']:g} s each: medians, and the range of the rounds in brackets.{note}\n"
    ]
    parts = {
        "dynamics": _dynamics,
        "jump": _jump,
        "replicas": _replicas,
        "atoms": _atoms,
        "cutoff": _cutoff,
        "training": _training,
    }
    for name, write in parts.items():
        if name in results:
            text += write(results[name])
    return "\n".join(text)


def figure(results: Results) -> Figure:
    """Simulated time per day, and costs with replicas and atoms, as far as they were measured."""
    below = [
        (name, draw)
        for name, draw in (("replicas", _against), ("atoms", _sizes))
        if name in results
    ]
    rows = [[("dynamics", _bars)]] * ("dynamics" in results) + [below] * bool(below)
    with matplotlib.rc_context(PRINT_STYLE):
        drawn = Figure(figsize=(5.6, 0.2 + 2.6 * max(1, len(rows))), layout="constrained")
        parts = drawn.subfigures(max(1, len(rows)), 1, squeeze=False)[:, 0]
        for part, panels in zip(parts, rows, strict=False):
            axes = np.atleast_1d(part.subplots(1, len(panels)))
            for axis, (name, draw) in zip(axes, panels, strict=True):
                draw(axis, results[name])
    return drawn


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{float(f'{value:.3g}'):,.12g}"


def _speed(rate: dict[str, float]) -> str:
    return f"{_number(rate['median'])} [{_number(rate['low'])}, {_number(rate['high'])}]"


def _dynamics(part: Results) -> list[str]:
    rows = []
    for name, rate in part["ns_per_day"].items():
        ratios = [part[kind][rival].get(name) for kind in ("ratios", "effective_ratios")
                  for rival in ("ASE Langevin", "OpenMM")]  # fmt: skip
        jumper = part["jumpers"].get(name)
        some = jumper and f"TITO, {jumper['replicas']} replica{'s' * (jumper['replicas'] > 1)}"
        rows.append(
            [
                some or name,
                f"{jumper['lag_ps']:g}" if jumper else "",
                str(jumper["evaluations"]) if jumper else "",
                _speed(rate),
                *("" if ratio is None else _number(ratio) for ratio in ratios[:2]),
                _number(part["effective_samples_per_second"][name]),
                *("" if ratio is None else _number(ratio) for ratio in ratios[2:]),
            ]
        )
    memories = ", ".join(
        f"{key}: {_number(value)} ps" for key, value in part["correlation_ps"].items()
    )
    return [
        f"Alanine dipeptide; evaluations per jump ({_methods(part['jumpers'])}), and ratios to "
        "ASE's Langevin (1 fs, OpenMM's Reference platform as its calculator, one process) and to "
        f"OpenMM alone ({part['openmm_platform']} platform, 2 fs with hydrogens "
        f"of 4 amu, {part['processes']} processes). Independent samples are of the slowest of cos "
        f"and sin of φ and ψ; simulated time per independent sample: {memories} (MD from "
        f"{part['correlation_from']}, {part['md_ps'] / 1000:.3g} ns).\n",
        markdown_table(
            (
                *("", "lag, ps", "evaluations", "ns/day", "× ASE", "× OpenMM"),
                *("independent samples/s", "× ASE", "× OpenMM"),
            ),
            rows,
        ),
        *(
            [
                markdown_table(
                    ("at a lag of 1 ns", "evaluations", "asked for", "found"),
                    [
                        [
                            row["what"],
                            str(row["evaluations"]),
                            f"{row['asked']:,.0f}",
                            _number(row["found"]),
                        ]
                        for row in part["targets"]
                    ],
                )
            ]
            if part["targets"]
            else []
        ),
    ]


def _methods(jumpers: Results) -> str:
    odes = {one["evaluations"]: one["ode"]["method"] for one in jumpers.values()}
    return ", ".join(f"{evaluations}: {method}" for evaluations, method in odes.items())


def _jump(part: Results) -> list[str]:
    rate = part["evaluations_x_replicas_per_second"]
    return [
        markdown_table(
            ("alanine dipeptide", "found"),
            [
                ["one evaluation of one replica, ms", f"{part['evaluation_ms']:.2f}"],
                ["one jump of `TITODynamics.run`, ms", f"{part['jump_ms']:.1f}"],
                [
                    f"the jump above its {part['evaluations_per_jump']} evaluations",
                    f"{100 * part['jump_above_its_evaluations']:.0f} %",
                ],
                [f"evaluations × replicas per second, batches of {part['batch_size']}",
                 _speed(rate)],
            ],
        )
    ]  # fmt: skip


def _replicas(part: Results) -> list[str]:
    rows = [
        [str(count), f"{seconds:.3g}", f"{1000 * seconds / count:.3g}"]
        for count, seconds in zip(part["replicas"], part["seconds_per_jump"], strict=True)
    ]
    return [
        "Replicas of alanine dipeptide, jumps of 100 ps: fitted exponent of the number of replicas "
        f"{part['exponent_from_10']:.2f} from ten on, {part['exponent']:.2f} over all.\n",
        markdown_table(("replicas", "s per jump of all", "ms per replica"), rows),
    ]


def _atoms(part: Results) -> list[str]:
    single, batched = part["one replica"], part["a batch"]
    rows = [
        [str(n), f"{1000 * one:.3g}", str(size), f"{1000 * each:.3g}"]
        for n, one, size, each in zip(
            part["atoms"],
            single["seconds_per_evaluation_and_replica"],
            part["batch_sizes"],
            batched["seconds_per_evaluation_and_replica"],
            strict=True,
        )
    ]
    fits = "; ".join(
        f"{name}: {one['exponent']:.2f} over all, {one['exponent_of_the_largest_two']:.2f} between "
        "the two largest"
        for name, one in (("one replica", single), ("batches", batched))
    )
    return [
        f"Alkane chains, weights of `{part['network']}`: fitted exponents of the number of atoms: "
        f"{fits}.\n",
        markdown_table(
            ("atoms", "one replica, ms per evaluation", "batch", "in the batch, ms per replica"),
            rows,
        ),
    ]


def _cutoff(part: Results) -> list[str]:
    if "edge_over_pair" not in part:
        return [part["note"] + "\n"]
    return [
        f"A neighbour list of {part['cutoff_A']:g} Å, estimated: an edge costs "
        f"{part['edge_over_pair']:.1f} times a pair of the dense form, so that it would pay from "
        f"some {part['atoms_from_which_it_pays_chain']:.0f} atoms in a stretched chain "
        f"({part['neighbours_in_a_chain']:.0f} neighbours) and "
        f"{part['atoms_from_which_it_pays_globule']:.0f} in a globule "
        f"({part['neighbours_in_a_globule']:.0f} neighbours). This is {part['note']}.\n"
    ]


def _training(part: Results) -> list[str]:
    header = ["", "batch", "samples/s"]
    if part["against"]:
        header += ["second implementation, samples/s", "ratio"]
    rows = []
    for row in part["rows"]:
        cells = [row["what"], str(row["batch"]), f"{row['ours_samples_per_second']:,.0f}"]
        if part["against"]:
            cells += [f"{row['other_samples_per_second']:,.0f}", f"{row['ratio']:.2f}"]
        rows.append(cells)
    counts = " and ".join(f"{count:,}" for count in part["parameters"].values())
    return [
        f"Training steps (loss and gradients, alanine dipeptide), and evaluations; {counts} "
        "parameters.\n",
        markdown_table(header, rows),
    ]


def _bars(axis: Axes, part: Results) -> None:
    names = list(part["ns_per_day"])
    rates = [part["ns_per_day"][name] for name in names]
    medians = np.array([rate["median"] for rate in rates])
    errors = [medians - [r["low"] for r in rates], [r["high"] for r in rates] - medians]
    colours = ["C0" if name.startswith("TITO") else "C1" for name in names]
    axis.barh(names, medians, xerr=errors, color=colours, error_kw={"elinewidth": 0.6})
    axis.set_xscale("log")
    axis.set_xlabel("simulated ns per day")
    axis.tick_params(axis="y", labelsize=6)
    axis.invert_yaxis()


def _against(axis: Axes, part: Results) -> None:
    axis.loglog(part["replicas"], part["seconds_per_jump"], "o-", markersize=3, linewidth=0.8)
    axis.set_xlabel("replicas")
    axis.set_ylabel("s per jump of all")
    axis.set_title(f"exponent {part['exponent_from_10']:.2f} from 10 on")


def _sizes(axis: Axes, part: Results) -> None:
    for name in ("one replica", "a batch"):
        milliseconds = 1000 * np.array(part[name]["seconds_per_evaluation_and_replica"])
        label = f"{name}, exponent {part[name]['exponent']:.2f}"
        axis.loglog(part["atoms"], milliseconds, "o-", markersize=3, linewidth=0.8, label=label)
    axis.set_xlabel("atoms")
    axis.set_ylabel("ms per evaluation and replica")
    axis.legend(frameon=False, fontsize=6)
