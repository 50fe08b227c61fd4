"""The solvent that a text about a force field names: energies in another one are not the MD's."""

from __future__ import annotations

import re

from ase_tito.errors import DataError

SOLVENTS = ("vacuum", "OBC2")
"""What energies of Amber topologies can be computed in."""

_VACUUM = re.compile(r"\bvacu(um|o)\b|\bgas[ -]phase\b|\b(no|without) (implicit )?solvent\b", re.I)
_OBC2 = re.compile(r"\bOBC-?2\b", re.I)
_OTHER = re.compile(
    r"\bOBC-?1\b|\bHCT\b|\bGB-?(n|neck)-?2?\b|\bTIP\d\w*|\bSPC\b|\bSPCE\b|\bOPC3?\b|\bexplicit\b",
    re.I,
)
_SOME = re.compile(r"\bOBC\b|\bGB(SA)?\b|\bigb\b|\bimplicit\b|\bsolvent\b|\bwater\b", re.I)


def named_solvent(force_field: str) -> str | None:
    """The solvent that a text about a force field names; None where it says nothing of one.

    Parameters
    ----------
    force_field : str
        Such as ``'ff14SB, OBC2 implicit solvent with mbondi2 radii'``.

    Returns
    -------
    {'vacuum', 'OBC2', None}

    Raises
    ------
    DataError
        For another solvent, or two of them.
    """
    rest = _VACUUM.sub("", force_field)
    found = [
        name
        for name, pattern in zip(SOLVENTS, (_VACUUM, _OBC2), strict=True)
        if pattern.search(force_field)
    ]
    if len(found) > 1 or _OTHER.search(rest) or (found != ["OBC2"] and _SOME.search(rest)):
        raise DataError(
            f"the force field of the MD is {force_field!r}, and energies of topologies can be "
            f"computed in {' or '.join(SOLVENTS)} alone: say which of them the MD was made in"
        )
    return found[0] if found else None
