"""Trajectories of ASE (.traj, extended XYZ) and of mdtraj (XTC, DCD, NetCDF, ...)."""

from __future__ import annotations

from pathlib import Path

from ase_tito.analysis.files import open_trajectory, read_topology
from ase_tito.data.readers.source import Candidate, ReadOptions, Source
from ase_tito.data.readers.times import stride_for
from ase_tito.data.records import MoleculeRecord, Run


def open_trajectory_file(path: Path, options: ReadOptions) -> Source:
    """One run of one molecule; runs with one topology are of one molecule, named after it.

    Bonds are those of the topology or the file's header, else of its first frame.
    """
    name = options.name or (options.topology or path).stem

    def load() -> MoleculeRecord:
        topology = None if options.topology is None else read_topology(options.topology)
        source = open_trajectory(path, topology=topology, frame_spacing_ps=options.frame_spacing_ps)
        found = source.description.get("temperature_K")
        temperature = options.temperature(path, None if found is None else float(found))
        stride = stride_for(str(path), source.frame_spacing_ps, options.keep_ps)
        run = Run(path.stem, source.frames(stride), source.frame_spacing_ps * stride, temperature)
        return MoleculeRecord(name, source.graph(), (run,), "", options.force_field)

    return Source((Candidate(name, str(path), load),))
