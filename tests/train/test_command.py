"""The command in a checkpoint's header is the one that was run."""

import pytest

from ase_tito.train.command import launched_command


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "ase-tito train 'my runs/a.toml' --from b"),
        (
            {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "1"},
            "torchrun --nproc-per-node 2 -m ase_tito.cli train 'my runs/a.toml' --from b",
        ),
        (
            {"WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "GROUP_WORLD_SIZE": "2"},
            "torchrun --nnodes 2 --nproc-per-node 4 -m ase_tito.cli train 'my runs/a.toml'"
            " --from b",
        ),
    ],
)
def test_launched_command(environment, expected):
    assert launched_command(["train", "my runs/a.toml", "--from", "b"], environment) == expected


def test_it_is_written_into_the_header(toy, capsys):
    from ase_tito.checkpoint import read_header
    from ase_tito.cli.main import main

    toy.write_text(toy.read_text().replace("steps = 60", "steps = 2").replace("= 32", "= 8"))
    assert main(["train", str(toy), "--quiet"]) == 0
    training = read_header(capsys.readouterr().out.strip()).training
    assert training["command"] == f"ase-tito train {toy}"
    assert training["settings"]["optimizer"]["batch_size"] == 8
    assert training["commit"]
