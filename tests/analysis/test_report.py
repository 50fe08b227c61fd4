import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from ase_tito.analysis.files import open_trajectory
from ase_tito.analysis.report import (
    ReportSettings,
    choose_lag,
    compute_report,
    write_report,
)
from ase_tito.analysis.report.observe import Coordinates, observe
from ase_tito.errors import DataError, OutputError
from ase_tito.graph import MolecularGraph
from tests.analysis.butane import ATOMS, GRAPH, POPULATIONS, QUICK, opened, save, trajectory

TIMESCALE_PS = -10.0 / np.log(0.9)


def test_the_data_are_described(compared):
    assert compared.formula == "C4H10"
    assert compared.temperature_K == 300
    assert (compared.model.frames, compared.reference.frames) == (2400, 6000)
    assert compared.model.time_ns == pytest.approx(48)
    assert compared.model.files == ("model0.npz", "model1.npz", "model2.npz")


def test_a_model_of_the_same_process_is_at_its_floor(compared):
    (tica,) = compared.surfaces
    (central,) = compared.torsions
    for found in (tica.agreement["JSD"], central.agreement):
        assert abs(found.excess) < 0.5 * found.equal_counts.floor.mean
    assert tica.agreement["coverage"].value > 0.8
    assert tica.agreement["precision"].value > 0.9
    assert compared.ranges.model.mean <= 1.2 * compared.ranges.floor.high
    assert compared.gyration.model_mean == pytest.approx(compared.gyration.reference_mean, rel=0.01)


def test_kinetics_are_those_of_the_process_at_equal_physical_lag(compared):
    kinetics = compared.kinetics
    assert kinetics.lag_time_ps == 20
    for scan in (kinetics.reference_tica, kinetics.model_tica):
        lag = np.flatnonzero(scan.lag_times_ps >= 40)[0]
        assert scan.timescales_ps[lag, 0] == pytest.approx(TIMESCALE_PS, rel=0.2)
    assert kinetics.timescale_error < 0.25
    assert kinetics.resolved >= 1
    assert abs(kinetics.floor.cross_gap.excess) < 0.3
    for test in (kinetics.reference_test, kinetics.model_test):
        assert test.largest_deviation < 0.1
    for found in (kinetics.reference_populations, kinetics.model_populations):
        estimate, low, high = found.shares.T
        assert ((low <= estimate) & (estimate <= high)).all()
        np.testing.assert_allclose(sorted(estimate), sorted(POPULATIONS), atol=0.08)
    assert kinetics.reference_mixing.mixes


def test_conditional_densities_are_those_of_the_process(compared, alone):
    """From each rotamer it goes to a fresh one with probability 1 − .9^(lag/10 ps)."""
    for report in (compared, alone):
        relaxations = report.kinetics.relaxations
        assert [relaxation.start for relaxation in relaxations] == ["set 1", "set 2", "set 3"]
        for relaxation in relaxations:
            np.testing.assert_array_equal(relaxation.lag_times_ps, [20, 40, 100, 200])
            assert set(relaxation.sides) == {"model"} | (
                {"reference"} if report is compared else set()
            )
            width = relaxation.coordinate[1] - relaxation.coordinate[0]
            near = np.abs(relaxation.coordinate - relaxation.centre[0]) < 0.6
            stays = relaxation.expected[:, near].sum(1) * width
            settled = relaxation.equilibrium[near].sum() * width
            kept = 0.9 ** (relaxation.lag_times_ps / 10)
            np.testing.assert_allclose(stays, settled + (1 - settled) * kept, atol=0.08)
            for side in relaxation.sides.values():
                assert (side.jsd < 4 * side.floor[:, 2]).all()
                assert (side.low <= side.density + 1e-9).all()
                assert (side.density <= side.high + 1e-9).all()


def test_energies_are_in_kJ_per_mol(compared):
    energies = compared.energies
    distance = ATOMS.positions[0, 0] - ATOMS.positions[1, 0]
    assert energies.model_distribution.samples <= QUICK.energy_frames
    assert energies.reference_distribution.mean == pytest.approx(96.485 * distance, abs=0.5)
    shift, low, high = energies.median_shift
    assert low < shift < high
    assert abs(shift) < 0.5


def test_frames_are_valid_and_bad_ones_are_listed(compared, folder):
    assert compared.model_geometry.invalid == 0
    positions = trajectory(200, 5)
    positions[7] *= 3
    positions[50] = np.nan
    source = open_trajectory(save(folder / "bad.npz", positions))
    report = compute_report([source], settings=QUICK)
    geometry = report.model_geometry
    assert geometry.first_frames == {"not_finite": (50,), "broken_bonds": (7,)}
    assert (geometry.frames, geometry.invalid, report.model.frames) == (200, 2, 199)
    observed = observe("model", [source], Coordinates.of(GRAPH))
    assert [len(run) for run in observed.torsions] == [50, 149]


def test_a_named_torsion_of_what_is_no_peptide_is_one_of_all():
    molecule = Chem.AddHs(Chem.MolFromSmiles("N[C@@H](CO)C(=O)O"))
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    coordinates = Coordinates.of(MolecularGraph(numbers, np.array(bonds)))
    assert len(coordinates.torsions) > len(coordinates.shown) == 2  # hydrogens end the others
    assert coordinates.pairs == [tuple(coordinates.shown[:2])]


def test_too_few_data_make_notes_not_errors(folder):
    sources = [opened(folder, f"short{k}", 8, k) for k in range(2)]
    report = compute_report(sources, settings=QUICK)
    assert any("not available" in note for note in report.notes)
    assert report.kinetics.model_test is None


def test_runs_with_the_same_noise_are_not_taken_for_independent(model, alone):
    made = {"model_sha256": "a", "seed": 3, "replica": 0}
    same = [replace(one, description={**one.description, **made}) for one in model]
    other = replace(same[2], description={**same[2].description, "replica": 1})
    notes = compute_report([*same[:2], other], settings=QUICK).notes
    (said,) = [note for note in notes if "same noise" in note]
    assert f"{model[0].path} and {model[1].path} have one seed (3)" in said
    assert str(model[2].path) not in said
    assert not any("same noise" in note for note in alone.notes)


def test_same_seed_same_report(alone, model):
    assert compute_report(model, settings=QUICK).to_dict() == alone.to_dict()


def test_what_does_not_fit_is_refused(reference, model):
    with pytest.raises(DataError, match="equal spacing"):
        compute_report([*reference, *model])
    with pytest.raises(DataError, match="no frame is left after the first 5000"):
        compute_report(reference, settings=ReportSettings(skip_ps=50_000))
    with pytest.raises(DataError, match="states must be at least 2"):
        ReportSettings(states=1)
    with pytest.raises(DataError, match="multiples of 20 ps"):
        choose_lag(ReportSettings(lag_time_ps=30.0), [20.0])
    assert choose_lag(ReportSettings(), [20.0]) == 20
    assert choose_lag(ReportSettings(), [2.0, 3.0]) == 12


@pytest.mark.parametrize("kind", ["compared", "alone"])
def test_the_page_stands_alone_and_the_json_holds_its_numbers(kind, request, tmp_path):
    report = request.getfixturevalue(kind)
    written = write_report(report, tmp_path / "report")
    page = written.page.read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    names = {path.stem for path in written.figures}
    expected = {"surface-1", "torsions", "bonds", "angles", "gyration", "timescales", "memory"}
    assert expected <= names
    assert ("energies" in names) == (kind == "compared")
    for name in names:
        assert f'id="{name}"' in page
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower().split()
    numbers = json.loads(written.data.read_text())
    assert numbers["model"]["frames"] == 2400
    if kind == "compared":
        value = report.surfaces[0].agreement["JSD"].value
        assert numbers["surfaces"][0]["agreement"]["JSD"]["value"] == value
        assert f"{value:.4f}" in page
    for anchor in re.findall(r'href="#([^"]*)"', page):
        assert f'id="{anchor}"' in page


def test_a_place_that_cannot_be_written_is_said(alone, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write a report"):
        write_report(alone, tmp_path / "file")
