import warnings
from dataclasses import replace

import pytest
import torch

from ase_tito.errors import DomainError, GraphError, TITOWarning
from ase_tito.flow.divergence import basis_directions
from ase_tito.flow.frame import ConditionFrame, FreeFrame
from ase_tito.flow.ode import OdeSettings, integrate, integrate_log_density
from ase_tito.flow.source import HarmonicSource
from ase_tito.geometry import centroid
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.testing import (
    OrnsteinUhlenbeckField,
    assert_kernel_conforms,
    assert_kernel_independent_of_batch,
)
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.noise import keyed_noise

DOMAIN = Domain((1.0, 1000.0), (300.0, 300.0), (1, 6, 8), (3, 9))


@pytest.fixture(params=["free", "condition"])
def operator(request):
    frame = {"free": FreeFrame(), "condition": ConditionFrame()}[request.param]
    return ImplicitTransferOperator(
        OrnsteinUhlenbeckField(), HarmonicSource(), frame, DOMAIN, ode=OdeSettings(steps=5)
    )


@pytest.fixture
def scattered(mixed, rng):
    """The molecules of `mixed`, each somewhere else in space, in single precision."""
    batch, x = mixed
    shift = 10 * torch.randn(len(x), 1, 3, generator=rng, dtype=torch.float64)
    return batch, ((x + shift) * batch.mask[..., None]).float()


@pytest.fixture
def noise(scattered, rng):
    return torch.randn(scattered[1].shape, generator=rng)


@pytest.mark.parametrize("method", ["euler", "midpoint", "rk4", "dopri5"])
def test_a_jump_is_a_function_that_moves_shapes_alone(operator, scattered, noise, method):
    operator = replace(operator, ode=OdeSettings(method, steps=5))
    assert_kernel_conforms(operator, *scattered, 50.0, noise=noise)
    assert_kernel_independent_of_batch(operator, *scattered, 50.0, noise=noise)


def test_centroids_are_kept_one_by_one_and_far_from_the_origin(operator, scattered, noise):
    """The first release centred over the batch; single precision loses digits far out."""
    batch, x = scattered
    x = (x.double() + 1e4) * batch.mask[..., None]
    y = operator.sample(batch, x, 50.0, noise=noise.double()).positions
    assert y.dtype == torch.float64
    torch.testing.assert_close(centroid(y, batch.mask), centroid(x, batch.mask), rtol=1e-14, atol=0)


def test_padding_never_leaks(operator, scattered, noise):
    batch, x = scattered
    clean = operator.sample(batch, x, 50.0, noise=noise).positions
    padding = ~batch.mask[..., None]
    for dirt in (1e3, float("nan"), float("inf")):
        y = operator.sample(
            batch, x.masked_fill(padding, dirt), 50.0, noise=noise.masked_fill(padding, dirt)
        ).positions
        assert torch.equal(y, clean)


def test_one_molecule_needs_no_batch(operator, ethanol, rng):
    graph, positions = ethanol
    x, noise = torch.from_numpy(positions), torch.randn(9, 3, generator=rng)
    alone = operator.sample(graph, x, 20.0, noise=noise)
    assert alone.positions.shape == (9, 3)
    assert alone.info.finite.tolist() == [True]
    replicas = operator.sample(graph, x.expand(3, 9, 3), 20.0, noise=noise.expand(3, 9, 3))
    torch.testing.assert_close(replicas.positions, alone.positions.expand(3, 9, 3))
    density = operator.log_prob(graph, alone.positions, x, 20.0)
    assert density.value.shape == (1,)


def test_each_system_may_have_its_own_lag(operator, scattered, noise):
    batch, x = scattered
    lags = torch.tensor([1.0, 10.0, 100.0, 1000.0])
    together = operator.sample(batch, x, lags, noise=noise).positions
    for k, lag in enumerate(lags.tolist()):
        each = operator.sample(batch, x, lag, noise=noise).positions
        torch.testing.assert_close(each[k], together[k])


def test_the_condition_is_encoded_once_and_evaluations_are_counted(operator, scattered, noise):
    class Counting(OrnsteinUhlenbeckField):
        encoded = evaluated = 0

        def encode(self, *arguments):
            self.encoded += 1
            return super().encode(*arguments)

        def __call__(self, *arguments):
            self.evaluated += 1
            return super().__call__(*arguments)

    field = Counting()
    ode = OdeSettings("midpoint", steps=7)
    info = replace(operator, field=field).sample(*scattered, 50.0, noise=noise, ode=ode).info
    assert (field.encoded, field.evaluated, info.evaluations) == (1, 14, 14)
    assert info.wall_time_s > 0


def test_a_system_that_diverges_is_reported_alone(operator, scattered, noise):
    class Breaking(OrnsteinUhlenbeckField):
        def __call__(self, z, s, context):
            u = super().__call__(z, s, context)
            return torch.where((torch.arange(len(z)) == 2)[:, None, None], torch.inf, u)

    operator = replace(operator, field=Breaking())
    for method in ("euler", "dopri5"):
        transition = operator.sample(*scattered, 50.0, noise=noise, ode=OdeSettings(method))
        assert transition.info.finite.tolist() == [True, True, False, True]
        assert transition.positions[[0, 1, 3]].isfinite().all()


@pytest.mark.parametrize("lag", [0.5, 1001.0, torch.tensor([10.0, 10.0, 2000.0, 10.0])])
def test_lags_outside_the_trained_range_are_refused(operator, scattered, noise, lag):
    batch, x = scattered
    with pytest.raises(DomainError, match="trained range of 1 to 1000 ps"):
        operator.sample(batch, x, lag, noise=noise)
    with pytest.raises(DomainError, match="trained range of 1 to 1000 ps"):
        operator.log_prob(batch, x, x, lag)
    if isinstance(lag, float):
        with pytest.raises(DomainError, match="trained range of 1 to 1000 ps"):
            operator.iterate(batch, x, lag, 3, seed=0)  # at once, not at the first jump


def test_other_temperatures_and_molecules_are_refused(operator, scattered, noise, rng):
    batch, x = scattered
    with pytest.raises(DomainError, match=r"310 K is outside the trained range, 300 K"):
        operator.sample(batch, x, 10.0, noise=noise, temperature_K=310.0)
    ammonia = MolecularGraph([7, 1, 1, 1], [[0, 1], [0, 2], [0, 3]])
    named = replace(operator, name="small alcohols")
    with pytest.raises(DomainError, match="small alcohols: it has not seen N"):
        named.sample(ammonia, torch.randn(4, 3), 10.0, generator=rng)


def test_a_temperature_is_needed_where_there_are_several(operator, scattered, noise):
    batch, x = scattered
    operator = replace(operator, domain=replace(DOMAIN, temperature_range_K=(300.0, 400.0)))
    with pytest.raises(DomainError, match="300 to 400 K: pass temperature_K"):
        operator.sample(batch, x, 10.0, noise=noise)
    cold = operator.sample(batch, x, 100.0, noise=noise, temperature_K=300.0).positions
    warm = operator.sample(batch, x, 100.0, noise=noise, temperature_K=400.0).positions
    assert not torch.allclose(cold, warm)
    mixed = torch.tensor([300.0, 400.0, 300.0, 400.0])
    both = operator.sample(batch, x, 100.0, noise=noise, temperature_K=mixed).positions
    torch.testing.assert_close(both[::2], cold[::2])
    torch.testing.assert_close(both[1::2], warm[1::2])


def test_arguments_that_do_not_fit_are_named(operator, scattered, noise, rng):
    batch, x = scattered
    with pytest.raises(TypeError, match="exactly one of noise and generator"):
        operator.sample(batch, x, 10.0)
    with pytest.raises(TypeError, match="exactly one of noise and generator"):
        operator.sample(batch, x, 10.0, noise=noise, generator=rng)
    with pytest.raises(GraphError, match=r"\(4, 8, 3\) do not fit 4 systems of up to 9 atoms"):
        operator.sample(batch, x[:, :8], 10.0, noise=noise)
    with pytest.raises(GraphError, match=r"noise has shape \(4, 8, 3\)"):
        operator.sample(batch, x, 10.0, noise=noise[:, :8])
    with pytest.raises(GraphError, match="must be floating-point numbers in Å"):
        operator.sample(batch, x.long(), 10.0, noise=noise)
    with pytest.raises(GraphError, match="lag_time_ps needs one number, or one for each of 4"):
        operator.sample(batch, x, torch.full((3,), 10.0), noise=noise)
    broken = x.clone()
    broken[2, 4, 1] = float("nan")
    with pytest.raises(GraphError, match="positions of system 2 are not finite"):
        operator.sample(batch, broken, 10.0, noise=noise)
    with pytest.raises(GraphError, match="y of system 2 are not finite"):
        operator.log_prob(batch, broken, x, 10.0)
    with pytest.raises(GraphError, match="y has shape"):
        operator.log_prob(batch, x[:2], x, 10.0)
    with pytest.raises(TypeError, match="needs a generator"):
        operator.log_prob(batch, x, x, 10.0, divergence="hutchinson")
    with pytest.raises(TypeError, match="'exact' takes none"):
        operator.log_prob(batch, x, x, 10.0, generator=rng)
    with pytest.raises(TypeError, match="not 'trace'"):
        operator.log_prob(batch, x, x, 10.0, divergence="trace")


def test_nested_jumps_are_jumps_with_keyed_noise(operator, scattered):
    batch, x = scattered
    trajectory = list(operator.iterate(batch, x, 50.0, 3, seed=5))
    counts = batch.n_atoms.tolist()
    for jump, transition in enumerate(trajectory):
        noise = keyed_noise(counts, 9, 5, range(4), jump)
        x = operator.sample(batch, x, 50.0, noise=noise).positions
        assert torch.equal(x, transition.positions)


def test_nested_jumps_do_not_depend_on_interruptions_or_batches(operator, scattered):
    batch, x = scattered
    whole = [t.positions for t in operator.iterate(batch, x, 50.0, 4, seed=1)]
    start = [t.positions for t in operator.iterate(batch, x, 50.0, 2, seed=1)]
    rest = operator.iterate(batch, start[-1], 50.0, 2, seed=1, first_jump=2)
    assert torch.equal(whole[-1], list(rest)[-1].positions)
    part = torch.tensor([3, 1])
    some = operator.iterate(batch.select(part), x[part], 50.0, 4, seed=1, replicas=[3, 1])
    torch.testing.assert_close(list(some)[-1].positions, whole[-1][part], rtol=1e-4, atol=1e-4)
    other = [t.positions for t in operator.iterate(batch, x, 50.0, 4, seed=2)]
    assert not torch.allclose(other[-1], whole[-1])
    with pytest.raises(GraphError, match="1 replica keys for 4 systems"):
        operator.iterate(batch, x, 50.0, 1, seed=0, replicas=[0])


def test_nested_jumps_below_ten_picoseconds_warn(operator, ethanol):
    graph, positions = ethanol
    x = torch.from_numpy(positions)
    with pytest.warns(TITOWarning, match="2 ps.*below 10 ps.*not Markovian"):
        operator.iterate(graph, x, 2.0, 2, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (single,) = operator.iterate(graph, x, 2.0, 1, seed=0)
        assert single.positions.shape == (9, 3)
        list(operator.iterate(graph, x, 10.0, 2, seed=0))


class TestWithANetwork:
    """The operator around a real network: precision, modes, and the density's derivatives."""

    @pytest.fixture
    def network(self):
        from ase_tito.nn import EquivariantVelocity, VelocityConfig

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = EquivariantVelocity(
                VelocityConfig(
                    features=8,
                    heads=2,
                    blocks=1,
                    pair_features=4,
                    radial_functions=4,
                    axial_features=2,
                )
            )
            for parameter in network.parameters():
                if not parameter.any():
                    torch.nn.init.normal_(parameter, std=0.3)
        return network

    def operator(self, network):
        return ImplicitTransferOperator(
            network, HarmonicSource(), ConditionFrame(), DOMAIN, ode=OdeSettings(steps=3)
        )

    def test_parameters_decide_the_precision_within(self, network, scattered, noise):
        batch, x = scattered
        rough = self.operator(network).sample(batch, x.double(), 50.0, noise=noise).positions
        fine = self.operator(network.double()).sample(batch, x, 50.0, noise=noise).positions
        assert rough.dtype == torch.float64
        assert fine.dtype == torch.float32
        torch.testing.assert_close(rough.float(), fine, rtol=1e-4, atol=1e-4)

    def test_sampling_leaves_no_mode_behind(self, network, scattered, noise):
        """Samples feed densities, and the network trains on, after inference mode."""
        batch, x = scattered
        operator = self.operator(network)
        y = operator.sample(batch, x, 50.0, noise=noise).positions
        assert not y.requires_grad
        y += 0.1  # in place, on an ordinary tensor
        density = operator.log_prob(batch, y, x, 50.0, ode=OdeSettings("rk4", 2))
        assert not density.value.requires_grad
        assert torch.is_grad_enabled()
        context = network.encode(batch, x, torch.full((4,), 50.0))
        network(y, torch.rand(4), context).square().sum().backward()
        assert network.readout.weight.grad is not None

    def test_density_change_is_the_jacobian_determinant(self, network, ethanol, rng):
        """∫ div u ds along the flow of a network against log |det Qᵀ (∂y/∂z) Q| by autograd."""
        graph, positions = ethanol
        network = network.double()
        batch = GraphBatch.replicate(graph, 1)
        x = torch.from_numpy(positions - positions.mean(0))[None]
        frame, ode = ConditionFrame(), OdeSettings("rk4", 6)
        project, basis = frame.projector(x, batch.mask), frame.basis(x, batch.mask)
        context = network.encode(batch, x, torch.full((1,), 50.0, dtype=torch.float64))

        def velocity(z, s):
            return project(network(z, s, context))

        def flow(coordinates):
            z = (basis[0] @ coordinates).view(1, 9, 3)
            return basis[0].T @ integrate(velocity, z, ode, batch.mask).positions.flatten()

        start = torch.randn(21, generator=rng, dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(flow, start)
        with torch.no_grad():
            y = (basis[0] @ flow(start)).view(1, 9, 3)
            result = integrate_log_density(
                velocity, y, ode, batch.mask, basis_directions(basis), chunk_size=8
            )
        change = -jacobian.slogdet()[1]
        assert change.abs() > 0.1
        torch.testing.assert_close(result.change[0], change, rtol=0, atol=1e-3)
        torch.testing.assert_close(basis[0].T @ result.source.flatten(), start, rtol=0, atol=1e-3)
