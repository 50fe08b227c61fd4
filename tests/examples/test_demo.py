"""The demonstration's measures, and the data that it measures against."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from ase.io import Trajectory

from ase_tito.analysis.torsions import peptide_torsions
from ase_tito.structure import graph_from_atoms, read_structure

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("demo", ROOT / "examples" / "demo.py")
assert spec is not None
assert spec.loader is not None
demo = importlib.util.module_from_spec(spec)
spec.loader.exec_module(demo)


@pytest.fixture(scope="module")
def md() -> list[np.ndarray]:
    return demo.read_md()


def test_pdb_is_alanine_dipeptide_with_elements_and_bonds() -> None:
    (atoms,), bonds = read_structure(demo.PDB)
    assert atoms.get_chemical_formula() == "C6H12N2O2"
    assert bonds is not None
    assert len(bonds) == 21
    lines = [line for line in demo.PDB.read_text().splitlines() if line.startswith("ATOM")]
    assert [line[76:78].strip() for line in lines] == atoms.get_chemical_symbols()
    assert [line[17:20] for line in lines] == ["ACE"] * 6 + ["ALA"] * 10 + ["NME"] * 6
    graph = graph_from_atoms(atoms, bonds)
    torsions = {torsion.kind: torsion.atoms for torsion in peptide_torsions(atoms.numbers, bonds)}
    assert torsions["phi"] == (4, 6, 8, 14)
    assert torsions["psi"] == (6, 8, 14, 16)
    assert np.flatnonzero(graph.tetrahedral).tolist() == [8]


def test_md_reference_is_two_runs_over_the_circle(md: list[np.ndarray]) -> None:
    assert [run.shape for run in md] == [(20000, 2), (16000, 2)]
    assert all(np.abs(run).max() <= np.pi for run in md)
    # what the runs' own coordinates give
    assert (md[0][:, 0] > 0).mean() == pytest.approx(0.0032, abs=2e-4)
    assert (md[1][:, 0] > 0).mean() == pytest.approx(0.0009, abs=2e-4)


def test_md_against_itself_is_at_the_floor_and_a_wrong_model_is_not(md: list[np.ndarray]) -> None:
    # replicas of 50 frames, 100 ps apart
    right = np.stack([md[0][k : k + 5000 : 100] for k in range(0, 15000, 301)])
    same = demo.compare(md, right)
    assert abs(same.excess) < 0.01
    wrong = right + np.radians([20, 0])
    assert demo.compare(md, wrong).excess > 0.05


def test_model_is_read_from_trajectories(tmp_path: Path) -> None:
    (atoms,), _ = read_structure(demo.PDB)
    paths = [tmp_path / f"replica-{k}.traj" for k in range(2)]
    for path in paths:
        with Trajectory(path, "w") as writer:
            for jump in range(3):
                atoms.info["tito_invalid_first_proposals"] = jump
                writer.write(atoms)
    angles, invalid = demo.read_model(paths)
    assert angles.shape == (2, 3, 2)
    assert np.degrees(angles[0, 0]) == pytest.approx([-72.2, 151.3], abs=0.1)
    assert invalid == 4


def test_free_energy_is_zero_at_the_well_and_periodic(md: list[np.ndarray]) -> None:
    grid, surface = demo.free_energy(md[0])
    assert grid[0] < -180 < grid[1]
    assert grid[-2] < 180 < grid[-1]
    assert surface.min() == 0
    assert surface[0] == pytest.approx(surface[-2])
    phi, psi = np.unravel_index(surface.argmin(), surface.shape)
    assert (grid[phi], grid[psi]) == pytest.approx((-145, 160), abs=10)


def test_figure_lays_panels_on_one_scale(tmp_path: Path, md: list[np.ndarray]) -> None:
    figure = demo.draw({"MD": (md[0], "20 ns"), "Model": (md[1][::10], "1,600 jumps")})
    panels = figure.axes[:2]
    assert [panel.get_title() for panel in panels] == ["MD", "Model"]
    assert len({tuple(panel.collections[0].levels) for panel in panels}) == 1
    figure.savefig(tmp_path / "figure.png")
