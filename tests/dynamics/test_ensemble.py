from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import molecule

from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.errors import (
    ConfigError,
    DomainError,
    InvalidSampleError,
    StructureError,
    TITOWarning,
)
from ase_tito.flow.ode import OdeSettings
from ase_tito.prostereo import prostereogenic_elements
from ase_tito.structure import graph_from_atoms
from ase_tito.transfer.noise import keyed_noise


@pytest.fixture
def make(graph, atoms):
    def make(operator, replicas=6, **options):
        options = {"seed": 5, "replicas": replicas, **options}
        return TITOEnsemble(operator, graph, atoms.positions, 100.0, **options)

    return make


def test_each_jump_is_the_operator_s_sample_with_keyed_noise(make, operator, graph, atoms):
    ensemble = make(operator, replicas=2)
    x = np.stack([atoms.positions] * 2)
    for jump in (1, 2):
        noise = keyed_noise([9, 9], 9, 5, [0, 1], jump, dtype=torch.float64)
        y = operator.sample(graph, torch.from_numpy(x), 100.0, noise=noise).positions.numpy()
        ensemble.step()
        moved = np.stack([ensemble.positions(k) for k in range(2)])
        shift = moved - y  # the operator keeps the centroid, dynamics the centre of mass
        assert np.allclose(shift, shift[:, :1], atol=1e-12)
        x = moved


def test_replicas_differ_and_keep_the_centre_of_mass(make, operator, atoms, walk):
    frames = walk(make(operator), 20)
    assert len(np.unique(frames[-1, :, 0, 0])) == 6
    centres = np.einsum("n,tbnk->tbk", atoms.get_masses(), frames) / atoms.get_masses().sum()
    assert np.allclose(centres, atoms.get_center_of_mass(), rtol=0, atol=1e-10)


def test_equal_atoms_keep_their_names(make, operator, graph, monkeypatch):
    ensemble, plain = make(operator), make(operator)
    elements = prostereogenic_elements(graph)
    sample = type(operator).sample

    def renaming(self, batch, positions, *arguments, **options):
        drawn = sample(self, batch, positions, *arguments, **options)
        return replace(drawn, positions=drawn.positions[:, elements.exchanges[0]])

    sides = elements.sides(ensemble.positions(0))
    monkeypatch.setattr(type(operator), "sample", renaming)
    assert ensemble.step().first_valid.all()
    monkeypatch.undo()
    plain.step()
    for k in range(6):
        assert np.array_equal(elements.sides(ensemble.positions(k)), sides)
        assert np.allclose(ensemble.positions(k), plain.positions(k), rtol=0, atol=1e-12)


def test_an_ensemble_has_systems(make, operator):
    assert make(operator, replicas=np.int64(3)).n_systems == 3
    for none in (0, []):
        with pytest.raises(StructureError, match="at least one system"):
            make(operator, replicas=none)


def test_own_masses_define_the_centre(make, operator, walk):
    masses = np.linspace(1, 9, 9)
    ensemble = make(operator, masses=masses)
    before = masses @ ensemble.positions(0)
    assert np.allclose(masses @ walk(ensemble, 3)[-1, 0], before, rtol=0, atol=1e-9)


def test_stationary_law(make, graph, operator, walk):
    """The elastic network's bonds scatter by .02 Å per component, whatever they started from."""
    frames = walk(make(operator, 200, ode=OdeSettings("rk4", 20)), 12)[4:]
    i, j = graph.bonds.T
    bonds = frames[:, :, i] - frames[:, :, j]
    lengths = np.linalg.norm(bonds, axis=-1)
    reference = molecule("CH3CH2OH").positions
    expected = np.linalg.norm(reference[i] - reference[j], axis=-1)
    assert np.allclose(lengths.mean((0, 1)), expected, atol=0.003)
    assert np.allclose(lengths.std((0, 1)), 0.02, rtol=0.05)


def test_same_seed_same_bits_and_another_seed_another_walk(make, sloppy, walk):
    first, second = walk(make(sloppy), 10), walk(make(sloppy), 10)
    assert np.array_equal(first, second)
    assert not np.allclose(first, walk(make(sloppy, seed=6), 10))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_batches_do_not_matter(make, sloppy, walk, batch_size):
    whole, parts = make(sloppy), make(sloppy, batch_size=batch_size)
    assert np.allclose(walk(whole, 10), walk(parts, 10), rtol=0, atol=1e-6)
    assert np.array_equal(whole.retries, parts.retries)
    assert whole.retries.sum() > 0


def test_a_replica_alone_walks_as_among_others(make, sloppy, walk):
    together, alone = make(sloppy), make(sloppy, replicas=[4])
    assert np.allclose(walk(together, 10)[:, 4], walk(alone, 10)[:, 0], rtol=0, atol=1e-6)
    assert together.retries[4] == alone.retries[0]


def test_continued_is_uninterrupted(make, graph, sloppy, walk):
    whole, first = make(sloppy), make(sloppy)
    frames = walk(whole, 8)
    start = walk(first, 5)[-1]
    second = TITOEnsemble(sloppy, graph, start, 100.0, seed=5, jump=5)
    assert np.array_equal(walk(second, 3), frames[5:])
    assert np.array_equal(first.retries + second.retries, whole.retries)
    assert second.jump == 8


def test_several_molecules_in_one_batch(mixture, walk):
    graphs, positions, operator = mixture
    together = TITOEnsemble(operator, graphs, positions, 100.0, seed=1)
    frames = [[] for _ in graphs]
    for _ in range(5):
        done = together.step()
        assert done.valid.all()
        for k, system in enumerate(frames):
            system.append(together.positions(k))
    for k, graph in enumerate(graphs):
        alone = TITOEnsemble(operator, graph, positions[k], 100.0, seed=1, replicas=[k])
        assert np.allclose(walk(alone, 5)[:, 0], frames[k], rtol=0, atol=1e-6)


def test_retry_redraws_only_the_invalid_ones(make, sloppy):
    """Valid first proposals are kept; what is kept is valid; first proposals are counted."""
    kept, retried = make(sloppy, 100, on_invalid="keep"), make(sloppy, 100)
    first, second = kept.step(), retried.step()
    assert 0 < (~first.first_valid).sum() < 50
    assert np.array_equal(first.first_valid, second.first_valid)
    assert np.array_equal(first.valid, first.first_valid)
    assert second.valid.all()
    assert retried.assess().valid.all()
    assert np.array_equal(second.retries > 0, ~second.first_valid)
    assert np.array_equal(first.first_failed, second.first_failed)
    assert np.array_equal(second.first_failed.any(1), ~second.first_valid)
    assert np.array_equal(retried.invalid_first_proposals, ~second.first_valid)
    assert np.array_equal(retried.retries, second.retries)
    for k in np.flatnonzero(first.first_valid):
        assert np.array_equal(kept.positions(k), retried.positions(k))
    for k in np.flatnonzero(~first.first_valid):
        assert first.reasons[k]
        assert not second.reasons[k]
        assert not np.allclose(kept.positions(k), retried.positions(k))


def test_retried_samples_follow_the_law_given_validity(make, sloppy):
    """As rejection sampling: the first valid one of independent draws."""
    kept, retried = make(sloppy, 600, on_invalid="keep"), make(sloppy, 600)
    valid = kept.step().first_valid
    retried.step()
    frames = [np.array([ensemble.positions(k) for k in range(600)]) for ensemble in (kept, retried)]
    given_valid = np.linalg.norm(frames[0][valid, 0] - frames[0][valid, 1], axis=-1)
    lengths = np.linalg.norm(frames[1][:, 0] - frames[1][:, 1], axis=-1)
    assert abs(lengths.mean() - given_valid.mean()) < 4 * lengths.std() / np.sqrt(300)


def test_one_nan_never_touches_its_neighbours(make, diverging, operator):
    lost, sane = make(diverging, 60, on_invalid="keep"), make(operator, 60)
    done = lost.step()
    sane.step()
    bad = ~done.valid
    assert 0 < bad.sum() < 20
    for k in range(60):
        if bad[k]:
            assert "not finite" in done.reasons[k]
            assert np.isnan(lost.positions(k)).any()
        else:
            assert np.array_equal(lost.positions(k), sane.positions(k))
    for _ in range(3):  # a lost replica stays lost, and the others go on
        done = lost.step()
    assert not done.valid[bad].any()
    assert (lost.invalid_first_proposals[bad] == 4).all()
    assert done.valid[~bad].any()


def test_a_lost_system_can_be_brought_back(mixture):
    graphs, positions, operator = mixture
    ensemble = TITOEnsemble(operator, graphs, positions, 100.0, seed=1, on_invalid="keep")
    flat = np.zeros((3, 3))
    flat[:, 0] = np.arange(3)  # linear water: beyond use in the frame 'condition'
    ensemble.set_positions(1, flat)
    assert ensemble.step().valid.tolist() == [True, False, True]
    ensemble.set_positions(1, positions[1])
    assert ensemble.step().valid.all()


def test_nan_is_drawn_again(make, diverging):
    ensemble = make(diverging, 60)
    done = ensemble.step()
    assert (~done.first_valid).any()
    assert done.valid.all()
    assert all(np.isfinite(ensemble.positions(k)).all() for k in range(60))


def test_a_kept_geometry_beyond_use_stops_alone(make, operator):
    """Collinear atoms have no orientation, which the frame 'condition' refuses."""
    ensemble, sane = make(operator, 5, on_invalid="keep"), make(operator, 5)
    collapsed = np.zeros((9, 3))
    collapsed[:, 0] = np.arange(9)
    ensemble.set_positions(3, collapsed)
    done = ensemble.step()
    sane.step()
    assert done.valid.tolist() == [True, True, True, False, True]
    assert "linear" in done.reasons[3]
    for k in (0, 1, 2, 4):
        assert np.allclose(ensemble.positions(k), sane.positions(k), rtol=0, atol=1e-9)
    assert not ensemble.step().valid[3]


def test_linear_molecules_are_refused_at_once(mixture):
    hcn = molecule("HCN")
    with pytest.raises(StructureError, match="linear"):
        TITOEnsemble(mixture[2], graph_from_atoms(hcn), hcn.positions, 100.0, seed=0)


@pytest.mark.parametrize("policy", ["raise", "retry"])
def test_failure_says_which_and_why_and_changes_nothing(make, hopeless, policy):
    ensemble = make(hopeless, 3, on_invalid=policy, max_retries=2)
    before = ensemble.positions(1)
    with pytest.raises(InvalidSampleError, match=r"jump 1 of replica 0 .*bond.* 2 others"):
        ensemble.step()
    assert ensemble.jump == 0
    assert np.array_equal(ensemble.positions(1), before)
    assert not ensemble.invalid_first_proposals.any()


def test_retries_are_bounded(make, hopeless):
    ensemble = make(hopeless, 2, max_retries=3)
    with pytest.raises(InvalidSampleError, match="after 3 retries"):
        ensemble.step()
    assert make(hopeless, 2, on_invalid="keep").step().evaluations == hopeless.ode.evaluations


def test_observers_see_their_jumps(make, operator):
    ensemble, seen = make(operator, jump=3), []
    ensemble.attach(lambda done: seen.append((done.jump, len(done.valid))), interval=2)
    ensemble.run(4)
    assert seen == [(4, 6), (6, 6)]
    with pytest.raises(ConfigError, match="interval"):
        ensemble.attach(seen.append, interval=0)


def test_positions_are_copies(make, operator, atoms):
    ensemble = make(operator)
    ensemble.positions(0)[:] = np.nan
    atoms.positions[:] = 0
    assert np.isfinite(ensemble.positions(0)).all()
    assert ensemble.step().valid.all()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"on_invalid": "ignore"}, "on_invalid must be"),
        ({"max_retries": -1}, "max_retries"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -3}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"jump": -1}, "jump"),
        ({"replicas": [0, 0]}, "different"),
        ({"replicas": [0.5, 1.5]}, "non-negative keys"),
    ],
)
def test_bad_options(make, operator, options, match):
    with pytest.raises(ConfigError, match=match):
        make(operator, **options)


def test_bad_positions(operator, graph, atoms):
    for positions, match in (
        (atoms.positions[:5], "9 atoms"),
        (np.full((9, 3), np.nan), "atom 0 is not finite"),
    ):
        with pytest.raises(StructureError, match=match):
            TITOEnsemble(operator, graph, positions, 100.0, seed=0)
    with pytest.raises(StructureError, match="as many frames"):
        TITOEnsemble(operator, [graph, graph], [atoms.positions], 100.0, seed=0)
    with pytest.raises(StructureError, match="masses"):
        TITOEnsemble(operator, graph, atoms.positions, 100.0, seed=0, masses=np.ones(4))


def test_outside_the_domain(operator, graph, atoms):
    water = molecule("H2O")
    with pytest.raises(DomainError, match="outside the trained range of 1 to 1000 ps"):
        TITOEnsemble(operator, graph, atoms.positions, 5000.0, seed=0)
    with pytest.raises(DomainError, match="temperature of 350 K"):
        TITOEnsemble(operator, graph, atoms.positions, 100.0, temperature_K=350.0, seed=0)
    with pytest.raises(DomainError, match="cannot do this molecule"):
        TITOEnsemble(operator, graph_from_atoms(water), water.positions, 100.0, seed=0)


def test_warnings(operator, graph, atoms, mixture):
    with pytest.warns(TITOWarning, match="not Markovian"):
        TITOEnsemble(operator, graph, atoms.positions, 2.0, seed=0)
    larger = molecule("CH3CH2NH2")
    with pytest.warns(TITOWarning, match="10 atoms; the model was trained on 3 to 9"):
        TITOEnsemble(mixture[2], graph_from_atoms(larger), larger.positions, 100.0, seed=0)


def test_what_finds_no_valid_sample_is_held_for_a_jump(make, sloppy):
    held, kept = (make(sloppy, 60, on_invalid=p, max_retries=0) for p in ("hold", "keep"))
    before = np.stack([held.positions(k) for k in range(60)])
    first, second = held.step(), kept.step()
    stuck = ~first.valid
    assert 0 < stuck.sum() < 60
    assert np.array_equal(first.valid, second.valid)
    for k in range(60):
        expected = before[k] if stuck[k] else kept.positions(k)
        assert np.array_equal(held.positions(k), expected)
    assert np.array_equal(held.invalid_first_proposals, stuck)
    assert make(sloppy, 60, on_invalid="hold").step().valid.all()  # retries come first
