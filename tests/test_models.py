import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from ase.build import molecule
from ase.io import read

from ase_tito import models
from ase_tito.canonical import graph_key
from ase_tito.checkpoint import save_checkpoint
from ase_tito.errors import CheckpointError, DomainError
from ase_tito.models import (
    available_models,
    find_checkpoint,
    load_model,
    select_model,
    shipped_directory,
    user_directory,
)
from ase_tito.perception import build_graph

PDB = Path(__file__).parents[1] / "examples" / "data" / "alanine-dipeptide.pdb"


@pytest.fixture
def library(tiny_checkpoint, tmp_path, monkeypatch):
    """A user directory with the model 'tiny', and nothing shipped."""
    monkeypatch.setenv("ASE_TITO_MODELS", str(tiny_checkpoint.parent))
    monkeypatch.setattr(models, "shipped_directory", lambda: tmp_path / "nothing-shipped")
    return tiny_checkpoint.parent


def store(directory, header, weights, name, **domain):
    header = replace(header, name=name, domain=header.domain | domain)
    save_checkpoint(directory / f"{name}.safetensors", header, weights)


def test_by_name_and_by_path(library, monkeypatch):
    monkeypatch.chdir(library)
    for which in ("tiny", library / "tiny.safetensors", "tiny.safetensors", "./tiny.safetensors"):
        assert load_model(which).name == "tiny"


def test_an_unknown_name_lists_close_matches_and_all(library, tiny_header, tiny_weights):
    store(library, tiny_header, tiny_weights, "zebra")
    with pytest.raises(CheckpointError) as refusal:
        load_model("tinny")
    assert "no model named 'tinny' (did you mean 'tiny'?)" in str(refusal.value)
    assert "known models: tiny, zebra" in str(refusal.value)
    with pytest.raises(CheckpointError, match=r"no model named 'quux'; known models: tiny, zebra"):
        load_model("quux")


def test_without_any_model_the_error_says_where_they_go(library):
    shutil.rmtree(library)
    library.mkdir()
    with pytest.raises(CheckpointError, match=f"none .own ones go into {library}"):
        load_model("tiny")


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_model("nowhere/tiny")


def test_a_name_given_twice_is_ambiguous(library, tmp_path, monkeypatch):
    shipped = tmp_path / "shipped"
    shutil.copytree(library, shipped)
    monkeypatch.setattr(models, "shipped_directory", lambda: shipped)
    with pytest.raises(CheckpointError, match="two models are named 'tiny'"):
        find_checkpoint("tiny")
    assert [info.shipped for info in available_models()] == [True, False]


def test_the_listing_shows_damaged_files_and_skips_others(library, tiny_header):
    (library / "broken.safetensors").write_bytes(b"nothing of the kind")
    (library / ".tiny.safetensors.0123").write_bytes(b"being written")
    (library / ".hidden.safetensors").write_bytes(b"")
    (library / "notes.txt").write_text("notes")
    broken, tiny = available_models()
    assert (broken.name, broken.header) == ("broken", None)
    assert "not a safetensors checkpoint" in broken.problem
    assert (tiny.name, tiny.header, tiny.problem) == ("tiny", tiny_header, None)
    assert not tiny.shipped


def test_what_is_shipped_can_be_read():
    for info in available_models():
        if info.shipped:
            assert info.problem is None
            assert info.path.with_suffix(".md").is_file()
            assert info.header.name == info.name


def test_shipped_models_lie_in_the_package():
    assert shipped_directory().parent.name == "ase_tito"


class TestUserDirectory:
    def test_the_variable_names_it(self, library):
        assert user_directory() == library

    def test_the_variable_must_name_a_directory(self, monkeypatch, tmp_path):
        monkeypatch.setenv("ASE_TITO_MODELS", str(tmp_path / "absent"))
        with pytest.raises(CheckpointError, match=r"ASE_TITO_MODELS is .*not a directory"):
            available_models()

    @pytest.mark.parametrize(
        ("platform", "variables", "expected"),
        [
            ("linux", {}, "home/.local/share/ase-tito/models"),
            ("linux", {"XDG_DATA_HOME": "xdg"}, "xdg/ase-tito/models"),
            ("darwin", {}, "home/Library/Application Support/ase-tito/models"),
            ("win32", {"LOCALAPPDATA": "local"}, "local/ase-tito/models"),
        ],
    )
    def test_by_default_the_platforms(self, monkeypatch, tmp_path, platform, variables, expected):
        for name in ("ASE_TITO_MODELS", "XDG_DATA_HOME", "LOCALAPPDATA"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, str(tmp_path / value))
        monkeypatch.setattr(models.Path, "home", lambda: tmp_path / "home")
        monkeypatch.setattr(models.sys, "platform", platform)
        assert user_directory() == tmp_path / expected


class TestAutomaticChoice:
    def test_the_one_that_matches(self, library, ethanol, tiny_header, tiny_weights):
        store(library, tiny_header, tiny_weights, "hot", temperature_range_K=[400.0, 500.0])
        store(library, tiny_header, tiny_weights, "hydrocarbons", elements=[1, 6])
        store(library, tiny_header, tiny_weights, "large", n_atoms_range=[30, 60])
        store(library, tiny_header, tiny_weights, "other", molecules=["another-molecule"])
        graph, _ = ethanol
        assert select_model(graph, 300.0).name == "tiny"
        assert select_model(graph, 450.0).name == "hot"

    def test_none_matches_and_each_says_why(self, library, ethanol, tiny_header, tiny_weights):
        store(library, tiny_header, tiny_weights, "hydrocarbons", elements=[1, 6])
        (library / "broken.safetensors").write_bytes(b"nothing of the kind")
        graph, _ = ethanol
        with pytest.raises(DomainError) as refusal:
            select_model(graph, 700.0)
        text = str(refusal.value)
        assert "\n" not in text
        for fact in ("'broken': cannot be read", "'hydrocarbons': ", "O", "'tiny': ", "700 K"):
            assert fact in text

    def test_the_nearest_comes_first_and_those_of_others_say_no_more(
        self, library, ethanol, tiny_header, tiny_weights
    ):
        for name in ("a", "b"):
            store(
                library,
                tiny_header,
                tiny_weights,
                name,
                molecules=["CH4-0123456789abcdef"],
                elements=[1, 6],
            )
        with pytest.raises(DomainError) as refusal:
            select_model(ethanol[0], 700.0)
        assert str(refusal.value).endswith(
            "('tiny': temperature of 700 K is outside the trained range, 300 K; "
            "'a', 'b': made for other molecules)"
        )

    def test_a_size_beyond_training_speaks_against_it(self, library):
        propanol = molecule("CH3CH2OCH3")
        graph = build_graph(propanol.numbers, propanol.positions)
        with pytest.raises(DomainError, match=f"'tiny': .*{graph.n_atoms} atoms"):
            select_model(graph, 300.0)

    def test_a_model_of_just_this_molecule_goes_first(
        self, library, ethanol, tiny_header, tiny_weights
    ):
        graph, _ = ethanol
        store(library, tiny_header, tiny_weights, "special", molecules=[graph_key(graph)])
        assert select_model(graph, 300.0).name == "special"

    def test_jumps_that_cost_half_go_before_those_on_a_prior(
        self, library, ethanol, tiny_header, tiny_weights, monkeypatch
    ):
        store(library, tiny_header, tiny_weights, "on-a-prior")
        monkeypatch.setattr(
            models.ModelInfo, "has_prior", property(lambda info: info.name == "on-a-prior")
        )
        assert select_model(ethanol[0], 300.0).name == "tiny"

    def test_one_of_peptides_is_for_peptides(self, library, ethanol, tiny_header, tiny_weights):
        store(library, tiny_header, tiny_weights, "peptides", peptides_only=True)
        assert select_model(ethanol[0], 300.0).name == "tiny"
        dipeptide = read(PDB)
        graph = build_graph(dipeptide.numbers, dipeptide.positions)
        known = {"n_atoms_range": [9, 30], "elements": [1, 6, 7, 8]}
        store(library, tiny_header, tiny_weights, "peptides", peptides_only=True, **known)
        store(library, tiny_header, tiny_weights, "any", **known)
        assert select_model(graph, 300.0).name == "peptides"

    def test_several_match(self, library, ethanol, tiny_header, tiny_weights):
        graph, _ = ethanol
        store(library, tiny_header, tiny_weights, "other")
        with pytest.raises(DomainError, match=r"several models match .*'other', 'tiny'"):
            select_model(graph, 300.0)

    def test_no_model_at_all(self, library, ethanol):
        shutil.rmtree(library)
        library.mkdir()
        with pytest.raises(DomainError, match="no model is known"):
            select_model(ethanol[0], 300.0)
