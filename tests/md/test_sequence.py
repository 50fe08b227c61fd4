"""Sequences say every protonation."""

import pytest

from ase_tito.errors import StructureError
from ase_tito.md.sequence import parse_sequence


def test_letters_and_names():
    assert parse_sequence("AY") == ("ACE", "ALA", "TYR", "NME")
    assert parse_sequence("ALA-HIE-ASH") == ("ACE", "ALA", "HIE", "ASH", "NME")
    assert parse_sequence("ACE-ALA-NME", capped=False) == ("ACE", "ALA", "NME")
    assert parse_sequence("PHE") == ("ACE", "PHE", "NME")
    assert parse_sequence("GK", capped=False) == ("GLY", "LYS")


@pytest.mark.parametrize(
    ("sequence", "capped", "reason"),
    [
        ("", True, "empty"),
        ("AHA", True, "residue 2 is histidine, whose protonation is not said"),
        ("ALA-HIS", True, "residue 2 is histidine"),
        ("AXA", True, "residue 2, 'X', is unknown"),
        ("ALA-FOO", True, "'FOO', is unknown"),
        ("aya", True, "'a', is unknown"),
        ("ALA", True, "one residue or three: write 'ACE-ALA-NME', or 'ALA-LEU-ALA'"),
        ("LYN", False, "write 'ACE-LYN-NME', or 'LEU-TYR-ASN'"),
        ("ACE-ALA", True, "a capped peptide is ACE-"),
        ("ASH-ALA", False, "ASH has no parameters at a charged end"),
        ("A", False, "two residues at least"),
    ],
)
def test_refusals(sequence, capped, reason):
    with pytest.raises(StructureError, match=reason):
        parse_sequence(sequence, capped=capped)
