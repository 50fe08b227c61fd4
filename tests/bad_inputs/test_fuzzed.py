"""Inputs nobody would think of: they are read, or refused by an error of the package.

Examples are the same in each run: libraries that read files may do anything with a damaged one.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st

from ase_tito.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    GraphError,
    TITOError,
    TITOWarning,
)
from ase_tito.graph import MolecularGraph
from ase_tito.perception import build_graph
from ase_tito.structure import graph_from_atoms, read_structure
from tests.bad_inputs.test_training import CONFIG

MOLECULES = Path(__file__).parents[1] / "data"


def examples(count):
    return settings(max_examples=count, derandomize=True, deadline=None, database=None)


ATOMS = st.integers(-1, 5)
ROWS = st.lists(st.lists(ATOMS, min_size=5, max_size=5), max_size=2)


@examples(150)
@given(
    st.lists(st.sampled_from([1, 6, 8, 0, -3, 119]), max_size=5),
    st.lists(st.tuples(ATOMS, ATOMS), max_size=6),
    st.none() | st.lists(st.integers(-2, 2), max_size=5),
    st.none() | ROWS,
)
def test_graphs(numbers, bonds, tetrahedral, double_bonds):
    try:
        graph = MolecularGraph(numbers, bonds, tetrahedral, double_bonds)
    except GraphError:
        return
    order = np.random.default_rng(0).permutation(graph.n_atoms)
    back = graph.permuted(order).permuted(np.argsort(order)).mirrored().mirrored()
    for name in ("atomic_numbers", "bonds", "tetrahedral", "double_bonds"):
        np.testing.assert_array_equal(getattr(back, name), getattr(graph, name))


COORDINATE = st.floats(-2, 2) | st.sampled_from([np.nan, np.inf, 1e308, 1e-300])


@examples(150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 6, 7, 8, 17, 0, -1, 119]), COORDINATE, COORDINATE, COORDINATE
        ),
        max_size=6,
    ),
    st.none() | st.lists(st.tuples(ATOMS, ATOMS), max_size=6),
)
def test_perception(atoms, bonds):
    numbers = np.array([atom[0] for atom in atoms], int)
    positions = np.array([atom[1:] for atom in atoms], float).reshape(-1, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TITOWarning)
        try:
            graph = build_graph(numbers, positions, bonds)
        except TITOError:
            return
    assert graph.n_atoms == len(atoms)
    assert np.isfinite(positions).all()


@st.composite
def damage(draw):
    """Changes a file: bytes replaced, taken out, put in, or cut off, at relative places."""
    kinds = st.sampled_from(["replace", "remove", "insert", "cut"])
    return draw(
        st.lists(
            st.tuples(kinds, st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)),
            min_size=1,
            max_size=3,
        )
    )


def damaged(content, changes):
    for kind, place, what in changes:
        at = int(place * len(content))
        after = at + (0 if kind == "insert" else len(what))
        content = (
            content[:at]
            + (b"" if kind in ("remove", "cut") else what)
            + (b"" if kind == "cut" else content[after:])
        )
    return content


@pytest.fixture(scope="module")
def files(tmp_path_factory, ethanol):
    """A place with sound files of several kinds."""
    from ase_tito.data import DatasetWriter, MoleculeRecord, Run

    place = tmp_path_factory.mktemp("fuzzed")
    frames = [molecule("CH3CH2OH") for _ in range(3)]
    for suffix in ("traj", "xyz", "pdb"):
        write(place / f"good.{suffix}", frames)
    (place / "good.mol").write_bytes((MOLECULES / "threonine.mol").read_bytes())
    graph, positions = ethanol
    np.savez(
        place / "good.npz",
        positions=np.stack([positions] * 3),
        atomic_numbers=graph.atomic_numbers,
        bonds=graph.bonds,
        frame_spacing_ps=1.0,
        temperature_K=300.0,
    )
    with DatasetWriter(place / "good.h5", {"force_field": "none"}) as writer:
        run = Run("md", np.stack([positions] * 3).astype(np.float32), 1.0, 300.0)
        writer.add(MoleculeRecord("ethanol", graph, (run,)))
        writer.set_split("train", ["ethanol"])
    return place


@pytest.mark.parametrize("suffix", ["xyz", "pdb", "mol"])
def test_structures(files, suffix):
    content = (files / f"good.{suffix}").read_bytes()
    path = files / f"bad.{suffix}"
    outcomes = set()

    @examples(100)
    @given(damage())
    def check(changes):
        path.write_bytes(damaged(content, changes))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                frames, bonds = read_structure(path)
                graph_from_atoms(frames[0], bonds)
                outcomes.add("read")
            except TITOError:
                outcomes.add("refused")

    check()
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize("suffix", ["traj", "npz"])
def test_trajectories(files, suffix):
    from ase_tito.analysis.files import open_trajectory

    content = (files / f"good.{suffix}").read_bytes()
    path = files / f"bad.{suffix}"
    refusals = []

    @examples(100)
    @given(damage())
    def check(changes):
        path.write_bytes(damaged(content, changes))
        spacing = 1.0 if suffix == "traj" else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                source = open_trajectory(path, frame_spacing_ps=spacing)
                source.frames(1)
            except DataError as error:
                refusals.append(str(error))

    check()
    assert refusals
    assert all(path.name in refusal for refusal in refusals)


def test_datasets(files):
    from ase_tito.data import Dataset
    from ase_tito.data.checks import check_record

    content = (files / "good.h5").read_bytes()
    path = files / "bad.h5"
    outcomes = set()

    @examples(100)
    @given(damage())
    def check(changes):
        path.write_bytes(damaged(content, changes))
        try:
            with Dataset(path) as dataset:
                for record in dataset.records():
                    dataset.check(record.name)
                    check_record(record)
            outcomes.add("read")
        except DataError:
            outcomes.add("refused")

    check()
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize("name", ["mdqm9-nc.hdf5", "mdqm9-nc.sdf", "splits/train_indices.npy"])
def test_data_of_others(tmp_path, name):
    """What is damaged is left out by name, or refused as a whole; no half of a dataset remains."""
    from ase_tito.data import Dataset
    from ase_tito.data.convert import convert
    from tests.data.formats import write_mdqm9

    folder = write_mdqm9(tmp_path / "mdqm9")
    content = (folder / name).read_bytes()
    output = tmp_path / "out.h5"
    kept, refusals = set(), []

    @examples(40)
    @given(damage())
    def check(changes):
        (folder / name).write_bytes(damaged(content, changes))
        try:
            report = convert([folder], output)
        except TITOError as error:
            refusals.append(str(error))
            assert not output.exists()
        else:
            kept.add(len(report.kept))
            with Dataset(output) as dataset:
                assert dataset.names == report.kept
            output.unlink()
        assert not list(tmp_path.glob("*.partial"))

    check()
    assert kept | set(refusals)


def test_networks_of_checkpoints(tiny_header, tiny_weights):
    """Headers are no threat: whatever network they ask for costs neither memory nor time."""
    from dataclasses import replace

    from ase_tito.architecture import network_of

    outcomes = set()

    @examples(100)
    @given(
        st.sampled_from(sorted(tiny_header.network)),
        st.integers(-3, 3) | st.sampled_from([2**33, 1e300, "x", None, [], [1, 2], {}, True]),
    )
    def check(key, value):
        header = replace(tiny_header, network={**tiny_header.network, key: value})
        try:
            network_of(header, tiny_weights)
            outcomes.add("built")
        except CheckpointError:
            outcomes.add("refused")

    check()
    assert outcomes == {"built", "refused"}


SECTIONS = ("data", "optimizer", "network")
VALUES = (
    st.integers(-3, 3)
    | st.floats(-2, 2).map(lambda x: round(x, 2))
    | st.sampled_from([True, "", "x", [], [1], [1.0, "x"], {}, {"kind": "x"}, {"steps": "x"}])
)


def as_toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {as_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def test_training_configurations(tmp_path):
    """Any value in any entry: a configuration, or an error that names the file."""
    import tomllib
    from dataclasses import fields

    from ase_tito.nn import VelocityConfig
    from ase_tito.train import DataConfig, OptimizerConfig, TrainConfig

    sections = {"": TrainConfig, "data": DataConfig, "optimizer": OptimizerConfig}
    places = [
        (section, "from" if item.name == "parent" else item.name)
        for section, kind in {**sections, "network": VelocityConfig}.items()
        for item in fields(kind)
        if section or item.name not in SECTIONS
    ]
    good = tomllib.loads(CONFIG)
    path = tmp_path / "any.toml"
    accepted, refusals = [], []

    @examples(120)
    @given(st.sampled_from(places), VALUES)
    def check(place, value):
        section, key = place
        entries = {name: dict(v) if isinstance(v, dict) else v for name, v in good.items()}
        (entries[section] if section else entries)[key] = value
        top = {
            name: v for name, v in entries.items() if name not in ("data", "optimizer", "network")
        }
        lines = [f"{name} = {as_toml(v)}" for name, v in top.items()]
        for name in ("data", "optimizer", "network"):
            lines += [f"[{name}]", *(f"{k} = {as_toml(v)}" for k, v in entries[name].items())]
        path.write_text("\n".join(lines))
        try:
            TrainConfig.from_toml(path)
            accepted.append(place)
        except ConfigError as error:
            refusals.append(str(error))

    check()
    assert accepted
    assert all(refusal.startswith(str(path)) for refusal in refusals)
    for words in ("not supported between", "not iterable", "argument"):  # nobody wrote that check
        assert not [refusal for refusal in refusals if words in refusal]


WORDS = [
    *("run", "analyse", "generate", "data", "info", "convert", "evaluate", "train", "models"),
    *("--output", "-o", "--model", "--lag-ps", "--jumps", "--seed", "--resume", "--split", "--top"),
    *("--smiles", "--time-ns", "--check", "--quiet", "--json", "--from", "--temperature-K"),
    *("absent.pdb", "absent.toml", "absent.h5", "x.traj"),
    *("-1", "nan", "1e99", "", "é", "--", "a=b"),
]


def test_command_lines(workplace, capfd):
    """Any words: help, or one line of error, and no file; ASE's own commands are ASE's business."""
    from ase_tito.cli.ase_commands import ASE_COMMANDS
    from ase_tito.cli.main import main

    lines_of_words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6)

    @examples(120)
    @given(lines_of_words.filter(lambda words: words[0] not in ASE_COMMANDS))
    def check(words):
        capfd.readouterr()
        code = main(words)
        lines = capfd.readouterr().err.splitlines()
        assert (code, len(lines)) in ((0, 0), (2, 1)), lines
        assert not any("--debug shows where" in line for line in lines), lines
        assert not list(workplace.iterdir())

    check()
