"""The code of README and documentation runs as it stands."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from ase.io import read

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LANDING = (ROOT / "docs" / "index.md").read_text()
GETTING_STARTED = (ROOT / "docs" / "getting-started.md").read_text()


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with the example data in it, as in a clone."""
    shutil.copytree(ROOT / "examples" / "data", tmp_path / "examples" / "data")
    monkeypatch.chdir(tmp_path)


def test_first_lines_are_the_front_doors() -> None:
    first = blocks("console")[0].splitlines()
    targets = [line.removeprefix("$ ").split()[:2] for line in first]
    assert targets == [["make", "demo"], ["make", "test"]]
    assert README.index("make demo") < 60


@pytest.mark.usefixtures("clone")
def test_python_runs() -> None:
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    frames = read("x.traj", ":")
    assert len(frames) == 21
    assert all(frame.get_chemical_formula() == "C6H12N2O2" for frame in frames)


def test_diff_is_true_to_the_code() -> None:
    (code,), (diff,) = blocks("python"), blocks("diff")
    assert diff.splitlines()[1].removeprefix("+") in code


@pytest.mark.usefixtures("clone")
def test_the_landing_page_s_code_is_five_lines_that_run() -> None:
    (code,) = blocks("python", LANDING)
    assert len(code.splitlines()) == 5
    exec(compile(code.replace("run(100)", "run(3)"), "index.md", "exec"), {})
    assert len(read("x.traj", ":")) == 4


def test_the_landing_page_s_pictures_are_there_and_light() -> None:
    for name in re.findall(r'(?:src|srcset)="(.*?)"', LANDING):
        assert 0 < (ROOT / "docs" / name).stat().st_size < 1.5e6
    assert 'alt="Two Ramachandran maps' in LANDING


@pytest.mark.usefixtures("clone")
def test_getting_started_without_atoms() -> None:
    (code,) = (code for code in blocks("python", GETTING_STARTED) if "load_model" in code)
    names: dict[str, Any] = {}
    exec(compile(code, "getting-started.md", "exec"), names)
    assert names["jump"].positions.shape == (64, 22, 3)
    assert names["density"].value.isfinite().all()
