"""Files that are no checkpoint, through the commands that take one."""

import pickle
from pathlib import Path

import pytest
from ase.build import molecule
from ase.io import write


@pytest.fixture
def content(tiny_checkpoint):
    return tiny_checkpoint.read_bytes()


CONTENTS = {
    "empty": (lambda whole: b"", "the file is empty"),
    "seven bytes": (lambda whole: whole[:7], "not a safetensors checkpoint"),
    "half": (lambda whole: whole[: len(whole) // 2], "the file is truncated"),
    "a byte short": (lambda whole: whole[:-1], "truncated: 1 of"),
    "a byte more": (lambda whole: whole + b"\0", "damaged"),
    "a bit flipped": (lambda whole: whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:], "damaged"),
    "an endless header": (lambda whole: b"\xff" * 8 + whole[8:], "not a safetensors checkpoint"),
    "a pickle": (lambda whole: pickle.dumps({"weights": 1}), "is a pickle, which could execute"),
    "text": (lambda whole: b"a model, honestly", "not a safetensors checkpoint"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_contents(refused, content, workplace, case):
    change, text = CONTENTS[case]
    Path("bad.safetensors").write_bytes(change(content))
    write("ethanol.xyz", molecule("CH3CH2OH"))
    refused(text, "info", "./bad.safetensors")
    words = ("--model", "./bad.safetensors", "--output", "x.traj", "--quiet")
    refused("bad.safetensors", "run", "ethanol.xyz", *words)


@pytest.mark.parametrize("name", ["nobody", "./absent.safetensors", "../up", "", "."])
def test_names(refused, workplace, name):
    refused("error: ", "info", name)


def test_a_model_for_another_molecule(refused, workplace):
    write("methanol.xyz", molecule("CH3SH"))
    text = "model 'tiny' cannot do this molecule: it has not seen S, only H, C, O"
    refused(text, "run", "methanol.xyz", "--model", "tiny", "--output", "x.traj")
