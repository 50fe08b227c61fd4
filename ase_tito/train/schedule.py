"""The learning rate over a training run."""

from __future__ import annotations

import math

_FINAL_SHARE = 0.01


def learning_rate_factor(
    step: int, warmup_steps: int, share_done: float, decay_share: float = 1.0
) -> float:
    """Share of the peak learning rate: linear warm-up, constant, half a cosine down to 1 %.

    Parameters
    ----------
    step : int
        Steps taken.
    warmup_steps : int
    share_done : float
        Share of the run that is behind, 0 to 1, by steps or by time.
    decay_share : float
        Share of the run, at its end, over which the rate falls.
    """
    warmup = min(1.0, (step + 1) / warmup_steps)
    falling = max(0.0, 1 - (1 - share_done) / decay_share)
    decay = 0.5 * (1 + math.cos(math.pi * falling))
    return warmup * (_FINAL_SHARE + (1 - _FINAL_SHARE) * decay)
