"""What a jump costs with the number of replicas and of atoms, and from where a cutoff would pay."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import speed_contestants as contestants
import torch
from ase import Atoms
from speed_timing import Work, alternate, exponent

from ase_tito.dynamics.batching import fastest_batch_size
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.nn import EquivariantVelocity
from ase_tito.structure import graph_from_atoms
from ase_tito.transfer.implicit import ImplicitTransferOperator

Say = Callable[[str], object]
CUTOFF_A = 6.0
ATOMS_PER_A3 = 0.1
"""Atoms per Å³ of folded matter with its hydrogens."""


def measure_replicas(
    operator: ImplicitTransferOperator, options: argparse.Namespace, say: Say
) -> dict[str, Any]:
    """Seconds per jump of so many replicas of alanine dipeptide, and the fitted exponent."""

    def jumps(replicas: int) -> Work:
        _, work = contestants.tito(operator, replicas, 100.0)
        return lambda: 0.01 * work()  # in jumps of all replicas: ps over replicas and lag

    works = {str(r): jumps(r) for r in options.replica_counts}
    rates = alternate(works, options.rounds, options.slice_s, say)
    counts = list(options.replica_counts)
    seconds = [r / rates[str(r)]["median"] for r in counts]
    largest = [k for k, r in enumerate(counts) if r >= 10] or list(range(len(counts)))
    return {
        "replicas": counts,
        "seconds_per_jump": seconds,
        "exponent": exponent(counts, seconds) if len(counts) > 1 else math.nan,
        "exponent_from_10": (
            exponent([counts[k] for k in largest], [seconds[k] for k in largest])
            if len(largest) > 1
            else math.nan
        ),
    }


def measure_atoms(
    operator: ImplicitTransferOperator, options: argparse.Namespace, say: Say
) -> dict[str, Any]:
    """Seconds per evaluation and replica of alkane chains, and the fitted exponents."""
    network = operator.field
    single: dict[str, Work] = {}
    batched: dict[str, Work] = {}
    chains = [alkane(count) for count in options.carbons]
    for atoms, graph in chains:
        single[str(len(atoms))] = _evaluating(network, graph, atoms, 1)
        batched[str(len(atoms))] = _evaluating(
            network, graph, atoms, fastest_batch_size(len(atoms))
        )
    works = {f"{kind} {n}": work for kind, of in _kinds(single, batched) for n, work in of.items()}
    rates = alternate(works, options.rounds, options.slice_s, say)
    sizes = [len(atoms) for atoms, _ in chains]
    found: dict[str, Any] = {
        "atoms": sizes,
        "batch_sizes": [fastest_batch_size(n) for n in sizes],
        "network": operator.name,
    }
    for kind, _ in _kinds(single, batched):
        seconds = [1 / rates[f"{kind} {n}"]["median"] for n in sizes]
        found[kind] = {
            "seconds_per_evaluation_and_replica": seconds,
            "exponent": exponent(sizes, seconds) if len(sizes) > 1 else math.nan,
            "exponent_of_the_largest_two": (
                exponent(sizes[-2:], seconds[-2:]) if len(sizes) > 1 else math.nan
            ),
        }
    return found


def estimate_cutoff(
    operator: ImplicitTransferOperator, options: argparse.Namespace, say: Say
) -> dict[str, Any]:
    """From how many atoms a neighbour list would be cheaper than all pairs: an estimate.

    Measured is one message: all pairs as a batched matrix product, and the same sum over edges by
    gathering and scattering, at equal numbers of pairs. The ratio is what an edge costs over a pair
    of the dense form; all else of a pair (its radial functions and network) costs both the same.
    """
    network = operator.field
    if not isinstance(network, EquivariantVelocity):
        return {"note": "not estimated: the network is not one of all pairs"}
    c = network.config
    n, columns, h = 64, 6, c.heads
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(h, n, n, generator=generator)
    values = torch.randn(n, columns, h, c.features // h, generator=generator)
    receivers = torch.arange(n).repeat_interleave(n)
    senders = torch.arange(n).repeat(n)
    per_edge = weights.permute(1, 2, 0).reshape(n * n, 1, h, 1)
    by_head = values.permute(2, 0, 1, 3).reshape(h, n, -1)

    def dense() -> float:
        torch.bmm(weights, by_head)
        return n * n

    def edges() -> float:
        message = values[senders] * per_edge
        torch.zeros_like(values).index_add_(0, receivers, message)
        return n * n

    def pair_network() -> float:
        distances = weights[0].abs().flatten()
        pairs = network.current_radial.weight @ network.radial(distances)
        network.pair_weights.weight @ torch.nn.functional.silu(pairs)
        return n * n

    with torch.inference_mode():
        rates = alternate(
            {"dense": dense, "edges": edges, "pair network": pair_network},
            options.rounds,
            options.slice_s,
            say,
        )
    ns = {name: 1e9 / rate["median"] for name, rate in rates.items()}
    ns["pair network"] /= c.blocks  # one pair network serves all blocks
    overhead = (ns["edges"] + ns["pair network"]) / (ns["dense"] + ns["pair network"])
    globule = ATOMS_PER_A3 * 4 / 3 * math.pi * CUTOFF_A**3
    chain = neighbours(alkane(60)[0], CUTOFF_A)
    return {
        "ns_per_pair_and_block": ns,
        "edge_over_pair": overhead,
        "cutoff_A": CUTOFF_A,
        "neighbours_in_a_chain": chain,
        "neighbours_in_a_globule": globule,
        "atoms_from_which_it_pays_chain": overhead * chain,
        "atoms_from_which_it_pays_globule": overhead * globule,
        "note": "an estimate from one message; no network with a cutoff was built",
    }


def measure_training(options: argparse.Namespace, say: Say) -> dict[str, Any]:
    """Training samples per second, beside a second implementation where its path is given."""
    import network as networks  # benchmarks/network.py

    from ase_tito.nn import VelocityConfig

    started = time.monotonic()
    torch.manual_seed(0)
    rival = networks.load_class(options.against)() if options.against else None
    ours = EquivariantVelocity(VelocityConfig())
    rows = networks.compare_speed(ours, rival, options.training_rounds)
    say(f"training steps, {time.monotonic() - started:.0f} s")
    for row in rows:
        for name in ("ours", "other"):
            if f"{name}_s" in row:
                row[f"{name}_samples_per_second"] = row["batch"] / row[f"{name}_s"]
    return {
        "rows": rows,
        "against": bool(options.against),
        "parameters": {
            name: sum(p.numel() for p in module.parameters())
            for name, module in (("ours", ours), ("other", rival))
            if module is not None
        },
    }


def alkane(carbons: int) -> tuple[Atoms, MolecularGraph]:
    """A stretched chain of 3 · carbons + 2 atoms."""
    rise, half = 1.26, 0.43  # Å along the chain, and half of its zigzag
    side, out = 0.89, 0.63
    symbols, places = [], []
    for k in range(carbons):
        sign = 1 if k % 2 else -1
        x, y = rise * k, sign * half
        symbols += ["C", "H", "H"]
        places += [(x, y, 0.0), (x, y + sign * out, side), (x, y + sign * out, -side)]
    last = -1 if carbons % 2 else 1
    symbols += ["H", "H"]
    places += [(-0.9, 0.2, 0.0), (rise * (carbons - 1) + 0.9, -last * 0.2, 0.0)]
    bonds = [(3 * k, 3 * k + j) for k in range(carbons) for j in (1, 2)]
    bonds += [(3 * k, 3 * k + 3) for k in range(carbons - 1)]
    bonds += [(0, 3 * carbons), (3 * carbons - 3, 3 * carbons + 1)]
    atoms = Atoms(symbols, positions=places)
    return atoms, graph_from_atoms(atoms, np.array(bonds))


def neighbours(atoms: Atoms, cutoff_A: float) -> float:
    """Mean number of other atoms within a distance."""
    return float((atoms.get_all_distances() < cutoff_A).sum(1).mean() - 1)


def _evaluating(network: Any, graph: MolecularGraph, atoms: Atoms, count: int) -> Work:
    """One evaluation of a batch, in replicas."""
    x = torch.tensor(atoms.positions, dtype=torch.float32)
    x = (x - x.mean(0)).expand(count, -1, -1).contiguous()
    every = torch.ones(count)
    with torch.inference_mode():
        batch = GraphBatch.replicate(graph, count)
        context = network.encode(batch, x, 100 * every, 300 * every)

    def work() -> float:
        with torch.inference_mode():
            network(x, 0.5 * every, context)
        return count

    return work


def _kinds(
    single: dict[str, Work], batched: dict[str, Work]
) -> tuple[tuple[str, dict[str, Work]], ...]:
    return ("one replica", single), ("a batch", batched)
