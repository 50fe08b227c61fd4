"""The linear probability path (Lipman et al., arXiv 2210.02747, eq. 22 with σ_min = 0)."""

from __future__ import annotations

from torch import Tensor


def linear_path(source: Tensor, target: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Point z_s = (1 − s) z_0 + s y and its velocity y − z_0.

    Parameters
    ----------
    source, target : Tensor, shape (B, N, 3)
        z_0 and y.
    s : Tensor, shape (B,)
        Flow time in [0, 1].
    """
    s = s[:, None, None]
    return (1 - s) * source + s * target, target - source
