"""The README's code runs as it stands, and its first lines are the front doors."""

import re
import shutil
from pathlib import Path

import pytest
from ase.io import read

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_first_lines_are_the_front_doors() -> None:
    first = blocks("console")[0].splitlines()
    targets = [line.removeprefix("$ ").split()[:2] for line in first]
    assert targets == [["make", "demo"], ["make", "test"]]
    assert README.index("make demo") < 60


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples" / "data", tmp_path / "examples" / "data")
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    frames = read("x.traj", ":")
    assert len(frames) == 51
    assert all(frame.get_chemical_formula() == "C6H12N2O2" for frame in frames)


def test_diff_is_true_to_the_code() -> None:
    (code,), (diff,) = blocks("python"), blocks("diff")
    assert diff.splitlines()[1].removeprefix("+") in code
