"""The log of a run: a line per logged jump."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any

from ase.parallel import world
from ase.utils import IOContext

from ase_tito.dynamics.metropolis import MetropolisRecord
from ase_tito.dynamics.record import FrameRecord


class TITOLogger(IOContext):
    """Writes simulated time, jump, validity, and the energy where there is one.

    Columns: simulated time in ps; the jump's number; whether its first proposal was valid; invalid
    first proposals and retries so far; the potential energy in eV, if there is a calculator when
    the first line is written.

    A corrected run has no simulated time. Its columns: the jump; whether its proposal was
    accepted; the share of accepted ones, invalid ones, and the log ratio's standard deviation so
    far; its largest error by integration; velocities, exact divergences and energies spent; the
    energy of the state in eV.

    Parameters
    ----------
    logfile : file, path or '-'
        ``'-'`` is standard output; a path is appended to.
    comm : communicator
        Only rank 0 writes to a path.
    remarks : sequence of str
        Written above the columns, after a ``#``.
    """

    def __init__(
        self,
        logfile: IO[str] | str | os.PathLike[str],
        comm: Any = world,
        remarks: Sequence[str] = (),
    ) -> None:
        self._file = self.openfile(logfile, comm=comm, mode="a")
        self._remarks = remarks
        self._with_energy: bool | None = None

    def write(self, record: FrameRecord, energy_eV: float | None) -> None:
        """Write one line; an energy that is not known is printed as nan."""
        if record.metropolis is not None:
            cells = _corrected(record, record.metropolis)
        else:
            cells = _plain(record)
        if self._with_energy is None:
            self._with_energy = energy_eV is not None
            self._file.write("".join(f"# {remark}\n" for remark in self._remarks))
            header = " ".join(f"{title:>{width}}" for title, width, _ in cells)
            self._file.write(header + f" {'Epot[eV]':>14}" * self._with_energy + "\n")
        line = " ".join(f"{text:>{width}}" for _, width, text in cells)
        if self._with_energy:
            line += f" {float('nan') if energy_eV is None else energy_eV:>14.4f}"
        self._file.write(line + "\n")
        self._file.flush()


def _plain(record: FrameRecord) -> list[tuple[str, int, str]]:
    return [
        ("Time[ps]", 14, f"{record.time_ps:.4f}"),
        ("Jump", 9, f"{record.jump}"),
        ("Valid", 6, "yes" if record.first_valid else "no"),
        ("Invalid", 8, f"{record.invalid_first_proposals}"),
        ("Retries", 8, f"{record.retries}"),
    ]


def _corrected(record: FrameRecord, chain: MetropolisRecord) -> list[tuple[str, int, str]]:
    error = float("nan") if chain.ode_error is None else chain.ode_error
    return [
        ("Jump", 9, f"{record.jump}"),
        ("Accepted", 8, "yes" if chain.accepted else "no"),
        ("Rate", 7, f"{chain.acceptances / record.jump:.4f}" if record.jump else "nan"),
        ("Invalid", 8, f"{record.invalid_first_proposals}"),
        ("Spread", 8, f"{chain.spread:.3f}"),
        ("ODE-error", 9, f"{error:.1e}"),
        ("Evaluations", 12, f"{chain.evaluations}"),
        ("Divergences", 12, f"{chain.divergences}"),
        ("Energies", 9, f"{chain.energies}"),
    ]
