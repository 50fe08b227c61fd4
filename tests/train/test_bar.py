"""The progress bar, by steps and by time."""

import pytest

from ase_tito.train import OptimizerConfig
from ase_tito.train.bar import ProgressBar
from ase_tito.train.progress import Progress


@pytest.mark.parametrize(
    ("plan", "progress"),
    [
        (OptimizerConfig(steps=200), Progress(step=200, seconds=31.0)),
        (OptimizerConfig(minutes=0.5), Progress(step=7, seconds=31.0)),
    ],
)
def test_it_ends_at_its_end(plan, progress, capsys):
    with ProgressBar("toy", plan, Progress(), shown=True) as bar:
        bar.show_losses(0.5, progress)
        bar.move(progress)  # a warning of tqdm would be an error
    shown = capsys.readouterr().err
    assert "toy: 100%" in shown
    assert "loss=0.5000" in shown


def test_quiet_means_quiet(capsys):
    with ProgressBar("toy", OptimizerConfig(steps=9), Progress(), shown=False) as bar:
        bar.move(Progress(step=9))
    assert capsys.readouterr().err == ""
