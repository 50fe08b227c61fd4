"""The proper torsions of a molecule, read from its bond graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ase_tito.errors import DataError

_SYMBOLS = {"phi": "φ", "psi": "ψ", "omega": "ω", "chi": "χ"}
_CARBON = 6


@dataclass(frozen=True)
class Torsion:
    """One proper torsion a-i-j-b.

    Attributes
    ----------
    atoms : tuple of int
        The four atoms, along the chain.
    kind : str
        ``'phi'``, ``'psi'``, ``'omega'``, ``'chi1'``, ... in a peptide, else empty.
    residue : int
        The peptide residue it belongs to, counted from 1 at the N terminus of each chain;
        ``omega`` of residue k is that of the bond to residue k + 1 (0: the N-terminal cap).
    """

    atoms: tuple[int, int, int, int]
    kind: str = ""
    residue: int = 0

    @property
    def name(self) -> str:
        """``'φ1'``, ``'χ2 1'`` (second χ of residue 1), or the atoms: ``'4-6-8-14'``."""
        if not self.kind:
            return "-".join(map(str, self.atoms))
        stem = self.kind.rstrip("0123456789")
        number = self.kind[len(stem) :]
        return f"{_SYMBOLS[stem]}{number}{' ' if number else ''}{self.residue}"


def torsion_atoms(torsions: list[Torsion]) -> NDArray[np.int64]:
    """The atoms of torsions as an array (k, 4), the argument of `dihedrals`."""
    return np.array([torsion.atoms for torsion in torsions], np.int64).reshape(-1, 4)


def neighbours(n_atoms: int, bonds: ArrayLike) -> list[list[int]]:
    """Bonded atoms of every atom, sorted.

    Raises
    ------
    DataError
        If a bond names an atom that is not there.
    """
    pairs = np.asarray(bonds, np.int64).reshape(-1, 2)
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= n_atoms):
        raise DataError(f"a bond names an atom outside 0..{n_atoms - 1}")
    adjacent: list[set[int]] = [set() for _ in range(n_atoms)]
    for i, j in pairs.tolist():
        adjacent[i].add(j)
        adjacent[j].add(i)
    return [sorted(atoms) for atoms in adjacent]


def rotatable_bonds(atomic_numbers: ArrayLike, bonds: ArrayLike) -> list[tuple[int, int]]:
    """Bonds about which two parts of the molecule can turn, as pairs i < j.

    A bond is rotatable here if it is in no ring, neither end is terminal, and neither end is a
    linear (two-coordinate) carbon, where a torsion has no meaning. Bond orders are not known:
    double bonds and amides are among them, as in the paper's features.
    """
    numbers = np.asarray(atomic_numbers)
    adjacent = neighbours(len(numbers), bonds)
    pairs = sorted({(min(i, j), max(i, j)) for i, j in np.asarray(bonds).reshape(-1, 2).tolist()})
    return [
        (i, j)
        for i, j in pairs
        if all(
            len(adjacent[k]) > 1 and not (numbers[k] == _CARBON and len(adjacent[k]) == 2)
            for k in (i, j)
        )
        and _is_bridge(len(numbers), pairs, (i, j))
    ]


def proper_torsions(atomic_numbers: ArrayLike, bonds: ArrayLike) -> list[Torsion]:
    """All proper torsions about all rotatable bonds, a peptide's named.

    Parameters
    ----------
    atomic_numbers : array_like of int, shape (n,)
    bonds : array_like of int, shape (m, 2)

    Returns
    -------
    list of Torsion
        By rotatable bond, then by outer atoms. The paper's features are the sines and cosines
        of these (arXiv 2510.07589).
    """
    numbers = np.asarray(atomic_numbers)
    adjacent = neighbours(len(numbers), bonds)
    named = {torsion.atoms: torsion for torsion in peptide_torsions(numbers, bonds)}
    found = []
    for i, j in rotatable_bonds(numbers, bonds):
        for a in adjacent[i]:
            for b in adjacent[j]:
                if a == j or b == i:
                    continue
                atoms = (a, i, j, b)
                found.append(named.get(atoms) or named.get(atoms[::-1]) or Torsion(atoms))
    return found


def shape_torsions(atomic_numbers: ArrayLike, bonds: ArrayLike) -> list[Torsion]:
    """The torsions that tell a molecule's shape: a peptide's named ones, else all proper ones.

    Parameters
    ----------
    atomic_numbers : array_like of int, shape (n,)
    bonds : array_like of int, shape (m, 2)

    Returns
    -------
    list of Torsion
        `peptide_torsions` where a residue has both φ and ψ, else `proper_torsions`: amino acids,
        amino aldehydes and others that resemble a residue have rotatable bonds without a name.
    """
    named = peptide_torsions(atomic_numbers, bonds)
    phi, psi = ({t.residue for t in named if t.kind == kind} for kind in ("phi", "psi"))
    return named if phi & psi else proper_torsions(atomic_numbers, bonds)


def peptide_torsions(atomic_numbers: ArrayLike, bonds: ArrayLike) -> list[Torsion]:
    """φ, ψ, ω and χ of a peptide, found by its bond graph alone.

    Parameters
    ----------
    atomic_numbers : array_like of int, shape (n,)
    bonds : array_like of int, shape (m, 2)

    Returns
    -------
    list of Torsion
        Along the chain; empty if the molecule is no peptide. φ, ψ, ω next to caps (acetyl,
        N-methyl) are included, those that lack an atom at a free terminus are not, nor are
        torsions within rings (proline's φ, its χ).

    Notes
    -----
    A residue is N-Cα-C(=O) with a four-coordinate Cα. Where a side chain branches, χ follows
    the heavier element, then the larger branch, then the lower atom index: the atoms of the
    IUPAC-IUB definitions if atoms come in PDB order.
    """
    numbers = np.asarray(atomic_numbers)
    adjacent = neighbours(len(numbers), bonds)
    rotatable = set(rotatable_bonds(numbers, bonds))
    torsions: list[Torsion] = []

    def add(kind: str, residue: int, *atoms: int) -> None:
        if (min(atoms[1:3]), max(atoms[1:3])) in rotatable:
            a, i, j, b = atoms
            torsions.append(Torsion((a, i, j, b), kind, residue))

    for number, (n, ca, c), before, after in _residues(numbers, adjacent):
        if before is not None:
            cap = _alpha_or_cap(numbers, adjacent, before, n)
            if number == 1 and cap is not None:
                add("omega", 0, cap, before, n, ca)
            add("phi", number, before, n, ca, c)
        if after is not None:
            add("psi", number, n, ca, c, after)
            following = _alpha_or_cap(numbers, adjacent, after, c)
            if following is not None:
                add("omega", number, ca, c, after, following)
        for depth, atoms in enumerate(_side_chain(numbers, adjacent, n, ca, c), start=1):
            add(f"chi{depth}", number, *atoms)
    return torsions


def _residues(
    numbers: NDArray[np.int64], adjacent: list[list[int]]
) -> list[tuple[int, tuple[int, int, int], int | None, int | None]]:
    """(number, (N, Cα, C), C of the residue before, N of the residue after), along the chains."""
    backbone = {}
    for ca in np.flatnonzero(numbers == _CARBON).tolist():
        nitrogens = [k for k in adjacent[ca] if numbers[k] == 7]
        carbonyls = [k for k in adjacent[ca] if _is_carbonyl(numbers, adjacent, k)]
        if len(adjacent[ca]) == 4 and len(nitrogens) == 1 and len(carbonyls) == 1:
            backbone[nitrogens[0]] = (nitrogens[0], ca, carbonyls[0])
    before: dict[int, int | None] = {}
    after: dict[int, int | None] = {}
    for n, ca, c in backbone.values():
        before[n] = next(
            (k for k in adjacent[n] if k != ca and _is_carbonyl(numbers, adjacent, k)), None
        )
        # A primary amide (NH2) ends a chain as well as a methyl cap does.
        after[n] = next((k for k in adjacent[c] if numbers[k] == 7), None)
    preceding = {c: n for n, _, c in backbone.values()}
    starts = [n for n in sorted(backbone) if before[n] not in preceding]
    chains = []
    for start in starts:
        nitrogen: int | None = start
        number = 1
        while nitrogen is not None and nitrogen in backbone:
            chains.append((number, backbone[nitrogen], before[nitrogen], after[nitrogen]))
            number, nitrogen = number + 1, after[nitrogen]
    return chains


def _is_carbonyl(numbers: NDArray[np.int64], adjacent: list[list[int]], k: int) -> bool:
    return (
        numbers[k] == _CARBON
        and len(adjacent[k]) == 3
        and any(numbers[o] == 8 and len(adjacent[o]) == 1 for o in adjacent[k])
    )


def _alpha_or_cap(
    numbers: NDArray[np.int64], adjacent: list[list[int]], centre: int, away_from: int
) -> int | None:
    """The atom of ω beyond the amide's C or N: Cα of the neighbour if there is one, or the cap."""
    carbons = [k for k in adjacent[centre] if k != away_from and numbers[k] == _CARBON]
    # In proline Cδ is bonded to N as well: Cα is the one next to a carbonyl.
    carbons.sort(key=lambda k: not any(_is_carbonyl(numbers, adjacent, m) for m in adjacent[k]))
    return carbons[0] if carbons else None


def _side_chain(
    numbers: NDArray[np.int64], adjacent: list[list[int]], n: int, ca: int, c: int
) -> list[tuple[int, int, int, int]]:
    path = [n, ca]
    found: list[tuple[int, int, int, int]] = []
    while True:
        excluded = {c, *path}
        heavy = [k for k in adjacent[path[-1]] if numbers[k] > 1 and k not in excluded]
        if not heavy:
            return found
        sizes = {k: len(_branch(numbers, adjacent, k, path[-1])) for k in heavy}
        path.append(min(heavy, key=lambda k: (-numbers[k], -sizes[k], k)))
        if len(path) >= 4:
            found.append((path[-4], path[-3], path[-2], path[-1]))


def _branch(
    numbers: NDArray[np.int64], adjacent: list[list[int]], start: int, root: int
) -> set[int]:
    """Heavy atoms that can be reached from `start` without passing `root`."""
    reached, waiting = {root}, [start]
    while waiting:
        atom = waiting.pop()
        if atom not in reached:
            reached.add(atom)
            waiting += [k for k in adjacent[atom] if numbers[k] > 1]
    return reached - {root}


def _is_bridge(n_atoms: int, pairs: list[tuple[int, int]], bond: tuple[int, int]) -> bool:
    others = np.array([pair for pair in pairs if pair != bond], np.int64).reshape(-1, 2)
    matrix = coo_array((np.ones(len(others)), (others[:, 0], others[:, 1])), (n_atoms, n_atoms))
    _, labels = connected_components(matrix, directed=False)
    return bool(labels[bond[0]] != labels[bond[1]])
