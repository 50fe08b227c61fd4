"""What a run trains on and is validated by: trajectories from datasets and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ase.data import chemical_symbols

from ase_tito.canonical import graph_key
from ase_tito.data.dataset import Dataset
from ase_tito.data.pairs import serves
from ase_tito.data.records import MoleculeRecord
from ase_tito.data.trajectory import MolecularTrajectory, read_npz
from ase_tito.errors import ConfigError, DataError
from ase_tito.nn.velocity import MAX_ATOMIC_NUMBER
from ase_tito.train.config import DataConfig


@dataclass(frozen=True, eq=False)
class Material:
    """Trajectories to train on, and those that validate.

    Attributes
    ----------
    names : tuple of str
        Molecules trained on.
    trajectories : tuple of MolecularTrajectory
        Of these, whole.
    training, validation : tuple of MolecularTrajectory
        What pairs are drawn from. Either whole trajectories of different molecules, or beginnings
        and ends of the same.
    held_out : bool
        Whether the validation molecules are others than those trained on.
    force_field : str
    """

    names: tuple[str, ...]
    trajectories: tuple[MolecularTrajectory, ...]
    training: tuple[MolecularTrajectory, ...]
    validation: tuple[MolecularTrajectory, ...]
    held_out: bool
    force_field: str

    @property
    def n_frames(self) -> int:
        """Frames of the molecules trained on."""
        return sum(map(len, self.trajectories))

    @property
    def temperatures_K(self) -> list[float]:
        """Rising, each once; those of validation included."""
        return sorted({t.temperature_K for t in (*self.training, *self.validation)})

    def serving(self, shortest_lag_ps: float) -> Material:
        """Without trajectories too short for the shortest lag, of which no pair is ever drawn.

        A checkpoint must claim nothing of these.
        """
        kept = [k for k, part in enumerate(self.training) if serves(part, shortest_lag_ps)]
        trajectories = tuple(self.trajectories[k] for k in kept)
        molecules = {trajectory.name.partition("/")[0] for trajectory in trajectories}
        return replace(
            self,
            names=tuple(name for name in self.names if name in molecules),
            trajectories=trajectories,
            training=tuple(self.training[k] for k in kept),
        )

    def identity(self) -> dict[str, Any]:
        """What must be unchanged for a run to go on as it began."""
        return {
            "molecules": list(self.names),
            "training_frames": [len(t) for t in self.training],
            "validation_frames": [len(t) for t in self.validation],
        }


def read_material(config: DataConfig) -> Material:
    """Open the datasets, read the files, and set apart what validates.

    Raises
    ------
    DataError
        For files that cannot be read, and unknown splits or molecules.
    ConfigError
        If nothing remains to train on, a molecule would be trained on and validate too, or has
        elements that no network knows.
    """
    _check_molecules(config)
    names, trained, held = [], [], []
    force_fields = {config.force_field} if config.force_field else set()
    for path in config.dataset:
        with Dataset(path) as dataset:
            for record in map(dataset.molecule, _chosen(dataset, config)):
                runs = list(_runs(record, config))
                trained += runs
                names += [record.name] if runs else []
                if not config.force_field and runs:
                    force_fields.add(_force_field(dataset, record))
            for record in map(dataset.molecule, _validating(dataset, config)):
                held += list(_runs(record, config))
    for path in config.trajectories:
        trajectory = read_npz(path)
        if trajectory.weights is not None and not config.equilibrium:
            raise ConfigError(
                f"{path}: weighted frames are no dynamics; they train data.equilibrium = true"
            )
        trained.append(trajectory)
        names.append(trajectory.name)
    if not trained:
        raise ConfigError(
            f"[data] leaves no {'' if config.equilibrium else 'time-ordered '}trajectory to train "
            "on: check train_split and molecules"
        )
    _check_elements(trained + held)
    _check_apart(trained, held)
    if held:
        first, last = trained, held
    else:
        parts = [trajectory.split(config.validation_fraction) for trajectory in trained]
        first = [part for part, _ in parts]
        last = [replace(part, name=f"the end of {part.name}") for _, part in parts if len(part)]
        if not last:
            raise ConfigError("data.validation_fraction leaves no frame to validate by: enlarge it")
    return Material(
        tuple(names),
        tuple(trained),
        tuple(first),
        tuple(last),
        bool(held),
        "; ".join(sorted(force_fields)),
    )


def _check_molecules(config: DataConfig) -> None:
    """Of several datasets each has some of the molecules; none may be in no dataset at all."""
    missing = set(config.molecules)
    if not missing:
        return
    for path in config.dataset:
        with Dataset(path) as dataset:
            missing -= set(dataset.names)
    if missing:
        raise DataError(f"{', '.join(config.dataset)}: there is no molecule {min(missing)}")


def _chosen(dataset: Dataset, config: DataConfig) -> tuple[str, ...]:
    if config.molecules:
        return tuple(name for name in config.molecules if name in dataset.names)
    if config.train_split is not None:
        return dataset.members(config.train_split)
    if "train" in dataset.splits:
        return dataset.members("train")
    placed = {name for members in dataset.splits.values() for name in members}
    return tuple(name for name in dataset.names if name not in placed)


def _validating(dataset: Dataset, config: DataConfig) -> tuple[str, ...]:
    if config.molecules:
        return ()
    if config.validation_split is not None:
        return dataset.members(config.validation_split)
    return dataset.splits.get("validation", ())


def _runs(record: MoleculeRecord, config: DataConfig) -> Iterator[MolecularTrajectory]:
    """The runs that are dynamics, and for an equilibrium all: its samples have no lagged pairs."""
    for run in record.runs:
        if run.time_ordered or config.equilibrium:
            yield MolecularTrajectory(
                f"{record.name}/{run.name}",
                record.graph,
                run.positions,
                run.frame_spacing_ps,
                run.temperature_K,
                weights=run.weights,
            )


def _force_field(dataset: Dataset, record: MoleculeRecord) -> str:
    found = record.force_field or str(dataset.attributes.get("force_field", ""))
    if not found:
        raise ConfigError(
            f"data.force_field is missing, and {dataset.path} does not name that of {record.name}: "
            "say it there, or with --force-field of 'ase-tito data convert'"
        )
    return found


def _check_elements(trajectories: list[MolecularTrajectory]) -> None:
    for trajectory in trajectories:
        heaviest = int(trajectory.graph.atomic_numbers.max())
        if heaviest > MAX_ATOMIC_NUMBER:
            raise ConfigError(
                f"{trajectory.name} has {chemical_symbols[heaviest]}, and networks know elements "
                f"up to {chemical_symbols[MAX_ATOMIC_NUMBER]}"
            )


def _check_apart(trained: list[MolecularTrajectory], held: list[MolecularTrajectory]) -> None:
    keys = {graph_key(trajectory.graph): trajectory.name for trajectory in trained}
    for trajectory in held:
        if graph_key(trajectory.graph) in keys:
            raise ConfigError(
                f"{trajectory.name} is to validate, but the same molecule is trained on as "
                f"{keys[graph_key(trajectory.graph)]}: take it out of one of them"
            )
