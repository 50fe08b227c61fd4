"""The header of a checkpoint: what a model is, what it was trained on, where it may be used."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from ase_tito.errors import CheckpointError, TITOError
from ase_tito.flow.frame import frame_named
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.source import GaussianSource, HarmonicSource
from ase_tito.transfer.domain import Domain

FORMAT_VERSION = 6

_PRIOR = {"network", "relaxation_time_ps", "name", "sha256", "domain", "training"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SOURCES = {"harmonic": HarmonicSource, "gaussian": GaussianSource}


@dataclass(frozen=True)
class CheckpointHeader:
    """All that is needed beside the weights, as plain JSON values.

    Parameters
    ----------
    name : str
        Letters, digits, ``.``, ``_`` and ``-``.
    network : dict
        `ase_tito.nn.VelocityConfig.to_dict()`.
    source : dict
        `source_to_dict` of the flow's source.
    frame : {'condition', 'free'}
        See `ase_tito.flow.frame`.
    ode : dict
        `OdeSettings.to_dict()`: the default settings for sampling.
    domain : dict
        `Domain.to_dict()`: lags in ps, temperatures in K, elements, sizes.
    training : dict
        Where the weights come from. Required: ``molecules`` (list of str), ``force_field`` (str),
        ``temperature_K`` (number, or list of numbers), ``lag_range_ps`` (two numbers), ``n_frames``
        (int), ``training_time_s`` (number), ``commit`` (str), ``seed`` (int), ``command`` (str).
        A record, not an instruction: further keys with any JSON value may stand beside these.
    package_version : str
        Version of ase_tito that wrote the checkpoint.
    prior : dict, optional
        Of a model with a Boltzmann prior (see `ase_tito.flow.prior`): ``network`` of u_eq, while
        the header's own is that of u_dyn, ``relaxation_time_ps``, and of the checkpoint that u_eq
        was taken from ``name``, ``sha256``, ``domain`` and ``training``.
    format_version : int
        Version of this header's layout: 1 knew no prior.

    Raises
    ------
    CheckpointError
        Naming the key, for any value of a wrong type or out of range.
    """

    name: str
    network: dict[str, Any]
    source: dict[str, Any]
    frame: str
    ode: dict[str, Any]
    domain: dict[str, Any]
    training: dict[str, Any]
    package_version: str
    prior: dict[str, Any] | None = None
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        check_format_version(self.format_version)
        for key in ("name", "frame", "package_version"):
            if not isinstance(getattr(self, key), str):
                raise _wrong_type(key, "a string", getattr(self, key))
        if not _NAME.fullmatch(self.name):
            raise CheckpointError(
                f"header key 'name' must be letters, digits, '.', '_' or '-', not {self.name!r}"
            )
        for key in ("network", "source", "ode", "domain", "training"):
            object.__setattr__(self, key, _plain_dict(key, getattr(self, key)))
        for key, build in _PARTS.items():
            build_part(key, build, getattr(self, key))
        _check_training(self.training)
        if self.prior is not None:
            object.__setattr__(self, "prior", _plain_dict("prior", self.prior))
            _check_prior(self.prior)

    def to_json(self) -> str:
        """The header as JSON text, keys sorted."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> CheckpointHeader:
        """Read a header strictly: every key must be there and known.

        Raises
        ------
        CheckpointError
            For text that is no JSON object, a newer format, missing, unknown or wrong entries.
        """
        values = parse_json_object(text, "the header")
        if "format_version" not in values:
            raise CheckpointError("the header lacks the key 'format_version'")
        check_format_version(values["format_version"])  # first: a newer layout has other keys
        if values["format_version"] < FORMAT_VERSION:
            values = _upgraded(values)
        _check_keys("the header", values, {field.name for field in fields(cls)})
        return cls(**values)


def source_to_dict(source: HarmonicSource | GaussianSource) -> dict[str, Any]:
    """A source as plain values: ``kind`` and its parameters (Å)."""
    for kind, cls in _SOURCES.items():
        if type(source) is cls:
            parameters = {field.name: getattr(source, field.name) for field in fields(cls)}
            return {"kind": kind, **parameters}
    raise CheckpointError(
        f"a source of type {type(source).__name__} cannot be stored; use one of {sorted(_SOURCES)}"
    )


def source_from_dict(values: Mapping[str, Any]) -> HarmonicSource | GaussianSource:
    """The source that `source_to_dict` described.

    Raises
    ------
    CheckpointError
        For an unknown kind, and missing, unknown or non-positive parameters.
    """
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in _SOURCES:
        raise CheckpointError(f"source kind must be one of {sorted(_SOURCES)}, not {kind!r}")
    cls = _SOURCES[kind]
    parameters = {key: value for key, value in values.items() if key != "kind"}
    _check_keys(f"the {kind} source", parameters, {field.name for field in fields(cls)})
    for key, value in parameters.items():
        if key != "centre" and not _is_number(value):
            raise _wrong_type(f"source.{key}", "a number", value)
    return cast("HarmonicSource | GaussianSource", cls(**parameters))


def build_part(key: str, build: Callable[[Any], Any], value: Any) -> Any:
    """Build what a header entry describes; any refusal becomes a CheckpointError naming the key.

    Entries that `build` would fill in must be there too: defaults may change, checkpoints may not.
    """
    try:
        part = build(value)
    except (TITOError, ValueError, TypeError, KeyError, OverflowError) as error:
        reason = f"lacks the key {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(f"header key {key!r}: {reason}") from error
    if hasattr(part, "to_dict"):
        _check_keys(f"header key {key!r}", value, set(part.to_dict()))
    return part


def _upgraded(values: dict[str, Any]) -> dict[str, Any]:
    """A header of an older format in the newest: what that did not know, it did not have."""
    new = {"prior": None} if values["format_version"] == 1 else {}
    values = new | values | {"format_version": FORMAT_VERSION}
    if isinstance(values.get("source"), dict):
        values["source"] = {"centre": "origin", **values["source"]}  # new in format 4
    for part in (values, values.get("prior")):
        if isinstance(part, dict) and isinstance(part.get("domain"), dict):
            part["domain"] = {"peptides_only": False, **part["domain"]}  # new in format 3
        if isinstance(part, dict) and isinstance(part.get("network"), dict):
            new_keys = {"chirality_reach": 0}  # in format 5
            new_keys |= {"superposed": False, "guide_features": 0}  # in format 6
            part["network"] = new_keys | part["network"]
    return values


def check_format_version(version: Any) -> None:
    """Refuse a header layout that this version of the package does not know."""
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _wrong_type("format_version", "a positive integer", version)
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"format version {version} is newer than {FORMAT_VERSION}, the newest that this "
            "ase_tito reads; upgrade ase_tito"
        )


def parse_json_object(text: str | bytes, what: str) -> dict[str, Any]:
    """Parse a JSON object, refusing NaN, infinities and repeated keys."""
    try:
        values = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repetition)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} is not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{what} is not a JSON object but {type(values).__name__}")
    return values


_PARTS: dict[str, Callable[[Any], Any]] = {
    "source": source_from_dict,
    "frame": frame_named,
    "ode": OdeSettings.from_dict,
    "domain": Domain.from_dict,
}


def _check_prior(prior: dict[str, Any]) -> None:
    _check_keys("header key 'prior'", prior, _PRIOR)
    for key in ("name", "sha256"):
        if not isinstance(prior[key], str):
            raise _wrong_type(f"prior.{key}", "a string", prior[key])
    for key in ("network", "training"):
        if not isinstance(prior[key], dict):
            raise _wrong_type(f"prior.{key}", "a dictionary", prior[key])
    _check_training(prior["training"])
    if not _is_number(prior["relaxation_time_ps"]) or not prior["relaxation_time_ps"] > 0:
        raise _wrong_type(
            "prior.relaxation_time_ps", "a positive number in ps", prior["relaxation_time_ps"]
        )
    build_part("prior.domain", Domain.from_dict, prior["domain"])


def _check_training(training: dict[str, Any]) -> None:
    def is_text(value: Any) -> bool:
        return isinstance(value, str)

    def is_count(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0

    def is_amount(value: Any) -> bool:
        return _is_number(value) and value >= 0

    def is_list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
        return lambda value: isinstance(value, list) and bool(value) and all(map(check, value))

    amounts = is_list_of(is_amount)
    required: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "molecules": ("a list of strings", is_list_of(is_text)),
        "force_field": ("a string", is_text),
        "temperature_K": ("a number or numbers in K", lambda v: is_amount(v) or amounts(v)),
        "lag_range_ps": (
            "two increasing numbers in ps",
            lambda v: amounts(v) and len(v) == 2 and v[0] <= v[1],
        ),
        "n_frames": ("a whole number", is_count),
        "training_time_s": ("a number of seconds", is_amount),
        "commit": ("a string", is_text),
        "seed": ("a whole number", is_count),
        "command": ("a string", is_text),
    }
    missing = sorted(set(required) - set(training))
    if missing:
        raise CheckpointError(f"header key 'training' lacks {_listed(missing)}")
    for key, (expected, accepts) in required.items():
        if not accepts(training[key]):
            raise _wrong_type(f"training.{key}", expected, training[key])


def _plain_dict(key: str, value: Any) -> dict[str, Any]:
    """A deep copy in JSON's own types, so that a header equals itself after a round trip."""
    if not isinstance(value, dict):
        raise _wrong_type(key, "a dictionary", value)
    try:
        return parse_json_object(json.dumps(value, allow_nan=False), f"header key {key!r}")
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"header key {key!r} holds what JSON cannot: {error}") from error


def _check_keys(what: str, values: Mapping[str, Any], known: set[str]) -> None:
    missing, unknown = sorted(known - set(values)), sorted(set(values) - known)
    if missing:
        raise CheckpointError(f"{what} lacks the key{'s' * (len(missing) > 1)} {_listed(missing)}")
    if unknown:
        raise CheckpointError(
            f"{what} has the unknown key{'s' * (len(unknown) > 1)} {_listed(unknown)}"
        )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong_type(key: str, expected: str, value: Any) -> CheckpointError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return CheckpointError(f"header key {key!r} must be {expected}, not {shown}")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated = next(key for k, (key, _) in enumerate(pairs) if key in dict(pairs[:k]))
        raise ValueError(f"the key {repeated!r} stands twice")
    return values
