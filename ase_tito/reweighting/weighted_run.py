"""What a trajectory of weighted samples says of itself, and what may continue it."""

from __future__ import annotations

from dataclasses import dataclass

from ase_tito.errors import OutputError

KIND = "ase_tito weighted samples"


@dataclass(frozen=True)
class WeightedRun:
    """What the trajectory's header says.

    Attributes
    ----------
    model, model_sha256, calculator : str
    temperature_K : float
    seed, batch_size, nodes, steps : int
        The random numbers of batch k are keyed by (seed, k).
    drawn, batches : int
        Samples and batches so far, those without a weight included.
    invalid : int
        Samples that are no valid geometry, or whose integration or energy is not finite: they
        count, with the weight zero, and are not written.
    integration_error : float
        Largest change of a log-density by a ten times tighter integration, of a few samples.
    molecule_sha256 : str
        Of elements, bonds and stereochemistry in the order of the atoms.
    calculator_sha256 : str
        Of the file that makes the calculator; empty where that is not known.
    state_sha256 : str
        Of the charges, magnetic moments and isotopes that the calculator is shown.
    """

    model: str
    model_sha256: str
    calculator: str
    temperature_K: float
    seed: int
    batch_size: int
    nodes: int
    steps: int
    drawn: int = 0
    batches: int = 0
    invalid: int = 0
    integration_error: float = 0.0
    molecule_sha256: str = ""
    calculator_sha256: str = ""
    state_sha256: str = ""
    kind: str = KIND

    def continues(self, other: WeightedRun) -> None:
        """OutputError unless both differ in what is done alone."""
        if self.molecule_sha256 != other.molecule_sha256:
            raise OutputError(
                "the samples that are there are of another molecule, or of another order of its "
                "atoms: ask for the same, or choose another output"
            )
        if len({self.state_sha256, other.state_sha256} - {""}) > 1:
            raise OutputError(
                "the samples that are there were weighted with other charges, magnetic moments or "
                "isotopes of the molecule: restore these, or choose another output"
            )
        digests = {self.calculator_sha256, other.calculator_sha256} - {""}
        if self.calculator == other.calculator and len(digests) > 1:
            raise OutputError(
                "the samples that are there were weighted before the file of "
                f"{self.calculator} was changed: restore it, or choose another output"
            )
        settings = ("model_sha256", "calculator", "temperature_K", "seed", "batch_size")
        for name in (*settings, "nodes", "steps"):
            if getattr(self, name) != getattr(other, name):
                raise OutputError(
                    f"the samples that are there have {name} {getattr(other, name)}, not "
                    f"{getattr(self, name)}: ask for the same, or choose another output"
                )
