"""How the weights are fitted: batches, schedule, averaging, flow times."""

from __future__ import annotations

from dataclasses import dataclass

from ase_tito.errors import ConfigError
from ase_tito.train.config.checks import (
    check_choice,
    check_number,
    check_positive,
    check_whole,
    check_within,
)


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights are fitted.

    Parameters
    ----------
    steps : int, optional
        Optimizer steps in all; this or `minutes`.
    minutes : float, optional
        Training time in all, validations included: the schedule then follows the time spent
        training, which the state records. A resumed run goes on exactly from its state, but how
        many steps fit into the rest depends on the machine.
    method : {'muon', 'adamw'}
        Muon for the matrices of linear maps and AdamW for all else, or AdamW for everything.
    batch_size : int
        Pairs a step, over all processes.
    learning_rate : float
        Peak of the schedule: linear warm-up, constant, then half a cosine down to one percent.
    warmup_steps : int
    decay_share : float
        Share of the run, at its end, over which the learning rate falls; 1 for a cosine over all
        of it.
    weight_decay : float
        Of either method.
    betas : tuple of float
        Of AdamW.
    gradient_clip : float
        Largest norm of the gradient.
    ema_decay : float
        Of the exponential moving average of the weights, which is what a checkpoint holds.
    time_distribution : {'logit-normal', 'uniform'}
        Of the flow times s.
    time_location, time_scale : float
        Logit-normal times are s = sigmoid(time_location + time_scale · ε), ε ~ N(0, 1).
    """

    steps: int | None = None
    minutes: float | None = None
    method: str = "muon"
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    decay_share: float = 1.0
    weight_decay: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    gradient_clip: float = 2.0
    ema_decay: float = 0.999
    time_distribution: str = "logit-normal"
    time_location: float = 0.8
    time_scale: float = 1.2

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise ConfigError(
                "optimizer.steps is missing, or optimizer.minutes in its place"
                if self.steps is None
                else "optimizer.steps and optimizer.minutes exclude each other: keep one"
            )
        if self.steps is not None:
            check_whole("optimizer.steps", self.steps)
        if self.minutes is not None:
            check_positive("optimizer.minutes", self.minutes)
        for name in ("batch_size", "warmup_steps"):
            check_whole(f"optimizer.{name}", getattr(self, name))
        for name in ("learning_rate", "gradient_clip", "time_scale"):
            check_positive(f"optimizer.{name}", getattr(self, name))
        for name in ("decay_share", "weight_decay", "time_location"):
            check_number(f"optimizer.{name}", getattr(self, name))
        if not 0 < self.decay_share <= 1:
            raise ConfigError(f"optimizer.decay_share must lie in (0, 1], not {self.decay_share!r}")
        if self.weight_decay < 0:
            raise ConfigError(f"optimizer.weight_decay must not be negative: {self.weight_decay!r}")
        check_within("optimizer.ema_decay", self.ema_decay, 0, 1)
        check_choice("optimizer.method", self.method, ("muon", "adamw"))
        check_choice(
            "optimizer.time_distribution", self.time_distribution, ("logit-normal", "uniform")
        )
        if not isinstance(self.betas, list | tuple) or len(self.betas) != 2:
            raise ConfigError(f"optimizer.betas must be two numbers in [0, 1), not {self.betas}")
        for beta in self.betas:
            check_within("optimizer.betas", beta, 0, 1)
        object.__setattr__(self, "betas", tuple(self.betas))

    def share_done(self, step: int, seconds: float) -> float:
        """Share of the run that is behind, from 0 to 1, after so many steps and seconds."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, seconds / (60 * (self.minutes or 1.0)))
