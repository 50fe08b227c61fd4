"""The house's rule: imports run one way. Read from the source, so that no import needs to run."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ase_tito"

FILES = {
    "structure",
    "pdbfile",
    "molfile",
    "xyzfile",
    "npzfile",
    "atomic",
    "lock",
    "digest",
    "sidecar",
}
TOPOLOGY = {
    "errors",
    "graph",
    "canonical",
    "stereo",
    "prostereo",
    "valence",
    "perception",
    "limits",
    "residues",
}
GROUND = TOPOLOGY | {"geometry", "validity"}
KERNEL = GROUND | {"flow", "transfer"}
MODELS = KERNEL | {"nn", "header", "card", "architecture", "checkpoint", "models"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    **dict.fromkeys(GROUND - {"errors"}, GROUND),
    **dict.fromkeys(FILES, GROUND | FILES),
    "flow": {"errors", "graph", "geometry", "canonical"},
    "transfer": {"errors", "graph", "geometry", "canonical", "valence", "residues", "flow"},
    "nn": {"errors", "graph", "geometry", "flow.field", "flow.frame", "flow.prior"},
    "header": KERNEL | {"card"},
    "card": KERNEL | {"header"},
    "architecture": KERNEL | {"nn", "header"},
    "checkpoint": KERNEL | {"nn", "header", "card", "architecture", "atomic"},
    "models": MODELS,
    "analysis": TOPOLOGY | FILES,  # what of the ground does without PyTorch
    "data": GROUND | FILES | {"analysis.files", "analysis.geometry"},
    "md": GROUND | FILES | {"analysis", "data"},
    "dynamics": MODELS | FILES,
    "train": MODELS | FILES | {"data"},
    "calculator": MODELS | FILES,
    "plugin": MODELS | FILES | {"calculator", "dynamics"},
    "reweighting": MODELS | FILES | {"analysis"},
    "evaluation": MODELS | FILES | {"analysis", "data", "dynamics"},
    "testing": KERNEL,
    "view": {"errors"},
    "cli": MODELS
    | FILES
    | {"analysis", "data", "dynamics", "evaluation", "train", "md", "reweighting"},
}
"""What each part of the package may import of the others (itself is understood)."""

ONLY_IN: dict[str, set[str]] = {
    "distributed": {"dynamics.scheduler"},
    "torchdiffeq": {"flow.ode"},
    "e3nn": {"nn"},
    "safetensors": {"checkpoint"},
    "openmm": {"md"},
}
"""Libraries that one place hides from the rest."""

NEVER: dict[str, set[str]] = {
    "flow": {"ase", "e3nn", "mdtraj", "safetensors"},
    "transfer": {"e3nn", "mdtraj", "safetensors"},
    "nn": {"ase", "mdtraj", "safetensors"},
    "analysis": {"torch", "e3nn"},
}
"""Libraries a part must do without."""


def modules() -> dict[str, Path]:
    """Name within the package, such as `flow.ode`, of every module; a package has its own name."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imported(path: Path) -> Iterator[str]:
    """Full names of all modules (and of names taken from modules) that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, places: set[str]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def inner(names: Iterator[str]) -> set[str]:
    return {name.removeprefix("ase_tito.") for name in names if name.startswith("ase_tito.")}


MODULES = modules()
PARTS = sorted({name.split(".")[0] for name in MODULES if name})


@pytest.mark.parametrize("part", PARTS)
def test_imports_run_one_way(part: str) -> None:
    assert part in MAY_IMPORT, f"say in MAY_IMPORT what ase_tito.{part} may import"
    for name, path in MODULES.items():
        if name.split(".")[0] == part:
            wrong = {
                other
                for other in inner(imported(path)) - {"__version__"}
                if not within(other, MAY_IMPORT[part] | {part})
            }
            assert not wrong, f"ase_tito.{name} must not import {sorted(wrong)}"


def test_dynamics_and_training_do_not_know_each_other() -> None:
    assert "train" not in MAY_IMPORT["dynamics"]
    assert "dynamics" not in MAY_IMPORT["train"]


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_library_is_hidden_in_its_place(library: str) -> None:
    users = {
        name for name, path in MODULES.items() if any(within(n, {library}) for n in imported(path))
    }
    assert all(within(name, ONLY_IN[library]) for name in users), users


@pytest.mark.parametrize("part", sorted(NEVER))
def test_part_does_without(part: str) -> None:
    for name, path in MODULES.items():
        if within(name, {part}):
            wrong = [n for n in imported(path) if within(n, NEVER[part])]
            assert not wrong, f"ase_tito.{name} must not import {wrong}"


def test_no_import_cycles() -> None:
    edges = {
        name: {
            other
            for target in inner(imported(path))
            for other in (target, target.rpartition(".")[0])
            if other and other in MODULES and other != name
        }
        for name, path in MODULES.items()
        if name
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in edges[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def test_every_folder_is_a_package() -> None:
    folders = {path.parent for path in MODULES.values()}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_third_party_imports_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = {
        requirement_name(line)
        for line in [*project["dependencies"], *extras["md"], *extras["view"], *extras["campaign"]]
    }
    for name, path in MODULES.items():
        libraries = {n.split(".")[0] for n in imported(path)} - set(sys.stdlib_module_names)
        missing = libraries - declared - {"ase_tito", "__future__"}
        assert not missing, f"ase_tito.{name} imports {missing}, which pyproject.toml lacks"


def test_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower() for line in pins if "==" in line}
    for lines in [project["dependencies"], *project["optional-dependencies"].values()]:
        assert {requirement_name(line).lower() for line in lines} <= pinned


def requirement_name(requirement: str) -> str:
    for end, character in enumerate(requirement):
        if character in "<>=!~[; ":
            return requirement[:end]
    return requirement


@pytest.mark.parametrize("statement", ["import ase_tito", "import ase.io; import ase_tito"])
def test_importing_the_package_loads_no_torch(statement: str) -> None:
    code = f"{statement}; import sys; print('torch' in sys.modules, 'e3nn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["False", "False"]


def test_analysis_loads_no_torch() -> None:
    names = [name for name in MODULES if within(name, {"analysis"})]
    code = "; ".join(f"import ase_tito.{name}" for name in names)
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split() == ["False"]


def test_public_names_are_what_they_say() -> None:
    import ase_tito

    assert ase_tito.__all__ == sorted(ase_tito.__all__)
    for name in ase_tito.__all__:
        assert getattr(ase_tito, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'TITO'"):
        _ = ase_tito.TITO
