"""Which choices learn most in the same time: variants of one training run, one after another.

    python benchmarks/ablations.py examples/training/ablations.toml --output ablations

The TOML names a training configuration (`base`), what all variants change in it (`[common]`), and
what each changes besides (`[variants.NAME]`). Each variant is trained for the same minutes, on the
same data, with the same seed and validation pairs, and then sampled on held-out molecules by
`ase_tito.evaluation`. Prints one Markdown table, also kept in OUTPUT/ablations.md. Training,
samples and figures are kept: a call that was stopped or killed goes on where it was.

Minutes are wall time, so that nothing else should run, and with `compile = true` they hold the
compilation, which the first variant pays for all that share its shapes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ase_tito.checkpoint import operator_from_checkpoint, read_checkpoint
from ase_tito.errors import TITOError
from ase_tito.evaluation import (
    Evaluation,
    EvaluationSettings,
    ReferenceSet,
    evaluate,
    markdown_table,
    open_references,
    summarize,
)
from ase_tito.train import TrainConfig, TrainingStopped, fit

SECTIONS = ("data", "network", "optimizer")
"""Merged entry by entry; all else a variant replaces as a whole."""

HEADER = (
    "variant",
    "weights",
    "pairs",
    "pairs/s",
    "validation loss, Å²",
    "valid, single",
    "JSD, single (floor)",
    "bond width, single",
    "valid, nested",
    "JSD, nested (floor)",
    "bond width, nested",
)


@dataclass(frozen=True)
class Plan:
    """What an ablation file says.

    Attributes
    ----------
    configs : dict of str to TrainConfig
        By the variants' names, in their order; the first is what others are compared with.
    settings : EvaluationSettings
    split : str
        Whose molecules are sampled.
    molecules : int
        How many of them, from the first on.
    """

    configs: dict[str, TrainConfig]
    settings: EvaluationSettings
    split: str
    molecules: int

    def references(self) -> ReferenceSet:
        """The molecules to sample, none of which is trained on."""
        data = next(iter(self.configs.values())).data
        found = open_references(data.dataset[:1], split=self.split)
        return found.only(found.names[: self.molecules])


def read_plan(path: Path, output: Path, minutes: float | None = None) -> Plan:
    """Read an ablation file; minutes replace its own."""
    entries = tomllib.loads(path.read_text("utf-8"))
    base_path = path.parent / entries["base"]
    base = merged(tomllib.loads(base_path.read_text("utf-8")), entries.get("common", {}))
    if minutes is not None:
        base = merged(base, {"optimizer": {"minutes": minutes}})
    if "minutes" in base["optimizer"]:
        base["optimizer"].pop("steps", None)
    configs = {}
    for name, changes in entries["variants"].items():
        config = TrainConfig.from_entries({**merged(base, changes), "name": name}, base_path.parent)
        configs[name] = replace(config, output=output / name)
    evaluation = dict(entries.get("evaluation", {}))
    split = evaluation.pop("split", "validation")
    molecules = evaluation.pop("molecules", 10)
    return Plan(configs, EvaluationSettings(**evaluation), split, molecules)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A training configuration's entries with some changed."""
    sections = {key: {**base.get(key, {}), **changes[key]} for key in SECTIONS if key in changes}
    return {**base, **changes, **sections}


def yardstick(config: TrainConfig) -> tuple[Any, ...]:
    """Two validation losses mean the same where this is equal."""
    o = config.optimizer
    return (
        config.source,
        config.frame,
        config.coupling,
        (o.time_distribution, o.time_location, o.time_scale, o.batch_size),
        config.data,
        config.seed,
    )


def trained(config: TrainConfig) -> Path:
    """Train a variant, or what is left of it to be trained."""
    return fit(
        config,
        resume=(config.output / "state.pt").exists(),
        show_progress=True,
        command="benchmarks/ablations.py",
    )


def digest(checkpoint: Path) -> str:
    """Of what a checkpoint holds: a finished run that is resumed writes the same anew."""
    header, weights = read_checkpoint(checkpoint)
    found = hashlib.sha256(header.to_json().encode())
    for key in sorted(weights):
        found.update(weights[key].numpy().tobytes())
    return found.hexdigest()


def evaluated(name: str, checkpoint: Path, plan: Plan, references: ReferenceSet) -> Evaluation:
    """Sample a variant on the held-out molecules."""
    with tqdm(total=len(references.names), desc=f"{name}: sampling") as bar:
        return evaluate(
            operator_from_checkpoint(checkpoint),
            references,
            checkpoint.parent / "evaluation",
            plan.settings,
            model=name,
            digest=digest(checkpoint),
            progress=lambda _, step, __: bar.update(step == "done"),
        )


def row(checkpoint: Path, evaluation: Evaluation | None, comparable: bool) -> list[str]:
    """A variant's cells after its name."""
    header, weights = read_checkpoint(checkpoint)
    training = header.training
    loss = training["validation_loss_A2"]
    shown = "" if loss is None else f"{loss:.3f}" if comparable else f"({loss:.3f})"
    found = summarize(evaluation.results) if evaluation else []
    means = {summary.key: summary.mean for summary in found}
    cells = []
    for protocol in ("single", "nested"):
        valid, jsd, bonds = (
            means.get(f"{protocol}.{key}") for key in ("valid_share", "jsd", "bond_width_ratio")
        )
        cells += [
            f"{valid['value']:.1%}" if valid else "",
            f"{jsd['equal']:.3f} ({jsd['floor']:.3f})" if jsd else "",
            f"{bonds['value']:.3f}" if bonds else "",
        ]
    return [
        f"{sum(value.numel() for value in weights.values()):,}",
        f"{training['pairs']:,}",
        f"{training['pairs'] / training['training_time_s']:.0f}",
        shown,
        *cells,
    ]


def table(rows: Mapping[str, list[str]], plan: Plan, failures: Mapping[str, str]) -> str:
    """The table, and how to read it."""
    settings, first = plan.settings, next(iter(plan.configs))
    text = markdown_table(HEADER, [[name, *cells] for name, cells in rows.items()])
    text += (
        f"\nValidation losses in brackets are of another source, frame, coupling, time sampling or "
        f"choice of pairs than those of {first}, and not comparable with them. JSD: of the two "
        f"slowest TICA components on {settings.bins} × {settings.bins} bins, nats, mean over "
        f"{plan.molecules} molecules of the split {plan.split} at most, at equal counts; its floor "
        "is that of MD against MD. Valid: first proposals. Bond width: standard deviation of bond "
        "lengths over MD's; too wide a bond is too high an energy.\n"
    )
    return text + "".join(f"\n{name}: {reason}\n" for name, reason in failures.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path, metavar="ABLATIONS.toml")
    parser.add_argument("--output", type=Path, default=Path("ablations"))
    parser.add_argument("--minutes", type=float, help="of training, in place of the file's")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these variants")
    parser.add_argument("--molecules", type=int, help="to sample, in place of the file's")
    options = parser.parse_args()
    plan = read_plan(options.plan, options.output, options.minutes)
    if options.molecules is not None:
        plan = replace(plan, molecules=options.molecules)
    names = options.only or list(plan.configs)
    if unknown := sorted(set(names) - set(plan.configs)):
        parser.error(f"there is no variant {unknown[0]}; there are {', '.join(plan.configs)}")
    references = plan.references()
    first = next(iter(plan.configs.values()))
    options.output.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[str]] = {}
    failures: dict[str, str] = {}
    for name in names:
        config = plan.configs[name]
        evaluation = None
        try:
            checkpoint = trained(config)
            evaluation = evaluated(name, checkpoint, plan, references)
            failures |= {f"{name}, {key}": text for key, text in evaluation.failures.items()}
        except TrainingStopped as stopped:
            raise SystemExit(str(stopped)) from None
        except TITOError as error:  # such as one that diverges: the others are to go on
            failures[name] = str(error)
        checkpoint = config.output / f"{name}.safetensors"
        if checkpoint.exists():
            rows[name] = row(checkpoint, evaluation, yardstick(config) == yardstick(first))
        partial = options.output / "ablations.md.partial"
        partial.write_text(table(rows, plan, failures), encoding="utf-8")
        os.replace(partial, options.output / "ablations.md")
    print(table(rows, plan, failures))


if __name__ == "__main__":
    main()
