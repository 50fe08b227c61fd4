"""Arrays and topology in, numbers out: is a trajectory right, and how sure is that?

Nothing here knows a model. Positions are in Å with shape (T, n, 3), torsions in radians with
shape (T, k); several runs or replicas are a list of such arrays, so that nothing is ever counted
across their ends. Figures are in `ase_tito.analysis.surfaces`.
"""

from ase_tito.analysis.bootstrap import Interval, block_bootstrap
from ase_tito.analysis.correlation import (
    autocorrelation,
    lag_in_frames,
    lagged_starts,
    mean_cosine_change,
    statistical_inefficiency,
    torsion_correlation,
)
from ase_tito.analysis.divergence import (
    Divergence,
    divergence,
    histogram_divergence,
    jensen_shannon,
    torsion_divergence,
)
from ase_tito.analysis.floor import (
    EqualCounts,
    Floor,
    at_equal_counts,
    half_against_half,
    multinomial_floor,
)
from ase_tito.analysis.histograms import (
    Histogram,
    histogram,
    regular_edges,
    torsion_histogram,
)
from ase_tito.analysis.internals import angles, dihedrals, distances, sine_cosine
from ase_tito.analysis.profiles import Profile, free_energies, profile, torsion_profile
from ase_tito.analysis.torsions import (
    Torsion,
    peptide_torsions,
    proper_torsions,
    rotatable_bonds,
    torsion_atoms,
)

__all__ = [
    "Divergence",
    "EqualCounts",
    "Floor",
    "Histogram",
    "Interval",
    "Profile",
    "Torsion",
    "angles",
    "at_equal_counts",
    "autocorrelation",
    "block_bootstrap",
    "dihedrals",
    "distances",
    "divergence",
    "free_energies",
    "half_against_half",
    "histogram",
    "histogram_divergence",
    "jensen_shannon",
    "lag_in_frames",
    "lagged_starts",
    "mean_cosine_change",
    "multinomial_floor",
    "peptide_torsions",
    "profile",
    "proper_torsions",
    "regular_edges",
    "rotatable_bonds",
    "sine_cosine",
    "statistical_inefficiency",
    "torsion_atoms",
    "torsion_correlation",
    "torsion_divergence",
    "torsion_histogram",
    "torsion_profile",
]
