"""Temperature replica exchange: what does not mix at room temperature mixes by way of hot replicas.

Y. Sugita, Y. Okamoto, Chem. Phys. Lett. 314, 141 (1999). One replica a temperature, all in one
process. After each frame neighbours on the ladder try to swap: pairs (0, 1), (2, 3), … or
(1, 2), (3, 4), …, at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import openmm
from numpy.typing import NDArray

from ase_tito.analysis.geometry import check_frames
from ase_tito.errors import ConfigError
from ase_tito.graph import MolecularGraph
from ase_tito.md.energies import EV_PER_KJ_MOL
from ase_tito.md.engine import Block, Progress, State, centred, seed_of
from ase_tito.md.langevin import GAS_CONSTANT, LangevinEngine
from ase_tito.md.settings import LangevinSettings

_TARGET = 0.6
"""Half the square root of the heat capacity (in k) times the log of the ratio of neighbouring
temperatures; two Gaussians of energy swap with probability erfc of it, 0.4."""


@dataclass(frozen=True)
class ExchangeSettings:
    """A ladder of temperatures and how long to climb on it.

    Parameters
    ----------
    time_ns : float
        Of each replica: so much is stored, at the lowest temperature.
    highest_temperature_K : float
    rungs : int, optional
        Temperatures, in geometric progression from that of the simulation. By default as many as
        the number of atoms needs for some 40 % of swaps to be accepted.
    """

    time_ns: float
    highest_temperature_K: float = 1000.0
    rungs: int | None = None

    def __post_init__(self) -> None:
        for key in ("time_ns", "highest_temperature_K"):
            value = getattr(self, key)
            if not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
                raise ConfigError(f"exchange.{key} must be positive, not {value!r}")
            object.__setattr__(self, key, float(value))
        if self.rungs is not None and (not isinstance(self.rungs, int) or self.rungs < 2):
            raise ConfigError(f"exchange.rungs must be a whole number from 2, not {self.rungs!r}")

    def ladder(self, lowest_K: float, n_atoms: int) -> NDArray[np.float64]:
        """Temperatures in K, lowest first.

        Raises
        ------
        ConfigError
            If the highest is not above the lowest.
        """
        span = math.log(self.highest_temperature_K / lowest_K)
        if span <= 0:
            raise ConfigError(
                f"exchange.highest_temperature_K = {self.highest_temperature_K:g} is not above the "
                f"simulation's {lowest_K:g} K"
            )
        ratio = 2 * _TARGET / math.sqrt(1.5 * n_atoms)
        rungs = self.rungs or max(2, 1 + math.ceil(span / ratio))
        return np.geomspace(lowest_K, self.highest_temperature_K, rungs)


def swap_log_probability(
    temperatures_K: tuple[float, float], energies_kJ_mol: tuple[float, float]
) -> float:
    """Log of the Metropolis ratio for two replicas to swap temperatures: (β₁ − β₂)(U₁ − U₂)."""
    (first, second), (u, v) = temperatures_K, energies_kJ_mol
    return (1 / first - 1 / second) * (u - v) / GAS_CONSTANT


class ExchangeEngine:
    """Replica exchange whose blocks hold the frames at the lowest temperature.

    Parameters
    ----------
    system : openmm.System
    settings : LangevinSettings
        A swap is tried at every frame.
    ladder : array, shape (R,)
        Temperatures in K, lowest first.
    graph : MolecularGraph
        A hot replica that turns a labelled double bond (or inverts a centre) is taken back to where
        it was a frame ago, with its velocities reversed: a rejected move, so that every
        temperature keeps Boltzmann's distribution over this stereoisomer.

    Notes
    -----
    Velocities are scaled with the root of the temperature at a swap. Counts are ``attempted`` and
    ``accepted`` swaps of each pair of neighbours (R − 1), ``round_trips`` of replicas from the
    lowest temperature to the highest and back, and ``taken_back`` moves.
    """

    def __init__(
        self,
        system: openmm.System,
        settings: LangevinSettings,
        ladder: NDArray[np.float64],
        graph: MolecularGraph,
    ) -> None:
        self.settings = settings
        self.ladder = ladder
        self._graph = graph
        self._labelled = bool(graph.tetrahedral.any() or len(graph.double_bonds))
        self._rungs = [LangevinEngine(system, settings, float(t)) for t in ladder]

    def start(self, positions: NDArray[np.float64], seed: int) -> State:
        states: list[State] = []
        for k, rung in enumerate(self._rungs):
            state = rung.start(positions, seed_of(seed, k))
            if k and self._strayed(state):
                state = states[-1]
            states.append(state)
        return {
            "positions_nm": np.stack([state["positions_nm"] for state in states]),
            "velocities_nm_per_ps": np.stack([state["velocities_nm_per_ps"] for state in states]),
            "replicas": np.arange(len(states)),
            # whether a replica was last at the top; -1 before it has been at either end
            "came_from_top": np.full(len(states), -1),
        }

    def block(self, state: State, seed: int, frames: int, progress: Progress) -> Block:
        generator = np.random.default_rng(seed)
        states = [
            {"positions_nm": x, "velocities_nm_per_ps": v}
            for x, v in zip(state["positions_nm"], state["velocities_nm_per_ps"], strict=True)
        ]
        for k, rung in enumerate(self._rungs):
            rung.reseed(seed_of(seed, k))
        replicas, top = state["replicas"].copy(), state["came_from_top"].copy()
        last = len(self._rungs) - 1
        attempted, accepted = np.zeros(last), np.zeros(last)
        round_trips = taken_back = 0
        positions = np.empty((frames, *state["positions_nm"].shape[1:]))
        energies = np.empty(frames)
        for frame in range(frames):
            potentials = []
            for k, rung in enumerate(self._rungs):
                moved, potential = rung.advance(states[k])
                if self._strayed(moved):
                    taken_back += 1
                    moved = states[k] | {"velocities_nm_per_ps": -states[k]["velocities_nm_per_ps"]}
                    potential = rung.potential(moved)
                states[k] = moved
                potentials.append(potential)
            positions[frame] = 10 * states[0]["positions_nm"]
            energies[frame] = potentials[0]
            for k in range(int(generator.integers(2)), last, 2):
                attempted[k] += 1
                ratio = swap_log_probability(
                    (self.ladder[k], self.ladder[k + 1]), (potentials[k], potentials[k + 1])
                )
                if math.log(1 - generator.random()) < ratio:
                    accepted[k] += 1
                    self._swap(states, replicas, k)
            if top[replicas[0]] == 1:
                round_trips += 1
            top[replicas[0]] = 0
            top[replicas[last]] = 1 if top[replicas[last]] == 0 else top[replicas[last]]
            progress(self.settings.frame_spacing_ps)
        return Block(
            centred(positions),
            energies * EV_PER_KJ_MOL,
            {
                **{key: np.stack([state[key] for state in states]) for key in states[0]},
                "replicas": replicas,
                "came_from_top": top,
            },
            {
                "attempted": attempted,
                "accepted": accepted,
                "round_trips": np.array(float(round_trips)),
                "taken_back": np.array(float(taken_back)),
            },
        )

    def _swap(self, states: list[State], replicas: NDArray[np.int64], k: int) -> None:
        scale = math.sqrt(self.ladder[k + 1] / self.ladder[k])
        low, high = states[k], states[k + 1]
        states[k] = high | {"velocities_nm_per_ps": high["velocities_nm_per_ps"] / scale}
        states[k + 1] = low | {"velocities_nm_per_ps": low["velocities_nm_per_ps"] * scale}
        replicas[[k, k + 1]] = replicas[[k + 1, k]]

    def _strayed(self, state: State) -> bool:
        """Whether labelled stereochemistry is not what it should be."""
        if not self._labelled:
            return False
        found = check_frames(10 * state["positions_nm"][None], self._graph)
        return bool(found.chirality_flips[0] or found.cis_trans_flips[0])
