"""Make the two alanine-dipeptide files beside this script from the trajectories of its MD runs.

    python make_alanine_dipeptide.py run1.npz run2.npz

Each run is an npz with `positions` (frames, 22, 3) in Å, `atomic_numbers`, `bonds`,
`frame_spacing_ps` and `temperature_K`, atoms in the order ACE, ALA, NME named below.

- `alanine-dipeptide.pdb`: one equilibrium frame of the first run.
- `alanine-dipeptide-md.npz`: (φ, ψ) of every frame of every run, in hundredths of a degree and in
  order of time: enough for a histogram, its sampling error, and how fast MD forgets.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from ase_tito.analysis.internals import dihedrals

HERE = Path(__file__).parent
RESIDUES = {
    "ACE": "H1 CH3 H2 H3 C O",
    "ALA": "N H CA HA CB HB1 HB2 HB3 C O",
    "NME": "N H C H1 H2 H3",
}
PHI, PSI = (4, 6, 8, 14), (6, 8, 14, 16)
PDB_FRAME = 357
"""Any frame would do; this one has φ ≈ -70°, ψ ≈ 150°, where a peptide likes to be."""


def write_pdb(
    path: Path, positions: np.ndarray, atomic_numbers: np.ndarray, bonds: np.ndarray
) -> None:
    """One frame with element columns and a CONECT record for every atom."""
    names = list(_atom_names())
    lines = ["REMARK   1 ONE FRAME OF MD: AMBER FF96, OBC2 IMPLICIT SOLVENT, 300 K"]
    frame = zip(names, atomic_numbers, positions - positions.mean(0), strict=True)
    for serial, ((number, residue, atom), z, xyz) in enumerate(frame, 1):
        symbol = chemical_symbols[z]
        if not atom.startswith(symbol):
            raise ValueError(f"atom {serial} of the runs is {symbol}, where {atom} belongs")
        lines.append(
            f"ATOM  {serial:5d}  {atom:<3s} {residue} A{number:4d}    "
            + "".join(f"{value:8.3f}" for value in xyz)
            + f"  1.00  0.00          {symbol:>2s}"
        )
    pairs = np.concatenate([bonds, bonds[:, ::-1]]) + 1
    for serial in range(1, len(names) + 1):
        partners = np.sort(pairs[pairs[:, 0] == serial, 1])
        lines.append(f"CONECT{serial:5d}" + "".join(f"{partner:5d}" for partner in partners))
    path.write_text("\n".join([*lines, "END", ""]))


def backbone_torsions(positions: np.ndarray) -> np.ndarray:
    """(φ, ψ) in hundredths of a degree, shape (frames, 2)."""
    return np.rint(100 * np.degrees(dihedrals(positions, [PHI, PSI]))).astype(np.int16)


def _atom_names() -> Iterator[tuple[int, str, str]]:
    for number, (residue, atoms) in enumerate(RESIDUES.items(), 1):
        for atom in atoms.split():
            yield number, residue, atom


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs=2, type=Path, help="trajectories of two runs (npz)")
    runs = [np.load(path) for path in parser.parse_args().runs]

    frame = runs[0]["positions"][PDB_FRAME]
    pdb = HERE / "alanine-dipeptide.pdb"
    write_pdb(pdb, frame, runs[0]["atomic_numbers"], runs[0]["bonds"])

    one, two = (backbone_torsions(run["positions"]) for run in runs)
    np.savez_compressed(
        HERE / "alanine-dipeptide-md.npz",
        run1=one,
        run2=two,
        frame_spacing_ps=runs[0]["frame_spacing_ps"],
        temperature_K=runs[0]["temperature_K"],
    )


if __name__ == "__main__":
    main()
