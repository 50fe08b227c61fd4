"""Which solvent the text about a force field names."""

import pytest

from ase_tito.errors import DataError
from ase_tito.md.solvent import named_solvent


@pytest.mark.parametrize(
    ("force_field", "named"),
    [
        ("ff14SB, OBC2 implicit solvent with mbondi2 radii, no cutoff, no constraints", "OBC2"),
        ("amber14/protein.ff14SB.xml, implicit/obc2.xml", "OBC2"),
        ("GAFF2, AM1-BCC charges, vacuum, no cutoff, no constraints", "vacuum"),
        ("GAFF2, no implicit solvent", "vacuum"),
        ("GAFF", None),
        ("", None),
    ],
)
def test_the_solvent_of_a_force_field(force_field, named):
    assert named_solvent(force_field) == named


@pytest.mark.parametrize(
    "force_field",
    [
        "amber14, OBC1",
        "ff99SB, GBn2",
        "ff14SB, GB",
        "ff14SB, implicit solvent",
        "ff19SB, OPC",
        "CHARMM36m in TIP3P water",
        "ff14SB, OBC2; GAFF2, vacuum",
    ],
)
def test_other_solvents_are_not_taken_for_these(force_field):
    with pytest.raises(DataError, match="vacuum or OBC2 alone"):
        named_solvent(force_field)
