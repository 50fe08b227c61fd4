"""The mathematics of the flow: source, path, frames, couplings, and the integration of its ODE."""

from ase_tito.flow.coupling import (
    Coupling,
    IndependentCoupling,
    PermutationCoupling,
    RotationCoupling,
    coupling_named,
)
from ase_tito.flow.field import VelocityField
from ase_tito.flow.frame import ConditionFrame, Frame, FreeFrame, frame_named
from ase_tito.flow.ode import OdeSettings, integrate, integrate_log_density
from ase_tito.flow.path import linear_path
from ase_tito.flow.source import GaussianSource, HarmonicSource, Source

__all__ = [
    "ConditionFrame",
    "Coupling",
    "Frame",
    "FreeFrame",
    "GaussianSource",
    "HarmonicSource",
    "IndependentCoupling",
    "OdeSettings",
    "PermutationCoupling",
    "RotationCoupling",
    "Source",
    "VelocityField",
    "coupling_named",
    "frame_named",
    "integrate",
    "integrate_log_density",
    "linear_path",
]
