"""Arrays and topology in, numbers out: is a trajectory right, and how sure is that?

Nothing here knows a model. Positions are in Å with shape (T, n, 3), torsions in radians with
shape (T, k); several runs or replicas are a list of such arrays, so that nothing is ever counted
across their ends. Figures are in `ase_tito.analysis.surfaces`.
"""

from ase_tito.analysis.agreement import Agreement, agreement, bin_numbers
from ase_tito.analysis.bootstrap import Interval, block_bootstrap
from ase_tito.analysis.chapman_kolmogorov import ChapmanKolmogorov, chapman_kolmogorov
from ase_tito.analysis.clusters import Clusters, k_means
from ase_tito.analysis.correlation import (
    autocorrelation,
    lag_in_frames,
    lagged_starts,
    mean_cosine_change,
    statistical_inefficiency,
    torsion_correlation,
)
from ase_tito.analysis.coverage import Coverage, coverage, histogram_coverage
from ase_tito.analysis.divergence import (
    Divergence,
    divergence,
    histogram_divergence,
    jensen_shannon,
    torsion_divergence,
)
from ase_tito.analysis.energies import EnergyDistribution, energy_distribution, potential_energies
from ase_tito.analysis.energy_distance import EnergyTest, paired_energy_test
from ase_tito.analysis.features import (
    Features,
    angle_features,
    bonded_triples,
    distance_features,
    torsion_features,
)
from ase_tito.analysis.files import (
    Topology,
    TrajectorySource,
    named_alike,
    open_trajectory,
    read_topology,
)
from ase_tito.analysis.floor import (
    EqualCounts,
    Floor,
    at_equal_counts,
    half_against_half,
    multinomial_floor,
)
from ase_tito.analysis.geometry import (
    FrameGeometry,
    GeometryRange,
    check_frames,
    geometry_range,
    range_coordinates,
)
from ase_tito.analysis.gyration import radius_of_gyration
from ase_tito.analysis.histograms import (
    Histogram,
    histogram,
    regular_edges,
    torsion_histogram,
)
from ase_tito.analysis.internals import angles, dihedrals, distances, sine_cosine
from ase_tito.analysis.kinetic_floor import KineticFloor, kinetics_at_equal_counts
from ase_tito.analysis.lags import frames_per_lag, shortest_shared_lag_ps, strided
from ase_tito.analysis.markov import (
    MarkovModel,
    markov_interval,
    markov_model,
    transition_counts,
)
from ase_tito.analysis.memory import TorsionMemory, torsion_memory
from ase_tito.analysis.metastable import mean_first_passage_time, metastable_sets
from ase_tito.analysis.mixing import Mixing, mixing
from ase_tito.analysis.profiles import Profile, free_energies, profile, torsion_profile
from ase_tito.analysis.replicas import ReplicaAgreement, replica_agreement
from ase_tito.analysis.reversibility import Reversibility, reversibility
from ase_tito.analysis.spectrum import Spectrum, implied_timescales
from ase_tito.analysis.tica import TicaModel, tica
from ase_tito.analysis.timescales import (
    TimescaleError,
    TimescaleScan,
    timescale_error,
    timescale_scan,
)
from ase_tito.analysis.torsions import (
    Torsion,
    peptide_torsions,
    proper_torsions,
    rotatable_bonds,
    torsion_atoms,
)
from ase_tito.analysis.transients import (
    Transient,
    TransientAgreement,
    counted_transient,
    markov_transient,
    sampled_transient,
    transient_agreement,
    transient_intervals,
)
from ase_tito.analysis.trust import (
    Finding,
    JumpConsistency,
    TrustReport,
    judge_jumps,
    judge_replicas,
    judge_reversibility,
    judge_validity,
    jump_consistency,
    trust_report,
)
from ase_tito.analysis.two_states import (
    Relaxation,
    core_states,
    state_steps,
    two_state_relaxation,
)
from ase_tito.analysis.vamp import VampGap, VampModel, vamp, vamp_gap, vamp_gap_intervals

__all__ = [
    "Agreement",
    "ChapmanKolmogorov",
    "Clusters",
    "Coverage",
    "Divergence",
    "EnergyDistribution",
    "EnergyTest",
    "EqualCounts",
    "Features",
    "Finding",
    "Floor",
    "FrameGeometry",
    "GeometryRange",
    "Histogram",
    "Interval",
    "JumpConsistency",
    "KineticFloor",
    "MarkovModel",
    "Mixing",
    "Profile",
    "Relaxation",
    "ReplicaAgreement",
    "Reversibility",
    "Spectrum",
    "TicaModel",
    "TimescaleError",
    "TimescaleScan",
    "Topology",
    "Torsion",
    "TorsionMemory",
    "TrajectorySource",
    "Transient",
    "TransientAgreement",
    "TrustReport",
    "VampGap",
    "VampModel",
    "agreement",
    "angle_features",
    "angles",
    "at_equal_counts",
    "autocorrelation",
    "bin_numbers",
    "block_bootstrap",
    "bonded_triples",
    "chapman_kolmogorov",
    "check_frames",
    "core_states",
    "counted_transient",
    "coverage",
    "dihedrals",
    "distance_features",
    "distances",
    "divergence",
    "energy_distribution",
    "frames_per_lag",
    "free_energies",
    "geometry_range",
    "half_against_half",
    "histogram",
    "histogram_coverage",
    "histogram_divergence",
    "implied_timescales",
    "jensen_shannon",
    "judge_jumps",
    "judge_replicas",
    "judge_reversibility",
    "judge_validity",
    "jump_consistency",
    "k_means",
    "kinetics_at_equal_counts",
    "lag_in_frames",
    "lagged_starts",
    "markov_interval",
    "markov_model",
    "markov_transient",
    "mean_cosine_change",
    "mean_first_passage_time",
    "metastable_sets",
    "mixing",
    "multinomial_floor",
    "named_alike",
    "open_trajectory",
    "paired_energy_test",
    "peptide_torsions",
    "potential_energies",
    "profile",
    "proper_torsions",
    "radius_of_gyration",
    "range_coordinates",
    "read_topology",
    "regular_edges",
    "replica_agreement",
    "reversibility",
    "rotatable_bonds",
    "sampled_transient",
    "shortest_shared_lag_ps",
    "sine_cosine",
    "state_steps",
    "statistical_inefficiency",
    "strided",
    "tica",
    "timescale_error",
    "timescale_scan",
    "torsion_atoms",
    "torsion_correlation",
    "torsion_divergence",
    "torsion_features",
    "torsion_histogram",
    "torsion_memory",
    "torsion_profile",
    "transient_agreement",
    "transient_intervals",
    "transition_counts",
    "trust_report",
    "two_state_relaxation",
    "vamp",
    "vamp_gap",
    "vamp_gap_intervals",
]
