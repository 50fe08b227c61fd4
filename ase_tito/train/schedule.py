"""The learning rate over a training run."""

from __future__ import annotations

import math

_FINAL_SHARE = 0.01


def learning_rate_factor(step: int, warmup_steps: int, steps: int) -> float:
    """Share of the peak learning rate at a step: linear warm-up times half a cosine to 1 %."""
    warmup = min(1.0, (step + 1) / warmup_steps)
    decay = 0.5 * (1 + math.cos(math.pi * step / steps))
    return warmup * (_FINAL_SHARE + (1 - _FINAL_SHARE) * decay)
