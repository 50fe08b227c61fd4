"""Options that no command can follow."""

import pytest
from ase.build import molecule
from ase.io import write

RUN = [
    (["--output", "no/such/x.traj"], "there is no directory no/such"),
    (["--output", "."], "it is a directory"),
    (["--output", "ethanol.xyz"], "ethanol.xyz exists and is not an ASE trajectory"),
    (["--output", "x.xyz"], "'ase convert x.traj x.xyz' makes another format of one"),
    (["--output", "x.PDB"], "jumps are written to .traj files"),
    (["--output", "x.traj", "--seed", -1], "seed must be a non-negative integer, not -1"),
    (["--output", "x.traj", "--seed", 1.5], "argument --seed: invalid int value: '1.5'"),
    (["--output", "x.traj", "--jumps", 1.5], "argument --jumps: invalid int value: '1.5'"),
    (["--output", "x.traj", "--interval", 0], "interval must be a whole number from 1, not 0"),
    (["--output", "x.traj", "--interval", 3], "interval 3 does not divide jumps 1000"),
    (["--output", "x.traj", "--replicas", 0], "replicas must be a whole number from 1, not 0"),
    (["--output", "x", "--replicas", -3], "replicas must be a whole number from 1, not -3"),
    (["--output", "x.traj", "--lag-ps", "nan"], "lag of nan ps is outside the trained range"),
    (["--output", "x.traj", "--lag-ps", "inf"], "lag of inf ps is outside the trained range"),
    (["--output", "x.traj", "--lag-ps", 0], "lag of 0 ps is outside the trained range"),
    (["--output", "x.traj", "--lag-ps", "1ns"], "argument --lag-ps: invalid float value: '1ns'"),
    (["--output", "x.traj", "--temperature-K", "nan"], "temperature of nan K is outside"),
    (["--output", "x.traj", "--temperature-K", -5], "temperature of -5 K is outside"),
    (["--output", "x.traj", "--steps", -1], "ODE steps must be a positive integer, not -1"),
    (["--output", "x.traj", "--ode-method", "magic"], "invalid choice: 'magic'"),
    (["--output", "x.traj", "--device", "meta"], "device 'meta' cannot be used"),
    (["--output", "x.traj", "--model", ""], "there is no model named ''"),
    (["--output", "x.traj", "--model", "."], ".: cannot be read: Is a directory"),
    (["--output", "x.traj", "--model", "ethanol.xyz"], "there is no model named 'ethanol.xyz'"),
    (["--output", "x.traj", "--restart", "--append"], "not allowed with argument"),
]


@pytest.mark.parametrize(("words", "text"), RUN)
def test_run(refused, workplace, words, text):
    write("ethanol.xyz", molecule("CH3CH2OH"))
    model = [] if "--model" in words else ["--model", "tiny"]
    refused(text, "run", "ethanol.xyz", "--quiet", *model, *words)


CONVERT = [
    (["--keep-ps", "nan"], "keep_ps must be positive, in ps, not nan"),
    (["--keep-ps", -1], "keep_ps must be positive, in ps, not -1"),
    (["--keep-ps", 0.3], "which is no multiple"),
    (["--spacing-ps", "nan"], "the frame spacing must be a positive time in ps, not nan"),
    (["--spacing-ps", 2], "the file says that its frames are 1 ps apart, not 2 ps"),
    (["--temperature-K", 310], "the file says 300 K, not 310 K"),
    (["--temperature-K", "inf"], "temperature_K must be positive, in K, not inf"),
    (["--elements", "C", "H"], "has O, and only C, H are wanted"),
    (["--energy-unit", "eV"], "lacks energies"),
    (["--top", "no.pdb"], "says its atoms and bonds itself: leave out the topology"),
    (["--split", "train"], "--split takes NAME=SHARE, not 'train'"),
    (["--split", "train=2"], "the shares of splits must be positive and add up to 1, not 2"),
    (["--split", "train=nan"], "the shares of splits must be positive and add up to 1, not nan"),
    (["--split", "train=.5", "test=.5"], "of 1 molecules none is left for split test"),
    (["--split", "a/b=1"], "'a/b' cannot be the name of a split"),
    (["--split", "train=1", "--split-seed", -1], "a whole number from 0, not -1"),
    (["--split-list", "test"], "--split-list takes NAME=FILE, not 'test'"),
    (["--split-list", "test=none.txt"], "none.txt: cannot be read (No such file or directory)"),
    (["--split", "a=1", "--split-list", "a=good.txt"], "by shares, or by lists of names, not both"),
    (["--name", "../up"], "'../up' cannot be the name of a molecule"),
    (["--format", "mdqm9"], "not a readable HDF5 file"),
    (["good.npz"], "good.npz: is given twice"),
    (["absent.xtc"], "absent.xtc: no such file or folder"),
    (["."], "a folder of no known format"),
]


@pytest.mark.parametrize(("words", "text"), CONVERT)
def test_convert(refused, archive, workplace, words, text):
    archive("good.npz")
    (workplace / "good.txt").write_text("good\n")
    refused(text, "data", "convert", "good.npz", *words, "--output", "out.h5", "--quiet")


def test_outputs(refused, archive, workplace):
    archive("good.npz")
    refused("good.npz exists", "data", "convert", "good.npz", "--output", "good.npz", "--quiet")
    for output in ("no/such/out.h5", "good.npz/out.h5"):
        text = "no such directory"
        refused(text, "data", "convert", "good.npz", "--output", output, "--quiet")
