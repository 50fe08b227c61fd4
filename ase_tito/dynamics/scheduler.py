"""Who runs the blocks of a campaign: this process, processes of this machine, or a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from ase_tito.dynamics.blocks import Block, BlockOutcome, run_block
from ase_tito.errors import ConfigError, TITOWarning

RETRIES = 3
"""How often a block that could not be written is tried again elsewhere."""

_PATIENCE_S = 30


def run_blocks(
    blocks: Sequence[Block],
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    report: Callable[[BlockOutcome], object] = lambda outcome: None,
) -> list[BlockOutcome]:
    """Run all blocks: the same trajectories, bit by bit, whoever runs them and who is killed.

    Parameters
    ----------
    blocks : sequence of Block
    scheduler : str, optional
        Address of a scheduler of Dask, such as ``tcp://10.0.0.1:8786``. Its workers need this
        package, one thread each (``dask worker --nthreads 1``), and the output's directory under
        the same path. A block whose worker dies is taken up by another one where it was left.
    workers : int, optional
        So many processes of this machine instead. Without either, this process does it.
    report : callable
        Called with each outcome.

    Returns
    -------
    list of BlockOutcome
        As the blocks were finished.

    Raises
    ------
    ConfigError
        If Dask is missing, or nothing answers at the address.
    OutputError
        If a block cannot be written.
    """
    if scheduler is not None and workers is not None:
        raise ConfigError("pass the address of a scheduler or a number of workers, not both")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be a positive integer, not {workers}")
    outcomes = []

    def note(outcome: BlockOutcome) -> None:
        outcomes.append(outcome)
        report(outcome)

    if scheduler is None and workers is None:
        for block in blocks:
            note(_run_quietly(block))
        return outcomes
    distributed = _dask()
    with ExitStack() as stack:
        if scheduler is None:
            scheduler = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None
                )
            ).scheduler_address
        try:
            client = stack.enter_context(distributed.Client(scheduler, timeout=_PATIENCE_S))
        except (OSError, ValueError) as error:
            raise ConfigError(f"no scheduler of Dask answers at {scheduler}") from error
        futures = client.map(_run_quietly, list(blocks), pure=False, retries=RETRIES)
        for future in distributed.as_completed(futures):
            note(future.result())
    return outcomes


def _run_quietly(block: Block) -> BlockOutcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TITOWarning)  # given when the campaign was planned
        warnings.filterwarnings("always", ".* is continued with ", TITOWarning)  # all but this
        return run_block(block)


def _dask() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            "schedulers and workers are Dask's, which is missing: pip install 'ase_tito[campaign]'"
        ) from error
    return distributed
