"""The log of a run: a line per logged jump."""

from __future__ import annotations

import os
from typing import IO, Any

from ase.parallel import world
from ase.utils import IOContext

from ase_tito.dynamics.record import FrameRecord


class TITOLogger(IOContext):
    """Writes simulated time, jump, validity, and the energy where there is one.

    Columns: simulated time in ps; the jump's number; whether its first proposal was valid; invalid
    first proposals and retries so far; the potential energy in eV, if there is a calculator when
    the first line is written.

    Parameters
    ----------
    logfile : file, path or '-'
        ``'-'`` is standard output; a path is appended to.
    comm : communicator
        Only rank 0 writes to a path.
    """

    def __init__(self, logfile: IO[str] | str | os.PathLike[str], comm: Any = world) -> None:
        self._file = self.openfile(logfile, comm=comm, mode="a")
        self._with_energy: bool | None = None

    def write(self, record: FrameRecord, energy_eV: float | None) -> None:
        """Write one line; an energy that is not known is printed as nan."""
        if self._with_energy is None:
            self._with_energy = energy_eV is not None
            header = f"{'Time[ps]':>14} {'Jump':>9} {'Valid':>6} {'Invalid':>8} {'Retries':>8}"
            self._file.write(header + f" {'Epot[eV]':>14}" * self._with_energy + "\n")
        line = (
            f"{record.time_ps:>14.4f} {record.jump:>9d} {'yes' if record.first_valid else 'no':>6} "
            f"{record.invalid_first_proposals:>8d} {record.retries:>8d}"
        )
        if self._with_energy:
            line += f" {float('nan') if energy_eV is None else energy_eV:>14.4f}"
        self._file.write(line + "\n")
        self._file.flush()
