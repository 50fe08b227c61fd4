"""Damaged datasets: whoever opens one is told of the molecule and the entry at fault."""

from pathlib import Path

import numpy as np
import pytest

RUN = "/molecules/ethanol/runs/md"


def attribute(path, key, value):
    return lambda file: file[path].attrs.__setitem__(key, value)


def without(path):
    return lambda file: file.__delitem__(path)


def replaced(path, value):
    def damage(file):
        if path in file:
            del file[path]
        file[path] = value

    return damage


def entry(path, where, value):
    return lambda file: file[path].__setitem__(where, value)


DAMAGED = {
    "no version": (lambda file: file.attrs.__delitem__("format_version"), "says no format version"),
    "a later version": (attribute("/", "format_version", 9), "has format version 9"),
    "a version in words": (attribute("/", "format_version", "new"), "has format version new"),
    "another format": (attribute("/", "format", "cookbook"), "no dataset of this package"),
    "no molecules": (without("molecules"), "damaged"),
    "molecules as a number": (replaced("molecules", 3), "damaged"),
    "no positions": (without(f"{RUN}/positions"), "md lacks positions"),
    "no runs": (without("/molecules/ethanol/runs"), "ethanol lacks runs"),
    "no bonds": (without("/molecules/ethanol/bonds"), "ethanol lacks bonds"),
    "positions in words": (replaced(f"{RUN}/positions", "x y z"), "molecule ethanol: damaged"),
    "too few atoms": (
        replaced(f"{RUN}/positions", np.zeros((4, 8, 3), np.float32)),
        "frames of 8 atoms, where the molecule has 9",
    ),
    "no frames": (
        replaced(f"{RUN}/positions", np.zeros((0, 9, 3), np.float32)),
        "must be float32 of shape (frames, atoms, 3)",
    ),
    "energies of other frames": (
        replaced(f"{RUN}/energies", np.zeros(3)),
        "there are energies of shape (3,) for 60 frames",
    ),
    "a spacing of zero": (attribute(RUN, "frame_spacing_ps", 0.0), "frame_spacing_ps is 0.0 ps"),
    "a spacing in words": (attribute(RUN, "frame_spacing_ps", "fast"), "'fast'"),
    "no temperature": (lambda file: file[RUN].attrs.__delitem__("temperature_K"), "lacks temper"),
    "half a note": (attribute("/molecules/ethanol", "note", "json:{"), "ethanol: damaged"),
    "no element": (entry("/molecules/ethanol/atomic_numbers", 0, 119), "no element 119"),
    "a bond to nobody": (entry("/molecules/ethanol/bonds", (0, 0), 77), "outside 0..8"),
    "a label of five": (entry("/molecules/ethanol/tetrahedral", 0, 5), "must hold -1, 0 or +1"),
    "a split of nobody": (replaced("/splits/test", ["nobody"]), "an unknown molecule, nobody"),
    "a split of numbers": (replaced("/splits/test", [1, 2]), "damaged"),
    "a molecule in two splits": (replaced("/splits/test", ["ethanol"]), "in both splits"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_datasets(refused, dataset, case):
    damage, text = DAMAGED[case]
    refused(text, "data", "info", dataset(damage))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_cut_off(refused, dataset, share):
    content = Path(dataset()).read_bytes()
    Path("cut.h5").write_bytes(content[: int(share * len(content))])
    refused("cut.h5: not a readable HDF5 file", "data", "info", "cut.h5")


FRAMES = {
    "not finite": (
        entry(f"{RUN}/positions", (3, 2, 1), np.nan),
        "frame 3 holds positions that are not finite",
    ),
    "a bond that breaks": (
        entry(f"{RUN}/positions", (slice(30, None), 8), 50.0),
        "run md: a bond is too long or too short in 30 of 60 frames, first in frame 30",
    ),
    "an energy that is not finite": (
        replaced(f"{RUN}/energies", np.full(60, np.inf)),
        "there are energies that are not finite",
    ),
}


@pytest.mark.parametrize("case", FRAMES)
def test_frames_are_read_on_request(refused, dataset, case):
    damage, text = FRAMES[case]
    printed = refused("1 of 1 molecules unsound", "data", "info", dataset(damage), "--check")
    assert printed.splitlines()[-1].startswith("ethanol: ")
    assert text in printed.splitlines()[-1]
