"""Models that the benchmark of priors trains for itself, with and without a prior."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from prior_setting import FORCE_FIELD, ODE

from ase_tito.models import load_prior
from ase_tito.train import DataConfig, OptimizerConfig, PriorConfig, TrainConfig, fit


def trained(
    options: argparse.Namespace,
    name: str,
    kind: str,
    paths: Sequence[Path],
    *,
    lags_ps: tuple[float, float] | None = None,
    seed: int = 0,
) -> Path:
    """A checkpoint, trained unless it is there, or trained on where it was interrupted.

    `kind` is 'plain' (in its own frame), 'prior' (on top of that of --model), or 'equilibrium'
    (without lags, and with the coupling 'independent').
    """
    prior = load_prior(options.model) if kind == "prior" else None
    data = DataConfig(
        trajectories=tuple(map(str, paths)),
        force_field=FORCE_FIELD,
        validation_fraction=0.05,
        **({"equilibrium": True} if kind == "equilibrium" else {"lag_range_ps": lags_ps}),
    )
    config = TrainConfig(
        name=name,
        output=options.output / "models" / name,
        data=data,
        optimizer=OptimizerConfig(
            method="muon",
            minutes=options.minutes,
            batch_size=64,
            learning_rate=4e-3,
            warmup_steps=max(1, min(500, round(30 * options.minutes))),
        ),
        network={"features": options.features, "heads": 8, "blocks": 4},
        seed=seed,
        prior=None if prior is None else PriorConfig(options.model, options.relaxation_time_ps),
        coupling="independent" if prior is None else str(prior.coupling),
        ode=ODE,
        compile=options.compile,
        select="last",
    )
    done = config.output / "finished"
    if not done.exists():
        fit(config, resume=(config.output / "state.pt").exists())
        done.touch()
    return config.output / f"{name}.safetensors"
