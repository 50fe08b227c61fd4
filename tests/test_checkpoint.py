import json
import os
import pickle
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from ase_tito.checkpoint import (
    card_path,
    operator_from_checkpoint,
    read_card,
    read_checkpoint,
    read_header,
    save_checkpoint,
)
from ase_tito.errors import CheckpointError, ConfigError
from ase_tito.nn import EquivariantVelocity, VelocityConfig


@pytest.fixture
def checkpoint(tmp_path, tiny_header, tiny_weights):
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, tiny_header, tiny_weights)
    return path


def rewritten(path, **entries):
    """The checkpoint's bytes with other metadata entries (None removes one)."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    contents = json.loads(content[8 : 8 + length])
    for key, value in entries.items():
        if value is None:
            del contents["__metadata__"][key]
        else:
            contents["__metadata__"][key] = value
    text = json.dumps(contents).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def test_round_trip_is_exact(checkpoint, tiny_header, tiny_weights):
    header, weights = read_checkpoint(checkpoint)
    assert header == tiny_header == read_header(checkpoint)
    assert weights.keys() == tiny_weights.keys()
    for key, value in tiny_weights.items():
        assert torch.equal(weights[key], value)


def test_the_operator_has_the_checkpoints_field(checkpoint, tiny_header, tiny_network, ethanol):
    graph, positions = ethanol
    operator = operator_from_checkpoint(checkpoint)
    assert operator.name == tiny_header.name
    assert operator.card == card_path(checkpoint).read_text("utf-8")
    noise = torch.randn(2, graph.n_atoms, 3, generator=torch.Generator().manual_seed(0))
    start = torch.tensor(positions, dtype=torch.float32).expand(2, -1, -1)
    first = operator.sample(graph, start, 100.0, noise=noise)
    operator.field.load_state_dict(tiny_network.state_dict())
    assert torch.equal(first.positions, operator.sample(graph, start, 100.0, noise=noise).positions)
    assert not any(parameter.requires_grad for parameter in operator.field.parameters())


def test_loading_leaves_the_global_generator_alone(checkpoint):
    before = torch.random.get_rng_state()
    operator_from_checkpoint(checkpoint)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_unknown_device_is_refused(checkpoint):
    with pytest.raises(ConfigError, match="device 'abacus' cannot be used"):
        operator_from_checkpoint(checkpoint, "abacus")


class TestFiles:
    def test_absent(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"absent\.safetensors: there is no such file"):
            read_checkpoint(tmp_path / "absent.safetensors")

    def test_a_directory(self, tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            read_checkpoint(tmp_path)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is empty"),
            (b"{", "not a safetensors checkpoint"),
            (b"# a text file, longer than eight bytes", "not a safetensors checkpoint"),
            (b"\xff" * 8 + b"{}", "not a safetensors checkpoint"),
            (struct.pack("<Q", 2) + b"{}", "not an ase_tito checkpoint"),
            (struct.pack("<Q", 3) + b"{]}", "table of contents is not valid JSON"),
        ],
    )
    def test_not_a_checkpoint(self, tmp_path, content, reason):
        path = tmp_path / "x.safetensors"
        path.write_bytes(content)
        for read in (read_header, read_checkpoint):
            with pytest.raises(CheckpointError, match=reason):
                read(path)

    def test_someone_elses_tensors(self, tmp_path, tiny_weights):
        path = tmp_path / "x.safetensors"
        save_file(tiny_weights, path)
        with pytest.raises(CheckpointError, match="holds tensors but is not an ase_tito"):
            read_checkpoint(path)

    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    def test_a_pickle_is_refused_and_never_run(self, tmp_path, protocol):
        trace = tmp_path / "executed"

        class Payload:
            def __reduce__(self):
                return Path.touch, (trace,)

        path = tmp_path / "x.safetensors"
        path.write_bytes(pickle.dumps(Payload(), protocol))
        with pytest.raises(CheckpointError, match="pickle, which could execute code"):
            read_checkpoint(path)
        assert not trace.exists()

    def test_a_torch_file_is_refused(self, tmp_path, tiny_weights):
        path = tmp_path / "x.safetensors"
        torch.save(tiny_weights, path)
        with pytest.raises(CheckpointError, match="pickle, which could execute code"):
            read_checkpoint(path)

    def test_truncated_anywhere(self, checkpoint):
        content = checkpoint.read_bytes()
        table = 8 + int.from_bytes(content[:8], "little")
        for size in (9, 100, table - 1, table, table + 1, len(content) - 4, len(content) - 1):
            checkpoint.write_bytes(content[:size])
            for read in (read_header, read_checkpoint):
                with pytest.raises(CheckpointError, match="the file is truncated"):
                    read(checkpoint)

    def test_bytes_too_many(self, checkpoint):
        checkpoint.write_bytes(checkpoint.read_bytes() + b"\0")
        with pytest.raises(CheckpointError, match="the file is damaged"):
            read_checkpoint(checkpoint)

    def test_a_flipped_bit_in_the_weights(self, checkpoint):
        content = bytearray(checkpoint.read_bytes())
        content[-7] ^= 1
        checkpoint.write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged: header and weights do not match"):
            read_checkpoint(checkpoint)

    def test_an_edited_header(self, checkpoint, tiny_header):
        edited = replace(tiny_header, name="other")
        checkpoint.write_bytes(rewritten(checkpoint, header=edited.to_json()))
        with pytest.raises(CheckpointError, match="damaged: header and weights do not match"):
            read_checkpoint(checkpoint)

    @pytest.mark.parametrize("key", ["header", "sha256"])
    def test_metadata_that_lack_an_entry(self, checkpoint, key):
        checkpoint.write_bytes(rewritten(checkpoint, **{key: None}))
        with pytest.raises(CheckpointError, match=f"its metadata lacks '{key}'"):
            read_header(checkpoint)

    def test_a_newer_format_is_told_from_damage(self, checkpoint, tiny_header):
        newer = json.loads(tiny_header.to_json()) | {"format_version": 7, "hologram": []}
        checkpoint.write_bytes(rewritten(checkpoint, header=json.dumps(newer)))
        with pytest.raises(CheckpointError, match=r"format version 7 is newer than 6.*upgrade"):
            read_checkpoint(checkpoint)

    @settings(max_examples=150, deadline=None)
    @given(data=st.data())
    def test_fuzzed_files_are_refused_with_a_clear_error(
        self, fuzzed, tiny_header, tiny_weights, data
    ):
        original, path = fuzzed
        content = bytearray(original)
        size = len(content)
        # the table of contents, at the start, is where a parser can go wrong
        places = st.integers(0, size - 1) | st.integers(0, 2500)
        for place in data.draw(st.sets(places, min_size=1, max_size=4)):
            content[place] ^= data.draw(st.integers(1, 255))
        cut = data.draw(st.integers(0, size) | st.just(size))
        path.write_bytes(content[:cut])
        try:
            header, weights = read_checkpoint(path)
        except CheckpointError:
            return
        assert header == tiny_header  # blanks in the table of contents may differ
        assert all(torch.equal(weights[key], value) for key, value in tiny_weights.items())

    @settings(max_examples=100, deadline=None)
    @given(content=st.binary(max_size=300))
    def test_random_bytes_are_refused(self, fuzzed, content):
        _, path = fuzzed
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory, tiny_header, tiny_weights):
    path = tmp_path_factory.mktemp("fuzzed") / "tiny.safetensors"
    save_checkpoint(path, tiny_header, tiny_weights)
    return path.read_bytes(), path


class TestWeights:
    def test_nan_is_refused_before_anything_is_written(self, tmp_path, tiny_header, tiny_weights):
        path = tmp_path / "x.safetensors"
        for bad in (float("nan"), float("inf")):
            weights = {key: value.clone() for key, value in tiny_weights.items()}
            weights["skip.weight"][0, 0] = bad
            with pytest.raises(CheckpointError, match=r"'skip\.weight' holds NaN or infinite"):
                save_checkpoint(path, tiny_header, weights)
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_one_is_named(self, tmp_path, tiny_header, tiny_weights):
        weights = {key: value for key, value in tiny_weights.items() if key != "skip.bias"}
        with pytest.raises(CheckpointError, match=r"lack 'skip\.bias'"):
            save_checkpoint(tmp_path / "x.safetensors", tiny_header, weights)

    def test_an_unknown_one_is_named(self, tmp_path, tiny_header, tiny_weights):
        weights = tiny_weights | {"stowaway": torch.zeros(1)}
        with pytest.raises(CheckpointError, match="unexpected 'stowaway'"):
            save_checkpoint(tmp_path / "x.safetensors", tiny_header, weights)

    @pytest.mark.parametrize("change", [torch.Tensor.double, lambda w: w[:1], lambda w: w.T])
    def test_shape_and_type_must_be_the_networks(self, tmp_path, tiny_header, tiny_weights, change):
        weights = tiny_weights | {"skip.weight": change(tiny_weights["skip.weight"])}
        with pytest.raises(
            CheckpointError, match=r"'skip\.weight' is float.* has float32 \[2, 8\]"
        ):
            save_checkpoint(tmp_path / "x.safetensors", tiny_header, weights)

    def test_a_header_of_another_network_is_refused(self, tmp_path, tiny_header, tiny_weights):
        other = VelocityConfig.from_dict(tiny_header.network | {"blocks": 2})
        header = replace(tiny_header, network=other.to_dict())
        with pytest.raises(CheckpointError, match="lack 'blocks"):
            save_checkpoint(tmp_path / "x.safetensors", header, tiny_weights)

    def test_an_enormous_network_costs_no_memory(self, tmp_path, tiny_header, tiny_weights):
        header = replace(tiny_header, network=tiny_header.network | {"features": 8 << 30})
        with pytest.raises(CheckpointError, match="'network' is impossible"):
            save_checkpoint(tmp_path / "x.safetensors", header, tiny_weights)

    @pytest.mark.parametrize(
        ("entries", "reason"),
        [
            ({"hidden": 3}, "'network': unknown network settings: hidden"),
            ({"heads": 3}, "'network': heads = 3 must divide features = 8"),
            ({"blocks": "four"}, "'network': blocks must be a positive integer"),
            ({"blocks": 8 << 30}, "'network' is impossible: 8589934592 blocks"),
            ({"lag_range_ps": []}, "'network': lag_range_ps must be two numbers"),
            ({"length_scale": "long"}, "'network'"),
            ({"frame": "free"}, "'frame' is 'condition' but the network's is 'free'"),
            ({"lag_range_ps": [1.0, 50.0]}, r"domain.lag_range_ps' is .* beyond the network's"),
        ],
    )
    def test_network_entries_are_checked(
        self, tmp_path, tiny_header, tiny_weights, entries, reason
    ):
        header = replace(tiny_header, network=tiny_header.network | entries)
        with pytest.raises(CheckpointError, match=reason):
            save_checkpoint(tmp_path / "x.safetensors", header, tiny_weights)

    def test_a_network_entry_that_is_missing_is_named(self, tmp_path, tiny_header, tiny_weights):
        network = {key: value for key, value in tiny_header.network.items() if key != "heads"}
        with pytest.raises(CheckpointError, match="'network' lacks the key 'heads'"):
            save_checkpoint(
                tmp_path / "x.safetensors", replace(tiny_header, network=network), tiny_weights
            )


class TestWriting:
    def test_a_failed_write_leaves_the_old_file_and_no_litter(
        self, checkpoint, tiny_header, tiny_weights, monkeypatch
    ):
        before = checkpoint.read_bytes()

        def fail(*_):
            raise OSError("disk full")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="disk full"):
            save_checkpoint(checkpoint, replace(tiny_header, name="other"), tiny_weights)
        assert checkpoint.read_bytes() == before
        assert {p.name for p in checkpoint.parent.iterdir()} == {"tiny.safetensors", "tiny.md"}

    def test_weights_are_not_changed_and_may_share_memory(self, tmp_path, tiny_header):
        network = EquivariantVelocity(VelocityConfig.from_dict(tiny_header.network))
        weights = network.state_dict()
        weights["skip.weight"] = torch.zeros(8, 2).T  # not contiguous
        shared = torch.zeros(2)
        weights["skip.bias"] = shared
        save_checkpoint(tmp_path / "x.safetensors", tiny_header, weights)
        assert weights["skip.weight"].shape == (2, 8)

    @pytest.mark.parametrize("name", ["x.pt", "x", "nowhere/x.safetensors"])
    def test_impossible_paths_are_refused(self, tmp_path, tiny_header, tiny_weights, name):
        with pytest.raises(CheckpointError, match=r"must end in \.safetensors|no directory"):
            save_checkpoint(tmp_path / name, tiny_header, tiny_weights)


class TestCards:
    def test_a_card_is_made_from_the_header(self, checkpoint, tiny_header):
        card = card_path(checkpoint).read_text("utf-8")
        for fact in ("# tiny", "H, C, O", "300 K", "1 to 1000 ps", "toy force field", "euler"):
            assert fact in card

    def test_a_made_card_is_renewed_and_a_written_one_is_kept(
        self, checkpoint, tiny_header, tiny_weights
    ):
        save_checkpoint(checkpoint, replace(tiny_header, name="second"), tiny_weights)
        assert "# second" in card_path(checkpoint).read_text("utf-8")
        save_checkpoint(checkpoint, tiny_header, tiny_weights, card="# By hand: φ\n")
        save_checkpoint(checkpoint, tiny_header, tiny_weights)
        assert read_card(checkpoint, tiny_header) == "# By hand: φ\n"

    def test_without_a_file_the_card_comes_from_the_header(self, checkpoint, tiny_header):
        card_path(checkpoint).unlink()
        assert "# tiny" in read_card(checkpoint, tiny_header)
        assert "# tiny" in operator_from_checkpoint(checkpoint).card


def test_numpy_values_do_not_slip_into_a_header(tiny_header):
    with pytest.raises(CheckpointError, match="'training' holds what JSON cannot"):
        replace(tiny_header, training=tiny_header.training | {"loss": np.float32(1)})
