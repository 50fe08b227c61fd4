"""All jumps that a report can show, of the model that made its trajectories."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ase_tito.analysis.energy_distance import MOST_PAIRS
from ase_tito.analysis.files import TrajectorySource, spread_frames
from ase_tito.analysis.report import DoubledJumps, ReportSettings, SingleJumps, choose_lag
from ase_tito.dynamics.model import resolve_model
from ase_tito.dynamics.run_record import weights_sha256
from ase_tito.errors import DataError
from ase_tito.evaluation.consistency import doubling_lag, make_doubled_jumps, make_single_jumps
from ase_tito.transfer.implicit import ImplicitTransferOperator

MULTIPLES = (1, 2, 5, 10)
"""Lags of single jumps, in units of the one at which a report compares kinetics."""


def jumps_for_report(
    model: str | os.PathLike[str] | ImplicitTransferOperator,
    trajectories: Sequence[TrajectorySource],
    reference: Sequence[TrajectorySource] = (),
    *,
    settings: ReportSettings | None = None,
    starts: int = 1000,
    start_frame: int = 0,
    device: torch.device | str = "cpu",
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[DoubledJumps, SingleJumps]:
    """Jumps for `compute_report`, from frames of the trajectories.

    Parameters
    ----------
    model : str, path or ImplicitTransferOperator
        As for `TITO`.
    trajectories : sequence of TrajectorySource
        The model's own. Their jump, as far as the model knows twice as long ones, is τ.
    reference : sequence of TrajectorySource
    settings : ReportSettings, optional
        Those of the report.
    starts : int
        Frames that one jump of 2τ and two of τ are made from. Half as many single jumps of each
        lag are made from one frame.
    start_frame : int
        That frame, counted from 0, of the first reference, else of the first trajectory.
    device : torch.device or str
        Where a model given by name or path is loaded.
    progress : callable
        Called with the number of jumps made since the last call.

    Raises
    ------
    DataError
        If the trajectories are those of another model, or of no known temperature, or have no
        such frame, or for a number of starts that the test does not take.
    DomainError
        If the model does not know the molecule.
    """
    settings = settings or ReportSettings()
    if not 2 <= starts <= MOST_PAIRS:
        raise DataError(f"jumps are made from 2 to {MOST_PAIRS} frames, not {starts}")
    first = trajectories[0]
    graph = first.graph()
    description = first.description
    operator, _ = resolve_model(model, graph, description.get("temperature_K"), device)
    made_by = description.get("model_sha256")
    if made_by is not None and made_by != weights_sha256(operator):
        raise DataError(
            f"{first.path} was made by a model of other weights than {operator.name}'s; give the"
            " model that made it"
        )
    temperature = _temperature(operator, [*trajectories, *reference])
    seed = settings.seed
    doubled = make_doubled_jumps(
        operator,
        graph,
        spread_frames(trajectories, starts, settings.skip_ps),
        doubling_lag(operator, float(description.get("lag_time_ps", first.frame_spacing_ps))),
        temperature_K=temperature,
        seed=seed,
        progress=progress,
    )
    sides = [trajectories[0], *reference[:1]]
    lag = choose_lag(settings, [side.frame_spacing_ps for side in sides])
    low, high = operator.domain.lag_range_ps
    single = make_single_jumps(
        operator,
        graph,
        _frame(sides[-1], start_frame),
        [n * lag for n in MULTIPLES if low <= n * lag <= high] or [doubled.lag_time_ps],
        max(1, starts // 2),
        temperature_K=temperature,
        seed=seed + 1,
        progress=progress,
    )
    return doubled, single


def _temperature(operator: ImplicitTransferOperator, sources: Sequence[TrajectorySource]) -> float:
    known = [s.description["temperature_K"] for s in sources if "temperature_K" in s.description]
    low, high = operator.domain.temperature_range_K
    if known:
        return float(known[0])
    if low != high:
        raise DataError(
            f"no trajectory says its temperature, and the model knows {low:g} to {high:g} K"
        )
    return low


def _frame(source: TrajectorySource, index: int) -> NDArray[np.float32]:
    chunk = next(source.chunks(size=1, skip=index), None) if index >= 0 else None
    if chunk is None:
        raise DataError(f"{source.path} has no frame {index} to start jumps from")
    return np.asarray(chunk[0])
