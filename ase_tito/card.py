"""Model cards: a page of Markdown about a checkpoint, made from its header."""

from __future__ import annotations

from typing import Any

from ase.data import chemical_symbols

from ase_tito.header import CheckpointHeader
from ase_tito.transfer.domain import Domain

_MARK = "<!-- Made from the checkpoint's header. Without this line the card is kept as it is. -->"


def model_card(header: CheckpointHeader) -> str:
    """A card with what the header knows: the domain, the training, the settings."""
    domain, training = Domain.from_dict(header.domain), header.training
    rows = {
        "Lag times": (
            f"{_span(domain.lag_range_ps)} ps"
            if domain.makes_jumps
            else "none: independent samples of the equilibrium"
        ),
        "Temperatures": f"{_span(domain.temperature_range_K)} K",
        "Elements": ", ".join(chemical_symbols[z] for z in domain.elements),
        "Atoms in training": _span(domain.n_atoms_range),
        "Molecules": "any of these elements" if domain.molecules is None else "those below only",
        "Trained on": _listed(training["molecules"]),
        "Force field": training["force_field"],
        "Training temperature": f"{_text(training['temperature_K'])} K",
        "Lags in training": (
            f"{_span(training['lag_range_ps'])} ps" if domain.makes_jumps else "none"
        ),
        "Frames": f"{training['n_frames']:,}",
        "Training time": f"{training['training_time_s'] / 3600:.2g} h",
        "Frame of the density": header.frame,
        "Boltzmann prior": _prior(header),
        "Source": _settings(header.source),
        "Default integration": _settings(header.ode),
        "Commit": training["commit"],
        "Seed": training["seed"],
        "Command": f"`{training['command']}`",
        "Written by": f"ase_tito {header.package_version}",
    }
    table = "\n".join(f"| {key} | {_cell(value)} |" for key, value in rows.items())
    return f"# {header.name}\n\n| | |\n|---|---|\n{table}\n\n{_MARK}\n"


def _prior(header: CheckpointHeader) -> str:
    if header.prior is None:
        return "none" if Domain.from_dict(header.domain).makes_jumps else "this is one"
    return (
        f"{header.prior['name']}, relaxation time {header.prior['relaxation_time_ps']:g} ps, "
        f"trained on {header.prior['training']['n_frames']:,} frames"
    )


def is_generated(card: str) -> bool:
    """Whether a card was made by `model_card`, so that a new one may replace it."""
    return _MARK in card


def _span(bounds: Any) -> str:
    low, high = bounds
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _text(value: Any) -> str:
    return ", ".join(f"{v:g}" for v in value) if isinstance(value, list) else f"{value:g}"


def _listed(names: list[str], limit: int = 10) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
