import os
import subprocess
import sys
import warnings
from importlib import import_module
from types import SimpleNamespace

import pytest
from ase.build import molecule
from ase.io import write

from ase_tito import __version__
from ase_tito.cli.ase_commands import ASE_COMMANDS
from ase_tito.cli.main import COMMANDS, build_parser, main
from ase_tito.errors import DomainError, TITOWarning


@pytest.fixture
def command(monkeypatch):
    """Replace what `ase-tito models` does."""

    def replace(action):
        monkeypatch.setattr("ase_tito.cli.models.run", action)

    return replace


def raising(error):
    def action(_):
        raise error

    return action


def test_no_command_is_an_error_on_one_line(capsys):
    assert main([]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "ase-tito: error: the following arguments are required: COMMAND "
        "(ase-tito --help tells more)"
    ]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["run"], "required: STRUCTURE, --output"),
        (["run", "x.pdb", "--output", "x.traj", "--jumps", "many"], "invalid int value: 'many'"),
        (["run", "x.pdb", "--output", "x.traj", "--lag-ps", "1ns"], "invalid float value: '1ns'"),
        (["run", "x.pdb", "--output", "x.traj", "--on-invalid", "hope"], "invalid choice: 'hope'"),
        (["run", "x.pdb", "--output", "x", "--append", "--restart"], "not allowed with argument"),
        (["info", "a", "b"], "unrecognized arguments: b"),
    ],
)
def test_wrong_usage_is_one_line(capsys, words, reason):
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ase-tito")
    assert reason in line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_text_has_units_and_an_example(capsys, name):
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"ase-tito {name}" in text.partition("example:")[2]
    if name == "run":
        assert "picoseconds" in text
        assert "kelvin" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_can_be_parsed(name):
    document = import_module(COMMANDS[name]).__doc__
    words = document.partition("Example:")[2].replace("\\\n", " ").split()
    words = words[words.index("ase-tito") + 1 :]
    assert build_parser().parse_args(words).command == name


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ase-tito {__version__}\n"


def test_errors_are_one_line(capsys, command):
    command(raising(DomainError("the lag\n  is too long")))
    assert main(["models"]) == 2
    assert capsys.readouterr().err == "ase-tito models: error: the lag is too long\n"


def test_unexpected_errors_name_their_kind(capsys, command):
    command(raising(KeyError("nonsense")))
    assert main(["models"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "ase-tito models: error: KeyError: 'nonsense' (--debug shows where)"


@pytest.mark.parametrize("words", [["--debug", "models"], ["models", "--debug"]])
def test_debug_shows_the_traceback(capsys, command, words):
    command(raising(DomainError("the lag is too long")))
    assert main(words) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "DomainError: the lag is too long" in text


def test_ctrl_c(capsys, command):
    command(raising(KeyboardInterrupt()))
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "\nase-tito models: interrupted\n"


def test_warnings_of_the_package_are_one_line(capsys, command):
    def action(_):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("short lags\nare not Markovian", TITOWarning, stacklevel=1)

    command(action)
    assert main(["models"]) == 0
    assert capsys.readouterr().err == "ase-tito: warning: short lags are not Markovian\n"


def test_warnings_within_commands_of_ase_are_one_line_too(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write("x.xyz", molecule("H2O"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["exec", "x.xyz", "-e", "from ase_tito.errors import warn; warn('so')"]) == 0
    assert capsys.readouterr().err == "ase-tito: warning: so\n"


def test_warnings_are_shown_as_before_afterwards(command):
    command(lambda _: None)
    before = warnings.showwarning
    main(["models"])
    assert warnings.showwarning is before


def test_training_stopped_by_a_signal(capsys, monkeypatch, tmp_path):
    from ase_tito import train

    seen = {}

    def fit(config, **options):
        seen.update(options, config=config)
        raise train.TrainingStopped("stopped after step 7: resume to continue")

    monkeypatch.setattr(train, "fit", fit)
    monkeypatch.setattr(
        train, "TrainConfig", SimpleNamespace(from_toml=lambda path: f"config of {path}")
    )
    assert main(["train", "x.toml", "--resume", "--quiet"]) == 130
    assert capsys.readouterr().err.endswith("train: stopped after step 7: resume to continue\n")
    assert seen == {
        "config": "config of x.toml",
        "resume": True,
        "show_progress": False,
        "command": "ase-tito train x.toml",
    }


def test_training_needs_its_configuration(capsys, tmp_path):
    assert main(["train", str(tmp_path / "absent.toml")]) == 2
    assert "absent.toml: cannot be read" in capsys.readouterr().err


class TestCommandsOfASE:
    def test_all_but_those_whose_names_are_taken(self):
        from ase.cli.main import commands

        names = {name for name, _ in commands}
        assert set(ASE_COMMANDS) == names - set(COMMANDS)
        assert names & set(COMMANDS) == {"info", "run"}

    def test_they_are_in_the_help(self, capsys):
        assert main(["--help"]) == 0
        assert "ASE's own commands work too: band-structure, build" in (
            " ".join(capsys.readouterr().out.split())
        )

    def test_they_run(self, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert main(["build", "H2O", "water.traj"]) == 0
        assert main(["convert", "water.traj", "water.xyz"]) == 0
        assert (tmp_path / "water.xyz").read_text().startswith("3\n")

    def test_their_help_and_errors(self, capsys):
        assert main(["convert", "--help"]) == 0
        assert capsys.readouterr().out.startswith("usage: ase-tito convert")
        assert main(["convert", "absent.traj", "x.xyz"]) == 2
        assert "FileNotFoundError" in capsys.readouterr().err
        with pytest.raises(FileNotFoundError):
            main(["--debug", "convert", "absent.traj", "x.xyz"])


class TestAsAProcess:
    def test_help_and_wrong_usage_load_nothing_heavy(self):
        code = (
            "import sys; from ase_tito.cli.main import main; "
            "main(['run', '--help']); main(['run']); "
            "heavy = {'torch', 'e3nn', 'ase', 'numpy', 'mdtraj'} & set(sys.modules); "
            "sys.exit(f'loaded {heavy}' if heavy else 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def test_an_error(self, tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "ase_tito.cli", "info", "nobody"],
            capture_output=True,
            text=True,
            env=os.environ | {"ASE_TITO_MODELS": str(tmp_path)},
        )
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("ase-tito info: error: there is no model named 'nobody'")

    def test_a_closed_pipe_is_no_error(self, tmp_path):
        code = (
            "import sys; from ase_tito.cli import main as cli; import ase_tito.cli.models as m; "
            "m.run = lambda _: [print('x' * 80) for _ in range(10000)]; "
            "sys.exit(cli.main(['models']))"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        process.stdout.read(10)
        process.stdout.close()
        error = process.stderr.read()
        process.stderr.close()
        assert process.wait() == 0
        assert error == b""
