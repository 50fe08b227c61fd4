"""The example configurations and the ablation benchmark's variants can be read."""

import importlib.util
import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from ase_tito.flow.ode import OdeSettings
from ase_tito.nn import VelocityConfig
from ase_tito.train import DataConfig, OptimizerConfig, PriorConfig, TrainConfig
from ase_tito.train.config.run import DERIVED

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "training"


@pytest.fixture(scope="module")
def ablations():
    spec = importlib.util.spec_from_file_location("ablations", ROOT / "benchmarks" / "ablations.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_examples_are_valid(path, ablations, tmp_path):
    if path.stem in ("ablations", "extrapolation"):
        assert len(ablations.read_plan(path, tmp_path).configs) > 1
    else:
        assert TrainConfig.from_toml(path).name


def test_variants_differ_from_the_base_in_what_they_say(ablations, tmp_path):
    (tmp_path / "base.toml").write_text(
        'name = "x"\noutput = "x"\nsource = { kind = "harmonic", bond_sigma = 0.9 }\n'
        '[data]\ndataset = "a.h5"\n[network]\nblocks = 2\n[optimizer]\nsteps = 9\nbatch_size = 4\n'
    )
    (tmp_path / "plan.toml").write_text(
        'base = "base.toml"\n[common]\noptimizer.minutes = 3\n[evaluation]\njumps = 8\n'
        "[variants.base]\n[variants.wide]\nnetwork.features = 96\n"
        '[variants.tight]\nsource = { kind = "harmonic", bond_sigma = 0.5 }\n'
        "[variants.late]\noptimizer.time_location = 1.5\n"
    )
    plan = ablations.read_plan(tmp_path / "plan.toml", tmp_path / "out", minutes=0.5)
    base, wide, tight, late = plan.configs.values()
    assert {c.optimizer.minutes for c in plan.configs.values()} == {0.5}
    assert wide.network == {"blocks": 2, "features": 96}
    assert wide.output == tmp_path / "out" / "wide"
    assert tight.source == {"kind": "harmonic", "bond_sigma": 0.5, "centre": "origin"}
    assert (late.optimizer.time_location, late.optimizer.batch_size) == (1.5, 4)
    assert plan.settings.jumps == 8
    measure = ablations.yardstick
    assert measure(wide) == measure(base)
    assert measure(base) not in (measure(tight), measure(late))


@pytest.mark.parametrize(
    ("section", "config", "elsewhere"),
    [
        ("at the top", TrainConfig, {"parent", "data", "optimizer", "network", "ode", "prior"}),
        ("`[data]`", DataConfig, set()),
        ("`[prior]`", PriorConfig, set()),
        ("`[network]`", VelocityConfig, set(DERIVED)),
        ("`[optimizer]`", OptimizerConfig, set()),
        ("`[ode]`", OdeSettings, set()),
    ],
)
def test_the_documentation_lists_every_entry_with_its_default(section, config, elsewhere):
    text = (ROOT / "docs" / "train.md").read_text("utf-8")
    rows = text.partition(f"| {section} |")[2].partition("\n\n")[0].splitlines()
    listed = {}
    for cells in (row.split("|") for row in rows[2:]):
        listed |= dict.fromkeys(re.findall(r"`(\w+)`", cells[1]), cells[2])
    for item in fields(config):
        if item.name in elsewhere:
            continue
        default = listed[item.name]
        if isinstance(item.default, str) and item.default:
            assert f'"{item.default}"' in default
        elif isinstance(item.default, bool):
            assert str(item.default).lower() in default
        elif isinstance(item.default, int | float):
            assert item.default in [
                float(value) for value in re.findall(r"[\d.]+(?:e-\d+)?", default)
            ]
