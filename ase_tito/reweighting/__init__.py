"""Exact averages from a Boltzmann prior: importance weights against any ASE calculator."""

from ase_tito.reweighting.annealing import AnnealingSettings, annealed_sample
from ase_tito.reweighting.free_energy import free_energy_difference
from ase_tito.reweighting.importance import importance_sample
from ase_tito.reweighting.samples import WeightedSamples, effective_sample_size
from ase_tito.reweighting.target import BoltzmannTarget

__all__ = [
    "AnnealingSettings",
    "BoltzmannTarget",
    "WeightedSamples",
    "annealed_sample",
    "effective_sample_size",
    "free_energy_difference",
    "importance_sample",
]
