"""The figures of an evaluation: their names, what they mean, and what the paper reports."""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOLS = {
    "nested": "nested jumps",
    "single": "single jumps from MD frames",
}
"""How samples are made: keys of figures begin with these."""


@dataclass(frozen=True)
class FigureInfo:
    """What one figure is.

    Attributes
    ----------
    key : str
        Without the protocol.
    title : str
        With its unit.
    meaning : str
        In one or two sentences.
    digits : int
        After the point.
    percent : bool
        Shown as a percentage.
    """

    key: str
    title: str
    meaning: str
    digits: int = 3
    percent: bool = False

    def format(self, value: float) -> str:
        """A value as text; empty where there is none."""
        if value != value:
            return ""
        text = f"{100 * value:.2f}" if self.percent else f"{value:.{self.digits}f}"
        if float(text) == 0:
            text = text.lstrip("-")
        return f"{text} %" if self.percent else text


CATALOGUE = (
    FigureInfo(
        "jsd",
        "TICA JSD, nats",
        "Jensen-Shannon divergence of the first two TICA components on 100 × 100 bins over the"
        " MD's range; what falls outside counts as one more bin.",
    ),
    FigureInfo(
        "jsd_release",
        "TICA JSD, outside dropped, nats",
        "The same, but what falls outside the bins is dropped, as in the released code: the"
        " paper's figure.",
    ),
    FigureInfo(
        "outside_share",
        "samples outside the bins",
        "Share of the model's samples that is beyond the range of the MD.",
        percent=True,
    ),
    FigureInfo(
        "coverage",
        "coverage",
        "Share of the MD in bins that both occupy: 1 if nothing is missed.",
    ),
    FigureInfo(
        "precision",
        "precision",
        "Share of the model's samples in bins that both occupy: 1 if it is nowhere MD is not.",
    ),
    FigureInfo(
        "vamp_gap",
        "VAMP-2 gap, cross score",
        "score(MD, MD) − score(MD, model) at the jump's lag, in the span of the MD's ten slowest"
        " TICA components: the MD's singular functions, as many as stand out of the noise, on the"
        " model's pairs. Negative where the model is slower.",
    ),
    FigureInfo(
        "vamp_gap_separate",
        "VAMP-2 gap, separate scores",
        "score(MD, MD) − score(model, model): the paper's formula.",
    ),
    FigureInfo(
        "vamp_dimensions",
        "functions in the VAMP-2 scores",
        "Singular functions of the MD that stand out of the noise.",
        digits=0,
    ),
    FigureInfo(
        "timescale_error",
        "timescale error, resolved",
        "Mean relative error of the slowest implied timescales in the span of the MD's ten slowest"
        " TICA components, of those alone that the MD, strided to the jump, resolves.",
    ),
    FigureInfo(
        "timescale_error_release",
        "timescale error, all ten",
        "Mean over the ten slowest timescales in the span of all features, resolved or noise, as"
        " the paper has it.",
    ),
    FigureInfo(
        "timescales_resolved",
        "resolved timescales",
        "Number of timescales in the former error: those above the noise of the MD, and ten times"
        " shorter than it.",
        digits=0,
    ),
    FigureInfo(
        "memory",
        "error of ⟨cos Δθ⟩",
        "Mean over rotatable bonds of the error of ⟨cos Δθ⟩ over one jump, against what MD did"
        " from the same frames. The floor is what the noise of both gives.",
    ),
    FigureInfo(
        "energy_shift_kJ_mol",
        "energy, median − MD's, kJ/mol",
        "Median of the potential energy less that of the MD.",
        digits=2,
    ),
    FigureInfo(
        "energy_shift_per_10_atoms_kJ_mol",
        "the same per ten atoms, kJ/mol",
        "The same, for molecules of different size.",
        digits=2,
    ),
    FigureInfo(
        "energy_quartile_1_shift_kJ_mol",
        "energy, lower quartile − MD's, kJ/mol",
        "Lower quartile of the potential energy less that of the MD.",
        digits=2,
    ),
    FigureInfo(
        "energy_quartile_3_shift_kJ_mol",
        "energy, upper quartile − MD's, kJ/mol",
        "Upper quartile of the potential energy less that of the MD.",
        digits=2,
    ),
    FigureInfo(
        "energy_width_ratio",
        "energy, width over MD's",
        "Interquartile range of the potential energy over that of the MD.",
        digits=2,
    ),
    FigureInfo(
        "bond_shift_A",
        "bond lengths, error of means, Å",
        "Root mean square over all bonds of the error of the mean length.",
        digits=4,
    ),
    FigureInfo(
        "bond_width_ratio",
        "bond lengths, width over MD's",
        "Median over all bonds of the ratio of standard deviations.",
    ),
    FigureInfo(
        "angle_shift_deg",
        "angles, error of means, degrees",
        "Root mean square over all angles of the error of the mean angle.",
        digits=2,
    ),
    FigureInfo(
        "angle_width_ratio",
        "angles, width over MD's",
        "Median over all angles of the ratio of standard deviations.",
    ),
    FigureInfo(
        "gyration_ratio",
        "radius of gyration over MD's",
        "Mean radius of gyration, of all atoms alike, over that of the MD.",
    ),
    FigureInfo(
        "valid_share",
        "valid first proposals",
        "Share of first proposals with whole bonds, without clashes, and of the right"
        " stereochemistry. Later tries do not count.",
        percent=True,
    ),
    FigureInfo(
        "held_share",
        "jumps without a valid draw",
        "Share of nested jumps at which no draw was valid, and the replica stayed where it was.",
        percent=True,
    ),
    FigureInfo(
        "evaluations_per_jump",
        "evaluations per jump",
        "Evaluations of the velocity field that a jump costs.",
        digits=0,
    ),
    FigureInfo(
        "ms_per_jump",
        "time per jump and replica, ms",
        "Wall time of one jump of one replica, on this machine.",
        digits=1,
    ),
)
"""All figures, in the order of tables. Not every molecule has all of them."""

INFO = {info.key: info for info in CATALOGUE}

PAPER: dict[str, dict[str, tuple[float, float]]] = {
    "small molecules": {
        "nested.jsd_release": (0.097, 0.087),
        "nested.vamp_gap": (-0.388, -0.072),
        "nested.vamp_gap_separate": (-0.388, -0.072),
        "nested.timescale_error": (0.554, 0.192),
        "nested.timescale_error_release": (0.554, 0.192),
    },
    "peptides": {
        "nested.jsd_release": (0.042, 0.036),
        "nested.vamp_gap": (-1.300, -0.961),
        "nested.vamp_gap_separate": (-1.300, -0.961),
        "nested.timescale_error": (1.204, 0.434),
        "nested.timescale_error_release": (1.204, 0.434),
    },
}
"""Mean and median over test molecules that arXiv 2510.07589 reports (Fig. 2), on its own data.

Its text has the gap of separate scores, its code that of the cross score, and it reports one
figure: that stands beside both. So does that of the timescales, which are not told apart by what
the data resolve."""


def info_of(key: str) -> FigureInfo:
    """What a figure is, by its key with the protocol: ``'nested.jsd'``."""
    return INFO[key.partition(".")[2]]


def all_keys() -> list[str]:
    """Keys of all figures with their protocols, in the order of tables."""
    return [f"{protocol}.{info.key}" for protocol in PROTOCOLS for info in CATALOGUE]
