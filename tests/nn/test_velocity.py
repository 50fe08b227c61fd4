"""The network's symmetries, to rounding, and what it must and must not depend on."""

import numpy as np
import pytest
import torch
from e3nn import o3
from e3nn.util.test import equivariance_error

from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.nn.compiled import CompiledVelocity
from ase_tito.nn.embedding import WaveEmbedding
from ase_tito.nn.linear import EquivariantLinear
from ase_tito.perception import build_graph
from ase_tito.testing import assert_equivariant

ATOMS = np.array([6, 1, 8, 7, 6, 1, 1, 1, 1, 1, 1])  # a chiral C(H)(OH)(NH2)(CH3)
BONDS = [(0, 1), (0, 2), (0, 3), (0, 4), (2, 5), (3, 6), (3, 7), (4, 8), (4, 9), (4, 10)]
TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def molecule():
    """Graph and positions (11, 3) in Å of a chiral molecule, roughly built."""
    generator = np.random.default_rng(4)
    directions = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    positions = np.zeros((11, 3))
    for child, parent in ((b, a) for a, b in BONDS):
        siblings = [k for k, (a, _) in enumerate(BONDS) if a == parent]
        place = [BONDS[k][1] for k in siblings].index(child)
        positions[child] = positions[parent] + 1.4 * directions[place]
    return build_graph(ATOMS, positions + 0.05 * generator.normal(size=(11, 3)), BONDS), positions


def network(frame="condition", **settings):
    torch.manual_seed(2)
    net = EquivariantVelocity(
        VelocityConfig(frame=frame, features=16, heads=4, blocks=2, **settings)
    ).double()
    for zero in (net.skip.weight, *(p for n, p in net.named_parameters() if "distant" in n)):
        torch.nn.init.normal_(zero)  # starts at zero, and must be tested too
    return net


@pytest.fixture(scope="module")
def inputs(molecule):
    """z and x (3, 11, 3), flow times and lags of three systems, in float64."""
    generator = torch.Generator().manual_seed(0)
    x = torch.from_numpy(molecule[1]) + 0.2 * torch.randn(
        3, 11, 3, generator=generator, dtype=torch.float64
    )
    x = x - x.mean(1, keepdim=True)
    z = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    z = z - z.mean(1, keepdim=True)
    s = torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
    return z, x, s, torch.tensor([1.0, 50.0, 1000.0], dtype=torch.float64)


def velocity(net, graph, z, x, s, lag):
    return net(z, s, net.encode(GraphBatch.replicate(graph, len(z)), x, lag))


@pytest.mark.parametrize("reach", [0, 2])
@pytest.mark.parametrize(
    ("frame", "superposed"), [("condition", False), ("free", False), ("free", True)]
)
def test_rotations_and_mirror_images(molecule, inputs, frame, superposed, reach):
    graph, _ = molecule
    z, x, s, lag = inputs
    net = network(frame, chirality_reach=reach, superposed=superposed)
    assert graph.tetrahedral.any(), "the test molecule must have a stereocentre"

    def transformed(parity):
        # e3nn applies the same element of O(3) to arguments and result; labels are pseudoscalars
        g = graph if parity == 1 else graph.mirrored()
        return lambda z, x: velocity(net, g, z, x, s, lag)

    errors = equivariance_error(
        transformed(1), [z, x], ["1o", "1o"], ["1o"], do_parity=False, do_translation=False
    )
    assert max(error.max() for error in errors.values()) < TOLERANCE
    mirror = o3.Irreps("1o").D_from_angles(*torch.zeros(3), k=torch.tensor(1)).double()
    expected = transformed(1)(z, x) @ mirror.T
    np.testing.assert_allclose(
        transformed(-1)(z @ mirror.T, x @ mirror.T).detach(), expected.detach(), atol=TOLERANCE
    )
    wrong = transformed(1)(z @ mirror.T, x @ mirror.T)
    assert (wrong - expected).abs().max() > 1e-6, "stereochemistry labels have no effect"


def test_a_network_of_equilibrium_knows_no_condition_and_no_lag(molecule, inputs, rng):
    graph, _ = molecule
    z, x, s, lag = inputs
    net = network("free", condition_blocks=0)
    expected = velocity(net, graph, z, x, s, lag)
    assert torch.equal(velocity(net, graph, z, torch.zeros_like(x), s, 2 * lag), expected)
    assert (velocity(net, graph, 1.1 * z, x, s, lag) - expected).abs().max() > 1e-3
    assert all("condition" not in name for name, _ in net.named_parameters())
    batch = GraphBatch.replicate(graph, len(z))
    assert_equivariant(net, batch, x, z, s, lag, generator=rng, tolerance=TOLERANCE)


def test_no_condition_needs_the_free_frame():
    with pytest.raises(ValueError, match="frame must be 'free'"):
        VelocityConfig(condition_blocks=0)
    with pytest.raises(ValueError, match="condition_blocks must be a whole number from 0"):
        VelocityConfig(condition_blocks=-1, frame="free")


@pytest.mark.parametrize("superposed", [False, True])
def test_free_frame_ignores_the_orientation_of_the_condition(molecule, inputs, superposed):
    graph, _ = molecule
    z, x, s, lag = inputs
    net = network("free", superposed=superposed)
    angles = torch.tensor([0.3, 1.1, -0.7], dtype=torch.float64)
    turn = o3.angles_to_matrix(*angles)
    np.testing.assert_allclose(
        velocity(net, graph, z, x @ turn, s, lag).detach(),
        velocity(net, graph, z, x, s, lag).detach(),
        atol=TOLERANCE,
    )


def test_only_a_superposed_condition_differs_from_its_mirror_image_in_the_free_frame(
    molecule, inputs
):
    graph = MolecularGraph(molecule[0].atomic_numbers, molecule[0].bonds)  # no label, no chirality
    z, x, *rest = inputs
    mirror = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    for frame, superposed in (("free", False), ("free", True), ("condition", False)):
        net = network(frame, superposed=superposed)
        told_apart = superposed or frame == "condition"
        first, second = (velocity(net, graph, z, y, *rest) for y in (x, x * mirror))
        assert bool((first - second).abs().max() > 1e-3) is told_apart
    chiral = molecule[0]
    first, second = (velocity(network("free"), chiral, z, y, *rest) for y in (x, x * mirror))
    assert (first - second).abs().max() > 1e-9


def test_distant_labels_change_nothing_before_they_are_learnt(molecule, inputs):
    graph, _ = molecule
    near, far = network(), network(chirality_reach=2)
    far.load_state_dict(near.state_dict(), strict=False)
    learnt = velocity(far, graph, *inputs)
    torch.nn.init.zeros_(far.distant_chirality)
    assert torch.equal(velocity(far, graph, *inputs), velocity(near, graph, *inputs))
    assert not torch.allclose(learnt, velocity(near, graph, *inputs))


def test_permutation_of_atoms(molecule, inputs):
    graph, _ = molecule
    z, x, s, lag = inputs
    net = network()
    order = np.random.default_rng(1).permutation(graph.n_atoms)
    moved = velocity(net, graph.permuted(order), z[:, order], x[:, order], s, lag)
    np.testing.assert_allclose(
        moved.detach(), velocity(net, graph, z, x, s, lag)[:, order].detach(), atol=TOLERANCE
    )


def test_padding_and_neighbours_in_the_batch_change_nothing(molecule, ethanol, inputs):
    graph, _ = molecule
    small, small_positions = ethanol
    z, x, s, lag = inputs
    net = network()
    alone = velocity(net, graph, z, x, s, lag)
    batch = GraphBatch.from_graphs([graph, small, graph, graph])
    centred = torch.from_numpy(small_positions - small_positions.mean(0))
    padded = torch.cat([centred, centred.new_zeros(2, 3)])[None]
    mixed_z, mixed_x = (torch.cat([q[:1], padded, q[1:]]) for q in (z, x))
    times, lags = (torch.cat([q[:1], q[:1], q[1:]]) for q in (s, lag))
    together = net(mixed_z, times, net.encode(batch, mixed_x, lags))
    np.testing.assert_allclose(together[[0, 2, 3]].detach(), alone.detach(), atol=TOLERANCE)
    assert together[1, 9:].abs().max() == 0
    np.testing.assert_allclose(together.sum(1).detach(), 0.0, atol=TOLERANCE)
    own = velocity(net, small, centred[None], centred[None], s[:1], lag[:1])
    np.testing.assert_allclose(together[1, :9].detach(), own[0].detach(), atol=TOLERANCE)


def test_is_a_function_and_leaves_its_arguments_alone(molecule, inputs):
    graph, _ = molecule
    net = network()
    copies = [q.clone() for q in inputs]
    first, second = (velocity(net, graph, *inputs) for _ in range(2))
    assert torch.equal(first, second)
    assert all(torch.equal(q, copy) for q, copy in zip(inputs, copies, strict=True))


def test_depends_on_every_input(molecule, inputs):
    graph, _ = molecule
    z, x, s, lag = inputs
    net = network(temperature_range_K=(300.0, 400.0))
    batch = GraphBatch.replicate(graph, 3)
    temperature = torch.full((3,), 300.0, dtype=torch.float64)

    def evaluate(z=z, x=x, s=s, lag=lag, temperature=temperature):
        return net(z, s, net.encode(batch, x, lag, temperature))

    plain = evaluate()
    for change in (
        {"z": 1.01 * z},
        {"x": 1.01 * x},
        {"s": 0.99 * s + 0.005},
        {"lag": 1.1 * lag.clamp(max=900.0)},
        {"temperature": temperature + 10.0},
    ):
        assert (evaluate(**change) - plain).abs().max() > 1e-8, f"no effect of {list(change)}"
    with pytest.raises(ValueError, match="takes a temperature"):
        net.encode(batch, x, lag, None)


def test_lags_within_the_range_are_never_aliased():
    lags = torch.linspace(0, 1, 201)
    waves = WaveEmbedding(8)(lags)
    apart = torch.cdist(waves, waves) + torch.eye(201) * 10
    assert apart.min() > 0.01


def test_compiled_evaluations_agree(molecule, inputs, monkeypatch):
    # what compiles is decided by size alone; the compiler itself is too slow for every test run
    graph, _ = molecule
    z, x, s, lag = inputs
    net = network()
    calls = []

    def fake_compile(function, dynamic):
        return lambda *arguments: calls.append(1) or function(*arguments)

    monkeypatch.setattr(torch, "compile", fake_compile)
    compiled = CompiledVelocity(net, batch_size=3)
    for count, expected in ((3, 1), (2, 1)):
        part = [q[:count] for q in (z, x, s, lag)]
        assert torch.equal(velocity(compiled, graph, *part), velocity(net, graph, *part))
        assert len(calls) == expected


def test_linear_map_is_e3nns():
    generator = torch.Generator().manual_seed(0)
    linear = EquivariantLinear("5x1o", "7x1o")
    features = torch.randn(4, 3, 5, generator=generator)
    in_e3nn_layout = features.transpose(1, 2).reshape(4, 15)
    expected = linear.to_e3nn()(in_e3nn_layout).view(4, 7, 3).transpose(1, 2)
    torch.testing.assert_close(linear(features), expected)
    with pytest.raises(ValueError, match="no single equivariant map"):
        EquivariantLinear("5x1o", "7x1e")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"features": 10, "heads": 4}, "must divide"),
        ({"blocks": 0}, "positive integer"),
        ({"axial_features": True}, "positive integer"),
        ({"chirality_reach": 6}, "must be below 6"),
        ({"frame": "body"}, "must be 'condition' or 'free'"),
        ({"superposed": True}, "needs the frame 'free', and a condition"),
        ({"superposed": True, "frame": "free", "condition_blocks": 0}, "and a condition"),
        ({"superposed": 1, "frame": "free"}, "true or false"),
        ({"length_scale": 0.0}, "must be positive"),
        ({"lag_range_ps": (10.0, 1.0)}, "must rise"),
    ],
)
def test_impossible_settings_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        VelocityConfig(**settings)
    with pytest.raises(ValueError, match="unknown network settings: layers"):
        VelocityConfig.from_dict({"layers": 3})


def test_settings_survive_a_round_trip():
    config = VelocityConfig(frame="free", features=32, temperature_range_K=(300, 400))
    assert VelocityConfig.from_dict(config.to_dict()) == config
