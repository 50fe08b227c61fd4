"""Trajectories that cannot become data: each is named, with the frame at fault."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import write

LEAVING = 3.0 * (np.arange(60)[:, None] >= 30)[..., None] * (np.arange(9) == 8)[:, None]
"""Å, shape (60, 9, 1): the last atom moves away in the middle."""

ARRAYS = {
    "frames that are not finite": (
        {"positions": lambda x: np.where(np.arange(60)[:, None, None] == 7, np.nan, x)},
        "frame 7 holds positions that are not finite",
    ),
    "a bond that breaks in the middle": (
        {"positions": lambda x: x + LEAVING},
        "a bond is too long or too short in 30 of 60 frames, first in frame 30",
    ),
    "nanometres": ({"positions": lambda x: x / 10}, "positions must be in Å"),
    "texts": ({"positions": lambda x: x.astype(str)}, "positions must be real numbers, not <U"),
    "complex numbers": ({"positions": lambda x: x + 0j}, "must be real numbers, not complex128"),
    "no frames": ({"positions": lambda x: x[:0]}, "shape (0, 9, 3), expected (frames, 9, 3)"),
    "one frame": ({"positions": lambda x: x[0]}, "shape (9, 3), expected (frames, 9, 3)"),
    "an element beyond all": (
        {"atomic_numbers": lambda z: z + 193 * (z == 6)},
        "there is none of number 199",
    ),
    "a negative element": ({"atomic_numbers": lambda z: -z}, "there is none of number -"),
    "half an element": ({"atomic_numbers": lambda z: z + 0.5}, "must be integers, not float64"),
    "half a bond": ({"bonds": lambda b: b + 0.5}, "bonds must be integers, not float64"),
    "a bond to nobody": ({"bonds": lambda b: b + 1}, "a bond names an atom outside 0..8"),
    "two spacings": ({"frame_spacing_ps": lambda _: [1.0, 2.0]}, "must be one number, not 2"),
    "a spacing in words": ({"frame_spacing_ps": lambda _: "fast"}, "must be real numbers, not <U4"),
    "infinite heat": ({"temperature_K": lambda _: np.inf}, "temperature_K is inf K"),
    "no temperature": ({"temperature_K": lambda _: None}, "lacks temperature_K"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_archives(refused, archive, ethanol, vibrating, case):
    changes, text = ARRAYS[case]
    good = {
        "positions": vibrating,
        "atomic_numbers": ethanol[0].atomic_numbers,
        "bonds": ethanol[0].bonds,
    }
    name = archive(**{key: change(good.get(key)) for key, change in changes.items()})
    refused(text, "data", "convert", name, "--output", "out.h5", "--quiet")


def frames(count=20):
    return [molecule("CH3CH2OH") for _ in range(count)]


def other_molecule():
    found = frames()
    found[5] = molecule("H2O")
    return found


def other_elements():
    found = frames()
    found[5].numbers = found[5].numbers[::-1]
    return found


def not_finite():
    found = frames()
    found[9].positions[2] = np.nan
    return found


def broken():
    found = frames()
    for atoms in found[12:]:
        atoms.positions[8] += 3
    return found


def periodic():
    return [Atoms(atoms, cell=[20, 20, 20], pbc=True) for atoms in frames()]


FRAMES = {
    other_molecule: "frame 5 has other atoms than frame 0",
    other_elements: "frame 5 has other atoms than frame 0",
    not_finite: "frame 9 holds positions that are not finite",
    broken: "a bond is too long or too short in 8 of 20 frames, first in frame 12",
}
SAID = ("--spacing-ps", 1, "--temperature-K", 300, "--output", "out.h5", "--quiet")


@pytest.mark.parametrize("suffix", ["traj", "xyz"])
@pytest.mark.parametrize("make", FRAMES)
def test_frames(refused, workplace, make, suffix):
    write(f"bad.{suffix}", make())
    refused(FRAMES[make], "data", "convert", f"bad.{suffix}", *SAID)


def test_periodic_frames(refused, workplace):
    write("bad.traj", periodic())
    refused("the frames are periodic", "data", "convert", "bad.traj", *SAID)


@pytest.mark.parametrize("missing", ["--spacing-ps", "--temperature-K"])
def test_what_no_file_says(refused, workplace, missing):
    write("mute.traj", frames())
    said = list(SAID)
    del said[said.index(missing) : said.index(missing) + 2]
    text = {"--spacing-ps": "give the frame spacing in ps", "--temperature-K": "give it in K"}
    refused(text[missing], "data", "convert", "mute.traj", *said)


@pytest.mark.parametrize("keep", [3, 24, 100, 0.5, -1])
def test_cut_off(refused, workplace, keep):
    write("whole.traj", frames())
    content = Path("whole.traj").read_bytes()
    Path("cut.traj").write_bytes(content[: int(keep * len(content)) if keep == 0.5 else keep])
    refused("no molecule could be kept: cut: cut.traj: ", "data", "convert", "cut.traj", *SAID)


@pytest.mark.parametrize("suffix", ["xtc", "dcd", "nc", "trr", "npz", "xyz", "traj"])
@pytest.mark.parametrize("content", [b"", b"junk" * 50])
def test_noise(refused, workplace, suffix, content):
    name = f"noise.{suffix}"
    Path(name).write_bytes(content)
    write("top.xyz", molecule("CH3CH2OH"))
    top = () if suffix == "npz" else ("--top", "top.xyz")
    kept = "top" if top else "noise"
    refused(f"kept: {kept}: {name}: ", "data", "convert", name, *top, *SAID)


def test_no_topology(refused, workplace):
    Path("bare.xtc").write_bytes(b"junk")
    refused("holds no elements; give a topology", "data", "convert", "bare.xtc", *SAID)


@pytest.mark.parametrize("frames_before", [0, 3])
def test_an_xyz_file_that_announces_more_atoms_than_it_holds(refused, workplace, frames_before):
    write("endless.xyz", frames(frames_before) + frames(1))
    lines = Path("endless.xyz").read_text().splitlines(keepends=True)
    lines[11 * frames_before] = "99999999\n"
    Path("endless.xyz").write_text("".join(lines))
    text = f"frame {frames_before} announces 99999999 atoms"
    refused(text, "data", "convert", "endless.xyz", *SAID)
