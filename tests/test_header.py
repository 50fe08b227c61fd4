import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ase_tito.errors import CheckpointError
from ase_tito.flow.source import GaussianSource, HarmonicSource
from ase_tito.header import CheckpointHeader, source_from_dict, source_to_dict

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def test_json_round_trip(tiny_header):
    assert CheckpointHeader.from_json(tiny_header.to_json()) == tiny_header


def test_a_header_keeps_no_reference_to_what_it_was_made_of(tiny_header):
    training = dict(tiny_header.training)
    header = replace(tiny_header, training=training)
    training["seed"] = 77
    assert header == tiny_header


@pytest.mark.parametrize("key", ["name", "network", "source", "frame", "ode", "domain", "training"])
def test_missing_keys_are_named(tiny_header, key):
    values = json.loads(tiny_header.to_json())
    del values[key]
    with pytest.raises(CheckpointError, match=f"the header lacks the key '{key}'"):
        CheckpointHeader.from_json(json.dumps(values))


def test_unknown_keys_are_named(tiny_header):
    values = json.loads(tiny_header.to_json()) | {"hologram": 1, "aura": 2}
    with pytest.raises(CheckpointError, match="unknown keys 'aura', 'hologram'"):
        CheckpointHeader.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("name", 3, "'name' must be a string, not 3"),
        ("name", "../escape", "'name' must be letters"),
        ("name", "", "'name' must be letters"),
        ("frame", "sideways", "'frame': unknown frame 'sideways'"),
        ("frame", None, "'frame' must be a string"),
        ("network", [], "'network' must be a dictionary"),
        ("package_version", 0.1, "'package_version' must be a string"),
        ("format_version", 0, "'format_version' must be a positive integer"),
        ("format_version", True, "'format_version' must be a positive integer"),
        ("format_version", "1", "'format_version' must be a positive integer"),
        ("format_version", 7, "format version 7 is newer than 6"),
    ],
)
def test_wrong_values_are_named(tiny_header, key, value, reason):
    with pytest.raises(CheckpointError, match=reason):
        replace(tiny_header, **{key: value})


@pytest.mark.parametrize(
    ("part", "entries"),
    [
        ("ode", {"method": "magic"}),
        ("ode", {"steps": 0}),
        ("ode", {"steps": "forty"}),
        ("ode", {"unknown": 1}),
        ("domain", {"lag_range_ps": [1000.0, 1.0]}),
        ("domain", {"lag_range_ps": "long"}),
        ("domain", {"temperature_range_K": [-3.0, 300.0]}),
        ("domain", {"elements": [0]}),
        ("domain", {"elements": ["H"]}),
        ("domain", {"elements": []}),
        ("domain", {"unknown": 1}),
        ("source", {"kind": "wishful"}),
        ("source", {"bond_sigma": -1.0}),
        ("source", {"bond_sigma": "wide"}),
        ("source", {"bond_sigma": True}),
        ("source", {"unknown": 1}),
        ("training", {"molecules": "ethanol"}),
        ("training", {"molecules": []}),
        ("training", {"force_field": None}),
        ("training", {"temperature_K": "warm"}),
        ("training", {"temperature_K": -1}),
        ("training", {"lag_range_ps": [1000.0, 1.0]}),
        ("training", {"n_frames": 1.5}),
        ("training", {"training_time_s": -1}),
        ("training", {"seed": True}),
        ("training", {"commit": 7}),
    ],
)
def test_wrong_parts_are_named(tiny_header, part, entries):
    with pytest.raises(CheckpointError, match=f"header key '{part}"):
        replace(tiny_header, **{part: getattr(tiny_header, part) | entries})


@pytest.mark.parametrize("part", ["source", "ode", "domain", "training"])
def test_missing_parts_are_named(tiny_header, part):
    values = dict(getattr(tiny_header, part))
    key = sorted(values)[0]
    del values[key]
    with pytest.raises(CheckpointError, match=f"header key '{part}'.*{key}"):
        replace(tiny_header, **{part: values})


def test_training_may_say_more(tiny_header):
    more = replace(tiny_header, training=tiny_header.training | {"loss": {"valid": [1.0, 0.5]}})
    assert CheckpointHeader.from_json(more.to_json()) == more


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("[]", "not a JSON object but list"),
        ('{"format_version": NaN}', "NaN is not allowed"),
        ('{"name": "a", "name": "b"}', "'name' stands twice"),
        ("[" * 100_000, "not valid JSON"),
        ('{"name": ' + "9" * 10_000 + "}", "not valid JSON"),
        ("{}", "lacks the key 'format_version'"),
    ],
)
def test_text_that_is_no_header(text, reason):
    with pytest.raises(CheckpointError, match=reason):
        CheckpointHeader.from_json(text)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_json_in_any_place_is_accepted_or_a_checkpoint_error(tiny_header, data):
    values = json.loads(tiny_header.to_json())
    key = data.draw(st.sampled_from(sorted(values)))
    if isinstance(values[key], dict) and data.draw(st.booleans()):
        inner = data.draw(st.sampled_from(sorted(values[key])))
        values[key][inner] = data.draw(JSON)
    else:
        values[key] = data.draw(JSON)
    text = json.dumps(values)
    try:
        header = CheckpointHeader.from_json(text)
    except CheckpointError:
        return
    assert CheckpointHeader.from_json(header.to_json()) == header


@pytest.mark.parametrize(
    "source",
    [
        HarmonicSource(),
        HarmonicSource(0.5),
        GaussianSource(1.5, 0.688, 12.0),
        GaussianSource(0.5, centre="condition"),
    ],
)
def test_sources_round_trip(source, ethanol):
    again = source_from_dict(source_to_dict(source))
    graph, _ = ethanol
    assert type(again) is type(source)
    assert again.centre == source.centre
    assert (again.standard_deviation(graph) == source.standard_deviation(graph)).all()


def test_a_source_of_another_kind_cannot_be_stored():
    class Special(HarmonicSource):
        pass

    with pytest.raises(CheckpointError, match="Special cannot be stored"):
        source_to_dict(Special())


def test_format_2_knew_no_models_of_peptides_alone(tiny_header):
    values = json.loads(tiny_header.to_json()) | {"format_version": 2}
    del values["domain"]["peptides_only"]
    header = CheckpointHeader.from_json(json.dumps(values))
    assert header == tiny_header
    assert header.domain["peptides_only"] is False
    del values["prior"]
    with pytest.raises(CheckpointError, match="lacks the key 'prior'"):
        CheckpointHeader.from_json(json.dumps(values))


def test_format_3_knew_sources_at_the_origin_alone(tiny_header):
    values = json.loads(tiny_header.to_json())
    del values["source"]["centre"]
    with pytest.raises(CheckpointError, match="centre"):
        CheckpointHeader.from_json(json.dumps(values))
    values["format_version"] = 3
    assert CheckpointHeader.from_json(json.dumps(values)) == tiny_header


@pytest.mark.parametrize(
    ("version", "key", "value"),
    [(4, "chirality_reach", 0), (5, "superposed", False), (5, "guide_features", 0)],
)
def test_networks_of_older_formats_lacked_what_they_do_not_name(tiny_header, version, key, value):
    values = json.loads(tiny_header.to_json())
    values["format_version"] = version
    del values["network"][key]
    assert CheckpointHeader.from_json(json.dumps(values)).network[key] == value
