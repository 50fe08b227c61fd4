"""Peptide sequences: residues with their protonation said explicitly, and caps."""

from __future__ import annotations

from ase_tito.errors import StructureError

ONE_LETTER = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU",
    "G": "GLY", "I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO",
    "S": "SER", "T": "THR", "W": "TRP", "Y": "TYR", "V": "VAL",
}  # fmt: skip
"""Acids and bases are charged. Histidine has no letter: its form must be said."""

HISTIDINES = ("HID", "HIE", "HIP")
"""Protonated at Nδ, at Nε, or at both."""

UNCOMMON = ("ASH", "GLH", "LYN")
"""Neutral aspartic acid, glutamic acid and lysine."""

RESIDUES = (*ONE_LETTER.values(), *HISTIDINES, *UNCOMMON)


def parse_sequence(sequence: str, *, capped: bool = True) -> tuple[str, ...]:
    """Residue names of a sequence, N terminus first.

    Parameters
    ----------
    sequence : str
        One-letter codes (``'AAY'``) or names with hyphens (``'ALA-HIE-ASH'``); caps may be named
        (``'ACE-ALA-NME'``). The name of a single residue needs them unless it holds a letter that
        is no code (``'PHE'``): ``'ALA'`` may be alanine or three residues.
    capped : bool
        Put acetyl and N-methyl amide at the ends unless caps are named; else a zwitterion, with
        charged ends.

    Returns
    -------
    tuple of str
        With ``ACE`` and ``NME`` if capped.

    Raises
    ------
    StructureError
        Naming the residue that is unknown or ambiguous.
    """
    text = sequence.strip()
    if not text:
        raise StructureError("the sequence is empty")
    if text in RESIDUES and set(text) <= set(ONE_LETTER):
        three = "-".join(ONE_LETTER[letter] for letter in text)
        raise StructureError(
            f"{text!r} may be one residue or three: write 'ACE-{text}-NME', or {three!r}"
        )
    named = "-" in text or text in RESIDUES
    parts = text.split("-") if named else list(text)
    ends = (parts[0] == "ACE", parts[-1] == "NME")
    if named and any(ends):
        if not all(ends) or len(parts) < 3:
            raise StructureError(f"{sequence!r}: a capped peptide is ACE-...-NME")
        parts, capped = parts[1:-1], True
    names = [part if named else ONE_LETTER.get(part, part) for part in parts]
    for place, name in enumerate(names, 1):
        if name in ("H", "HIS"):
            raise StructureError(
                f"{sequence!r}: residue {place} is histidine, whose protonation is not said; write "
                "the sequence as names with hyphens and HID, HIE or HIP, such as 'ALA-HIE-ALA'"
            )
        if name not in RESIDUES:
            raise StructureError(
                f"{sequence!r}: residue {place}, {name!r}, is unknown; known are letters but H, or "
                f"names with hyphens: {', '.join(RESIDUES)}"
            )
    if not capped:
        for place in (1, len(names)):
            if names[place - 1] in UNCOMMON:
                raise StructureError(
                    f"{sequence!r}: {names[place - 1]} has no parameters at a charged end; cap the "
                    "peptide"
                )
        if len(names) < 2:
            raise StructureError(f"{sequence!r}: a zwitterion needs two residues at least")
    return ("ACE", *names, "NME") if capped else tuple(names)
