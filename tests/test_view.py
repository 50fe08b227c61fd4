import sys

import numpy as np
import pytest
from ase.build import molecule
from ase.io import write
from scipy.spatial.transform import Rotation

from ase_tito.errors import ConfigError, DataError
from ase_tito.view import spread, superposed, view


@pytest.fixture
def frames():
    """Eleven frames of ethanol, each turned and moved."""
    images = []
    for k in range(11):
        atoms = molecule("CH3CH2OH")
        turn = Rotation.random(random_state=k)
        atoms.positions = turn.apply(atoms.positions) + k
        atoms.info["frame"] = k
        images.append(atoms)
    return images


def test_turned_frames_lie_upon_each_other(frames):
    before = frames[3].positions.copy()
    first, *others = superposed(frames)
    assert np.abs(first.positions.mean(0)).max() < 1e-12
    for atoms in others:
        assert atoms.positions == pytest.approx(first.positions, abs=1e-8)
    assert np.array_equal(frames[3].positions, before)


def test_a_mirror_image_is_not_turned_into_the_first(frames):
    mirrored = frames[0].copy()
    mirrored.positions *= [1, 1, -1]
    mirrored.positions[0] += [0.3, 0.2, 0.5]  # planar molecules are their own
    first, other = superposed([frames[0], mirrored])
    assert np.abs(first.positions - other.positions).max() > 0.1


@pytest.mark.parametrize("suffix", ["traj", "xyz", "xtc"])
def test_frames_are_spread_over_files(tmp_path, frames, suffix):
    path = tmp_path / f"run.{suffix}"
    write(path, frames)
    expected = np.array([frames[k].positions for k in (0, 5, 10)])
    found = np.array([atoms.positions for atoms in spread(path, 3)])
    assert found == pytest.approx(expected, abs=0.01)
    assert len(spread(path, 1000)) == 11
    assert len(spread(frames[0], 5)) == 1


def test_a_page_for_notebooks(frames):
    shown = view(frames, viewer="py3Dmol", frames=4)
    page = shown.write_html()
    assert "animate" in page
    assert page.count(r"\n9\n") + page.count(r'"9\n') == 4
    assert "animate(" not in view(frames[0], viewer="py3Dmol").write_html()


def test_the_viewer_of_ase(monkeypatch, frames):
    seen = {}

    def ase_view(images, viewer):
        seen[viewer] = len(images)
        if viewer == "ngl":
            raise ImportError("no nglview")

    monkeypatch.setattr("ase.visualize.view", ase_view)
    view(frames, frames=5)
    with pytest.raises(ConfigError, match="nglview is not installed: pip install nglview"):
        view(frames, viewer="nglview")
    assert seen == {"ase": 5, "ngl": 11}


def test_refusals(monkeypatch, frames):
    with pytest.raises(ConfigError, match="viewer must be 'ase', 'py3Dmol' or 'nglview', not 'vm'"):
        view(frames, viewer="vm")
    with pytest.raises(ConfigError, match="frames must be at least 1, not 0"):
        view(frames, frames=0)
    with pytest.raises(DataError, match="the trajectory holds no frames"):
        view([])
    monkeypatch.setitem(sys.modules, "py3Dmol", None)
    with pytest.raises(ConfigError, match="py3Dmol is not installed: pip install 'ase_tito"):
        view(frames, viewer="py3Dmol")
