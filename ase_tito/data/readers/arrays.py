"""One run of one molecule in an ``.npz`` archive, the package's own simplest format."""

from __future__ import annotations

from pathlib import Path

from ase_tito.analysis.files.spacing import frame_spacing
from ase_tito.data.archives import read_archive
from ase_tito.data.names import name_of_smiles
from ase_tito.data.readers.source import Candidate, ReadOptions, Source
from ase_tito.data.readers.times import stride_for
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.data.trajectory import read_npz
from ase_tito.errors import DataError


def open_arrays(path: Path, options: ReadOptions) -> Source:
    """An archive that `ase_tito.data.read_npz` reads.

    It may hold ``smiles`` too, which names the molecule. Archives of one SMILES are runs of one
    molecule, named by their files.
    """
    try:
        smiles = _smiles(path)
    except DataError:  # `load` says it again, so that a damaged archive costs its molecule alone
        smiles = ""
    name = options.name or name_of_smiles(smiles) or path.stem

    def load() -> MoleculeRecord:
        trajectory = read_npz(path, options.energy_unit)
        temperature = options.temperature(path, trajectory.temperature_K)
        spacing = frame_spacing(path, trajectory.frame_spacing_ps, options.frame_spacing_ps)
        stride = stride_for(str(path), spacing, options.keep_ps)
        run = Run(
            path.stem,
            trajectory.positions[::stride],
            spacing * stride,
            temperature,
            None if trajectory.energies is None else trajectory.energies[::stride],
            time_ordered=trajectory.weights is None,
            weights=None if trajectory.weights is None else trajectory.weights[::stride],
        )
        return MoleculeRecord(name, trajectory.graph, (run,), _smiles(path), options.force_field)

    return Source((Candidate(name, str(path), load),))


def _smiles(path: Path) -> str:
    return str(read_archive(path, (), ("smiles",)).get("smiles", ""))
