"""The animation of the documentation's first page."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture
def animation(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module("animation")
    for name in ("animation", "demo"):
        sys.modules.pop(name, None)


def test_it_fills_jump_by_jump_and_ends(animation, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(animation, "DPI", 60)
    md = np.random.default_rng(0).normal([-1.4, 1.2], 0.4, (2000, 2))
    walks = md[:20].reshape(4, 5, 2)
    frames = list(animation.pictures(md, walks))
    assert len(frames) == 5
    halves = [np.hsplit(np.asarray(frame, float), 2) for frame in frames]
    for (left, right), (left_before, right_before) in zip(halves[1:], halves, strict=False):
        assert np.array_equal(left, left_before)  # MD stays
        assert not np.array_equal(right, right_before)
    path = tmp_path / "x.webp"
    animation.save(frames, path)
    with Image.open(path) as written:
        assert written.n_frames == 5
        assert written.info["loop"] == 3
        assert written.size == frames[0].size
