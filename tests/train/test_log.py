"""The log: whole lines, cut where a run goes on, and the same for TensorBoard."""

import importlib.util

import pytest

from ase_tito.errors import ConfigError
from ase_tito.train.log import TrainingLog, append_line, cut_log


def line(step, loss=None):
    return {"step": step, "remaining_s": 3, "loss": loss}


def test_lines_after_the_state_are_dropped(tmp_path):
    path = tmp_path / "log.csv"
    for step in (10, 20, 30):
        append_line(path, line(step, 0.5))
    cut_log(path, 20)
    assert path.read_text().split() == ["step,remaining_s,loss", "10,3,0.5", "20,3,0.5"]


@pytest.mark.parametrize("torn", ["3", "30,3", "30,3,0.5,", "x,3,0.5"])
def test_a_line_that_was_cut_short_is_dropped(tmp_path, torn):
    path = tmp_path / "log.csv"
    append_line(path, line(10))
    path.write_text(path.read_text() + torn)
    cut_log(path, 100)
    assert path.read_text().split() == ["step,remaining_s,loss", "10,3,"]


def test_tensorboard_shows_what_the_table_holds(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = TrainingLog(tmp_path, tensorboard=True, step=0)
    for step in (0, 10, 20):
        log.add(line(step, None if step == 0 else 1.0 / step))
    # killed here, and resumed from the state of step 10: step 20 is done anew
    again = TrainingLog(tmp_path, tensorboard=True, step=10)
    again.add(line(20, 0.25))
    again.close()
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert events.Tags()["scalars"] == ["loss"]
    found = [(event.step, event.value) for event in events.Scalars("loss")]
    assert found == [(10, pytest.approx(0.1)), (20, 0.25)]


def test_tensorboard_that_is_not_installed_is_named(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorboard" else find(name)
    )
    with pytest.raises(ConfigError, match=r"pip install 'ase_tito\[train\]'"):
        TrainingLog(tmp_path, tensorboard=True, step=0)
    assert not list(tmp_path.iterdir())
