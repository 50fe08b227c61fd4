"""Checks of single entries; every refusal names the entry and what it may be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ase_tito.errors import ConfigError


def check_known(section: str, known: Iterable[str], entries: Any) -> Mapping[str, Any]:
    """The entries of a section, all of which are known."""
    if not isinstance(entries, Mapping):
        raise ConfigError(f"[{section}] must be a section")
    unknown = sorted(set(entries) - set(known))
    if unknown:
        where = f" in [{section}]" if section else ""
        raise ConfigError(f"unknown entries{where}: {', '.join(unknown)}")
    return entries


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no whole number from `least` on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        kind = "a positive integer" if least == 1 else f"a whole number from {least}"
        raise ConfigError(f"{name} must be {kind}, not {value!r}")


def check_positive(name: str, value: Any, unit: str = "") -> None:
    """Refuse what is no finite number above zero."""
    if not _is_number(value) or not value > 0:
        raise ConfigError(f"{name} must be positive{unit and f', in {unit}'}, not {value!r}")


def check_within(name: str, value: Any, low: float, high: float, *, open_low: bool = False) -> None:
    """Refuse what does not lie in [low, high), or in (low, high) where `open_low`."""
    if not _is_number(value) or not low <= value < high or (open_low and value == low):
        bounds = f"between {low:g} and {high:g}" if open_low else f"in [{low:g}, {high:g})"
        raise ConfigError(f"{name} must lie {bounds}, not {value!r}")


def check_share(name: str, value: Any) -> None:
    """Refuse what does not lie in [0, 1]."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise ConfigError(f"{name} must lie between 0 and 1, not {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false, not {value!r}")


def check_number(name: str, value: Any) -> None:
    """Refuse what is no finite number."""
    if not _is_number(value):
        raise ConfigError(f"{name} must be a number, not {value!r}")


def check_text(name: str, value: Any) -> None:
    """Refuse what is no text."""
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text, not {value!r}")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse what is none of the choices."""
    if value not in choices:
        listed = " or ".join(map(repr, choices))
        raise ConfigError(f"{name} must be {listed}, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
