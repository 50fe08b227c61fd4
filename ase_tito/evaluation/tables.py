"""An evaluation as tables: for model cards, for spreadsheets, and on the screen."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from ase_tito.evaluation.bounds import Verdict
from ase_tito.evaluation.campaign import Evaluation
from ase_tito.evaluation.catalogue import INFO, PAPER, PROTOCOLS, all_keys, info_of
from ase_tito.evaluation.markdown import markdown_table
from ase_tito.evaluation.result import Figure, MoleculeResult
from ase_tito.evaluation.summary import COLUMNS, Summary

Rows = list[list[str]]

NOTHING = Figure(float("nan"))

SHOWN = ("jsd_release", "jsd", "vamp_gap", "timescale_error", "valid_share")
"""Columns of the table of molecules."""


def summary_rows(
    evaluation: Evaluation,
    summaries: Sequence[Summary],
    protocol: str,
    *,
    intervals: bool = True,
) -> Rows:
    """Mean and median of all figures of one protocol, beside the floor and the paper's."""
    kinds = {result.kind for result in evaluation.results}
    kind = kinds.pop() if len(kinds) == 1 else None
    paper = PAPER[kind] if kind is not None else {}
    header = ["figure", "molecules", "mean", "median", "at equal counts", "floor", "excess"]
    rows = [[*header, *([f"paper, {kind}"] if kind is not None else [])]]
    for summary in summaries:
        if not summary.key.startswith(protocol + "."):
            continue
        info = info_of(summary.key)
        mean, median = (
            _with_interval(
                info.format(values["value"]),
                [info.format(end) for end in interval] if intervals else [""],
            )
            for values, interval in (
                (summary.mean, summary.mean_interval),
                (summary.median, summary.median_interval),
            )
        )
        row = [info.title, str(summary.molecules), mean, median]
        row += [
            _pair(info.format(summary.mean[part]), info.format(summary.median[part]))
            for part in COLUMNS[1:]
        ]
        if kind is not None:
            known = paper.get(summary.key)
            row.append("" if known is None else _pair(*(f"{value:.3f}" for value in known)))
        rows.append(row)
    return rows


def molecule_rows(evaluation: Evaluation, protocol: str) -> Rows:
    """The main figures of every molecule, the worst divergence first."""
    infos = [INFO[key] for key in SHOWN]
    with_energy = any(f"{protocol}.energy_shift_kJ_mol" in r.figures for r in evaluation.results)
    rows = [
        [
            "molecule",
            "atoms",
            "MD frames",
            "crossings",
            infos[0].title.removesuffix(", nats"),
            "JSD at equal counts (floor)",
            "excess",
            "VAMP-2 gap",
            "excess",
            "timescale error (resolved)",
            "excess",
            *(["energy shift, kJ/mol"] if with_energy else []),
            "valid",
        ]
    ]
    for result in by_excess(evaluation.results, protocol):

        def figure(key: str, result: MoleculeResult = result) -> Figure:
            return result.figures.get(f"{protocol}.{key}", NOTHING)

        jsd, gap, error = figure("jsd"), figure("vamp_gap"), figure("timescale_error")
        resolved = INFO["timescales_resolved"].format(figure("timescales_resolved").value)
        rows.append(
            [
                result.name,
                str(result.n_atoms),
                f"{result.reference['frames']:,}",
                crossings(result),
                infos[0].format(figure("jsd_release").value),
                _beside(infos[1].format(jsd.equal), infos[1].format(jsd.floor)),
                infos[1].format(jsd.excess),
                infos[2].format(gap.value),
                infos[2].format(gap.excess),
                _beside(infos[3].format(error.value), resolved),
                infos[3].format(error.excess),
                *(
                    [INFO["energy_shift_kJ_mol"].format(figure("energy_shift_kJ_mol").value)]
                    if with_energy
                    else []
                ),
                infos[4].format(figure("valid_share").value),
            ]
        )
    return rows


def by_excess(results: Sequence[MoleculeResult], protocol: str = "nested") -> list[MoleculeResult]:
    """Molecules by the excess of their divergence, the worst first."""

    def excess(result: MoleculeResult) -> float:
        value = result.figures.get(f"{protocol}.jsd", NOTHING).excess
        return value if value == value else float("-inf")

    return sorted(results, key=excess, reverse=True)


def crossings(result: MoleculeResult) -> str:
    """How often the MD crosses its slowest coordinate; marked where that is too seldom."""
    found = result.reference.get("equilibrium_mixing")
    if found is None:
        return ""
    return f"{found['crossings']:,}" + ("" if found["mixes"] else " (!)")


def verdict_rows(verdicts: Sequence[Verdict]) -> Rows:
    """Bounds, what was reached, and whether that is enough."""
    rows = [["required", "reached", ""]]
    for verdict in verdicts:
        reached = info_of(verdict.bound.key).format(verdict.reached) or "no figure"
        rows.append([f"`{verdict.bound.text}`", reached, "met" if verdict.met else "**not met**"])
    return rows


def failure_rows(evaluation: Evaluation, protocol: str) -> Rows:
    """First proposals that failed a check, over all molecules."""
    totals: dict[str, int] = {}
    for result in evaluation.results:
        for check, count in result.failures.get(protocol, {}).items():
            totals[check] = totals.get(check, 0) + count
    names = {
        "finite": "not finite",
        "bonds": "broken bond",
        "clashes": "clash",
        "tetrahedral": "inverted stereocentre",
        "double_bonds": "inverted double bond",
    }
    return [
        ["failed check of first proposals", "count"],
        *([names[check], f"{count:,}"] for check, count in totals.items()),
    ]


def markdown(
    evaluation: Evaluation, summaries: Sequence[Summary], verdicts: Sequence[Verdict]
) -> str:
    """The whole evaluation, for a model card."""
    text = [f"# Evaluation of {evaluation.model}\n", _paragraph(evaluation) + "\n"]
    if verdicts:
        text += [_table(verdict_rows(verdicts))]
    for protocol, title in PROTOCOLS.items():
        rows = summary_rows(evaluation, summaries, protocol)
        if len(rows) > 1:
            text += [f"## {title[0].upper()}{title[1:]}\n", _table(rows)]
            text += [_table(failure_rows(evaluation, protocol))]
            text += [_table(molecule_rows(evaluation, protocol))]
    text += [
        "Pairs are mean / median over molecules; in brackets the 95 % bootstrap interval over"
        " molecules (of one molecule, over blocks of frames). *At equal counts* is the model"
        " against one half of the MD, the *floor* is the other half of the MD against it, with as"
        " many frames; the *excess* is their difference. (!): the MD crosses its slowest"
        " coordinate too seldom to be a reference for it.\n",
        "![Histograms over the molecules](histograms.png)\n",
        "![Free-energy surfaces of the worst, the median and the best molecule](surfaces.png)\n",
    ]
    if evaluation.failures:
        text += ["## Not evaluated\n"]
        text += [f"- {name}: {reason}" for name, reason in evaluation.failures.items()] + [""]
    noted = [(result.name, note) for result in evaluation.results for note in result.notes]
    if noted:
        text += ["## Notes\n", *(f"- {name}: {note}" for name, note in noted), ""]
    return "\n".join(text)


def csv_text(results: Sequence[MoleculeResult]) -> str:
    """One row for each molecule, every part of every figure; empty where there is none."""
    present = [key for key in all_keys() if any(key in result.figures for result in results)]
    parts = ("value", "low", "high", "equal", "floor", "excess")
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    about = ["molecule", "smiles", "formula", "kind", "atoms", "temperature_K", "lag_time_ps"]
    writer.writerow([*about, *(f"{key}.{part}" for key in present for part in parts)])
    for result in results:
        row = [
            result.name,
            result.smiles,
            result.formula,
            result.kind,
            result.n_atoms,
            result.sampling["temperature_K"],
            result.sampling["lag_time_ps"],
        ]
        for key in present:
            found = result.figures.get(key, NOTHING)
            values = [getattr(found, part) for part in parts]
            row += ["" if value != value else f"{value:.8g}" for value in values]
        writer.writerow(row)
    return file.getvalue()


def _paragraph(evaluation: Evaluation) -> str:
    plans = {
        (
            f"{r.sampling['replicas']} replicas × {r.sampling['jumps']} nested jumps",
            f"{r.sampling['single_jumps']:,} single jumps",
            f"{r.sampling['lag_time_ps']:g} ps",
            f"{r.sampling['temperature_K']:g} K",
        )
        for r in evaluation.results
    }
    said = "; ".join(f"{a} and {b}, of {c} each, at {d}" for a, b, c, d in sorted(plans))
    ode = evaluation.results[0].sampling["ode"]
    count = len(evaluation.results)
    every = count + len(evaluation.failures)
    of_all = f" of {every}" if every > count else ""
    molecules = f"{count}{of_all} molecule{'s' * (every != 1)}"
    return (
        f"{molecules} ({evaluation.dataset}): {said}, all from frames of MD. Integration:"
        f" {ode['method']}, {ode['steps']} steps; seed {evaluation.settings.seed}. Made by"
        " `ase-tito evaluate`."
    )


def _table(rows: Rows) -> str:
    return markdown_table(rows[0], rows[1:])


def _pair(mean: str, median: str) -> str:
    return f"{mean} / {median}" if mean or median else ""


def _with_interval(text: str, ends: list[str]) -> str:
    return f"{text} [{ends[0]}, {ends[1]}]" if all(ends) else text


def _beside(value: str, other: str) -> str:
    return f"{value or '–'} ({other})" if other else value
