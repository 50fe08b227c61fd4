"""Atoms in, Atoms out: the transfer operator behind ASE's interface."""
