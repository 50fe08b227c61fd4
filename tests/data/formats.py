"""Small files in the exact formats of others, of molecules that jitter about a minimum."""

import warnings

import h5py
import mdtraj
import numpy as np
from ase.build import molecule
from ase.data import chemical_symbols

from ase_tito.perception import infer_bonds


def jitter(positions, frames, seed=0, size=0.02):
    """Frames (T, n, 3) about positions in Å, away from the origin."""
    noise = np.random.default_rng(seed).normal(size=(frames, *positions.shape))
    return positions + size * noise + 3.0


def molfile(numbers, positions, bonds, title=""):
    """A V2000 record in Å."""
    lines = [
        title,
        "  made3D",
        "",
        f"{len(numbers):3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V2000",
    ]
    for z, xyz in zip(numbers, positions, strict=True):
        coordinates = "".join(f"{value:10.4f}" for value in xyz)
        lines.append(f"{coordinates} {chemical_symbols[z]:<3s} 0  0  0  0  0  0  0  0  0  0  0  0")
    lines += [f"{i + 1:3d}{j + 1:3d}  1  0" for i, j in bonds]
    return "\n".join([*lines, "M  END", "$$$$", ""])


MDQM9 = ("CH3CH2OH", "CH3CHO", "H2O", "CH3OCH3")
FRAMES = 60


def write_mdqm9(folder):
    """mdQM9-nc: HDF5 (nm, ps), the molecules as SDF in the same order, and splits."""
    folder.mkdir()
    with (
        h5py.File(folder / "mdqm9-nc.hdf5", "w") as file,
        open(folder / "mdqm9-nc.sdf", "w") as sdf,
    ):
        for k, name in enumerate(MDQM9):
            atoms = molecule(name)
            group = file.create_group(f"{k:05d}")
            x = jitter(atoms.positions, FRAMES, k)
            group["data/atoms"] = atoms.numbers
            group["data/heavy_atoms"] = np.flatnonzero(atoms.numbers > 1)
            group["data/time_lag"] = 2.0
            group["data/partial_charges"] = np.zeros(len(atoms))
            group["trajectories/md_0"] = (x / 10).astype(np.float32)
            if k == 0:
                group["trajectories/re_0"] = (x[::-1][:20] / 10).astype(np.float32)
            bonds = infer_bonds(atoms.numbers, atoms.positions)
            sdf.write(molfile(atoms.numbers, atoms.positions, bonds, f"gdb_{k}"))
    (folder / "splits").mkdir()
    for split, indices in (("train", [0, 2]), ("val", [3]), ("test", [1])):
        np.save(folder / "splits" / f"{split}_indices.npy", np.array(indices))
    return folder


PEPTIDE = {
    "ACE": ["CH3", "HH31", "HH32", "HH33", "C", "O"],
    "NME": ["N", "H", "C", "H1", "H2", "H3"],
}


def peptide():
    """N-methylacetamide as two capping residues: mdtraj topology, positions in Å."""
    from tests.molecules import atoms_and_bonds

    atoms, bonds = atoms_and_bonds("n-methylacetamide")
    numbers, x = atoms.numbers, atoms.positions
    around = {k: [] for k in range(len(numbers))}
    for i, j in bonds.tolist():
        around[i].append(j)
        around[j].append(i)
    (oxygen,) = np.flatnonzero(numbers == 8).tolist()
    (nitrogen,) = np.flatnonzero(numbers == 7).tolist()
    carbonyl = around[oxygen][0]
    acetyl = next(k for k in around[carbonyl] if numbers[k] == 6)
    methyl = next(k for k in around[nitrogen] if numbers[k] == 6 and k != carbonyl)

    def hydrogens(atom):
        return [k for k in around[atom] if numbers[k] == 1]

    order = [acetyl, *hydrogens(acetyl), carbonyl, oxygen]
    order += [nitrogen, *hydrogens(nitrogen), methyl, *hydrogens(methyl)]
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    place = iter(order)
    for number, (residue, names) in enumerate(PEPTIDE.items()):
        added = topology.add_residue(residue, chain, resSeq=number)
        for name in names:
            symbol = chemical_symbols[numbers[next(place)]]
            topology.add_atom(name, mdtraj.element.Element.getBySymbol(symbol), added)
    return topology, x[order], np.argsort(order)[bonds]


def uneven_times(count, spacing=5.0):
    """Times in ps: each so many ps, and some close behind each of these."""
    grid = spacing * np.arange(count)
    return np.sort(np.concatenate([grid, grid[::2] + 0.0005, grid[1::3] + 0.01]))


def write_timewarp(folder, name, seed=0, times=None, count=30, **changes):
    """One peptide of Timewarp: arrays (nm, ps) and a PDB file whose coordinates mean nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    topology, positions, _ = peptide()
    times = uneven_times(count) if times is None else times
    x = jitter(positions, len(times), seed)
    arrays = {
        "positions": (x / 10).astype(np.float32),
        "velocities": np.zeros_like(x, np.float32),
        "forces": np.zeros_like(x, np.float32),
        "energies": np.zeros((len(times), 2)),
        "time": times,
        "step": np.rint(times / 0.0005).astype(int),
    }
    arrays |= changes
    np.savez(
        folder / f"{name}-traj-arrays.npz", **{k: v for k, v in arrays.items() if v is not None}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        crude = mdtraj.Trajectory(0.02 * positions[None], topology)
        crude.save_pdb(str(folder / f"{name}-traj-state0.pdb"))
    return x
