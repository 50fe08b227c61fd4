"""Trust without a reference: does a model at least agree with itself?

For a molecule that has no MD. A model that fails here is wrong; one that passes is consistent,
which is necessary and not sufficient: a consistent model may sample the wrong molecule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from ase_tito.analysis.energy_distance import EnergyTest, paired_energy_test
from ase_tito.analysis.histograms import as_samples
from ase_tito.analysis.replicas import ReplicaAgreement
from ase_tito.analysis.reversibility import Reversibility
from ase_tito.errors import DataError

Light = Literal["green", "yellow", "red"]

CHECKS = ("jumps", "reversibility", "replicas", "validity")
"""What can be asked of a model without MD."""

SIGNIFICANT = 0.01
"""p-values below this are not put down to chance."""

JUMP_DIFFERENCE = (0.05, 0.15)
"""Differences up to which one jump and two agree, and roughly agree; see `JumpConsistency`."""

NET_FLUX = (0.02, 0.1)
"""Excess shares of transitions not undone, for reversible and roughly reversible."""

SCALE_REDUCTION = (1.05, 1.2)
"""R̂ for replicas that agree, and roughly agree."""

VALID_SHARE = (0.99, 0.95)
"""Shares of valid first proposals for green and for yellow."""

FEWEST_TRANSITIONS = 100
"""With fewer, nothing is said for reversibility."""


_MEANINGS: dict[Light, str] = {
    "green": "the model agrees with itself in all that was checked",
    "yellow": "the model agrees with itself roughly, or not all could be checked",
    "red": "the model contradicts itself; do not use these samples as they are",
}

_DIFFER: dict[Light, str] = {
    "green": "differ measurably, but hardly",
    "yellow": "differ",
    "red": "differ strongly",
}

_SEVERITY: dict[Light, int] = {"green": 0, "yellow": 1, "red": 2}


@dataclass(frozen=True)
class JumpConsistency:
    """One jump of 2τ beside two of τ.

    Attributes
    ----------
    joint : EnergyTest
        Of start and end together, (x, y) against (x, y): whether they differ at all.
    ends : EnergyTest
        Of the ends alone.
    memory_one, memory_two : float
        Correlation of ends with starts, by one jump and by two: Σ cov(x, y) over the features.
    memory_error : float
        Standard error of their difference.
    """

    joint: EnergyTest
    ends: EnergyTest
    memory_one: float
    memory_two: float
    memory_error: float

    @property
    def population_difference(self) -> float:
        """Error of the populations of two equally populated states with `ends`' coefficient.

        For them the coefficient is twice its square.
        """
        return float(np.sqrt(self.ends.excess / 2))

    @property
    def chance_difference(self) -> float:
        """The same, of the coefficient that finite samples give by chance."""
        return float(np.sqrt(self.ends.expected / 2))

    @property
    def difference(self) -> float:
        """The larger of the differences in populations and, beyond 2 errors, in memory."""
        memory = abs(self.memory_one - self.memory_two) - 2 * self.memory_error
        return max(self.population_difference, memory)


@dataclass(frozen=True)
class Finding:
    """One check with its number.

    Attributes
    ----------
    check : str
        One of `CHECKS`.
    light : {'green', 'yellow', 'red'}
    value : float
        Difference of the jumps, excess net flux, R̂, or share of valid proposals.
    reason : str
        A sentence with the numbers.
    """

    check: str
    light: Light
    value: float
    reason: str


@dataclass(frozen=True)
class TrustReport:
    """All findings, and the traffic light they make.

    Attributes
    ----------
    light : {'green', 'yellow', 'red'}
        The worst of the findings; at most yellow if a check is missing.
    findings : tuple of Finding
    missing : tuple of str
        Checks that were not made.
    """

    light: Light
    findings: tuple[Finding, ...]
    missing: tuple[str, ...]

    def describe(self) -> str:
        """A few lines for people."""
        lines = [f"{self.light}: {_MEANINGS[self.light]}"]
        lines += [f"  {found.light:6} {found.check}: {found.reason}" for found in self.findings]
        lines += [f"  not checked: {check}" for check in self.missing]
        return "\n".join([*lines, "Consistent is not correct: that only a reference can tell."])


def jump_consistency(
    starts: ArrayLike,
    one_jump: ArrayLike,
    two_jumps: ArrayLike,
    *,
    generator: np.random.Generator,
    permutations: int = 500,
) -> JumpConsistency:
    """One jump of 2τ against two jumps of τ, from the same frames.

    A Markovian model must not care (the Chapman–Kolmogorov equation).

    Parameters
    ----------
    starts, one_jump, two_jumps : array_like, shape (P, d)
        Features of the starting frames, and of what either way made of them: few and slow ones,
        for differences in one of many are diluted. Starts should be spread as in equilibrium,
        and τ long against the velocity's memory.
    generator : numpy.random.Generator
    permutations : int

    Raises
    ------
    DataError
        For shapes that differ, frames that are not finite, or features that never change.
    """
    begin, one, two = as_samples(starts), as_samples(one_jump), as_samples(two_jumps)
    if not begin.shape == one.shape == two.shape:
        raise DataError(
            f"starts {begin.shape}, single jumps {one.shape} and double jumps {two.shape} do not"
            " match"
        )
    joint, ends = (
        paired_energy_test(a, b, generator=generator, permutations=permutations)
        for a, b in ((np.hstack([begin, one]), np.hstack([begin, two])), (one, two))
    )
    centred = begin - begin.mean(0)
    # One scale for both, so that their difference is linear in the ends.
    spread = ((one - one.mean(0)) ** 2).sum() + ((two - two.mean(0)) ** 2).sum()
    scale = np.sqrt((centred**2).sum() * spread / 2)
    if scale == 0:
        raise DataError("the starts never change: nothing can be remembered of them")
    each = (centred * (one - two - (one - two).mean(0))).sum(1) / scale
    return JumpConsistency(
        joint,
        ends,
        float((centred * one).sum() / scale),
        float((centred * two).sum() / scale),
        float(np.sqrt((each**2).sum())),
    )


def judge_jumps(test: JumpConsistency) -> Finding:
    """A finding from `jump_consistency`."""
    numbers = (
        f"populations by {test.population_difference:.3f}, memory of the start"
        f" {test.memory_one:.3f} ± {test.memory_error:.3f} against {test.memory_two:.3f}"
        f" (p = {test.joint.p_value:.2g}, {test.joint.pairs} pairs)"
    )
    check, value = "jumps", test.difference
    if test.joint.p_value < SIGNIFICANT:
        light = _rising(value, JUMP_DIFFERENCE)
        return Finding(check, light, value, f"2τ and τ + τ {_DIFFER[light]}: {numbers}")
    if max(test.chance_difference, test.memory_error) > JUMP_DIFFERENCE[0]:
        return Finding(check, "yellow", value, f"too few pairs to tell 2τ from τ + τ: {numbers}")
    return Finding(check, "green", value, f"2τ and τ + τ do not differ: {numbers}")


def judge_reversibility(test: Reversibility) -> Finding:
    """A finding from `reversibility`."""
    numbers = (
        f"{test.net_share:.2%} of {test.transitions} transitions are not undone where chance gives"
        f" {test.expected_share:.2%} (p = {test.p_value:.2g})"
    )
    check, excess = "reversibility", test.excess_share
    if test.p_value < SIGNIFICANT:
        light = _rising(excess, NET_FLUX)
        return Finding(check, light, excess, f"forward and backward {_DIFFER[light]}: {numbers}")
    if test.transitions < FEWEST_TRANSITIONS:
        return Finding(check, "yellow", excess, f"too few transitions to tell: {numbers}")
    return Finding(check, "green", excess, f"forward and backward do not differ: {numbers}")


def judge_replicas(agreement: ReplicaAgreement) -> Finding:
    """A finding from `replica_agreement`."""
    light = _rising(agreement.worst, SCALE_REDUCTION)
    words = {
        "green": "replicas agree",
        "yellow": "replicas agree roughly; run them longer",
        "red": "replicas do not agree: too short, or stuck where they started",
    }
    return Finding(
        "replicas",
        light,
        agreement.worst,
        f"{words[light]}: largest R̂ {agreement.worst:.3f} of {agreement.replicas} replicas with"
        f" {agreement.frames} frames",
    )


def judge_validity(valid: ArrayLike) -> Finding:
    """A finding from the validity of first proposals.

    Parameters
    ----------
    valid : array_like of bool, shape (P,)
        For each jump, whether its first proposal was a valid geometry: before any retry, which
        would hide the others.
    """
    flags = np.asarray(valid, bool).ravel()
    if len(flags) == 0:
        raise DataError("no proposals: nothing can be said of their validity")
    count = int(flags.sum())
    interval = binomtest(count, len(flags)).proportion_ci(method="wilson")
    if interval.low >= VALID_SHARE[0]:
        light: Light = "green"
    else:
        light = "red" if count / len(flags) < VALID_SHARE[1] else "yellow"
    return Finding(
        "validity",
        light,
        count / len(flags),
        f"{count} of {len(flags)} first proposals are valid"
        f" (95 % interval {interval.low:.2%} to {interval.high:.2%})",
    )


def trust_report(findings: Iterable[Finding]) -> TrustReport:
    """The traffic light of some findings, at most one for each of `CHECKS`.

    Raises
    ------
    DataError
        For no findings, or several of one check.
    """
    every = tuple(findings)
    names = [found.check for found in every]
    if not every or len(set(names)) != len(names) or not set(names) <= set(CHECKS):
        raise DataError(f"a report takes one finding for some of {', '.join(CHECKS)}, not {names}")
    missing = tuple(check for check in CHECKS if check not in names)
    lights: list[Light] = [found.light for found in every]
    if missing:
        lights.append("yellow")
    return TrustReport(max(lights, key=_SEVERITY.__getitem__), every, missing)


def _rising(value: float, limits: tuple[float, float]) -> Light:
    return "green" if value <= limits[0] else "yellow" if value <= limits[1] else "red"
