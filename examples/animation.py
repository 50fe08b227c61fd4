"""The Ramachandran plot of the model filling jump by jump, beside the free energy from MD.

    python examples/animation.py --output ramachandran.webp

Makes the jumps of `examples/demo.py`, all walkers from one conformation, and draws one picture of
each. It plays three times and ends on the last one.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from demo import LAG_PS, free_energy, read_md, read_model, sample
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

EARLIER_COLOUR, NOW_COLOUR = "#1f5f8b", "#d55e00"
FRAME_MS, LAST_MS = 120, 4000
PLAYED = 3
QUALITY = 80
"""Of WebP, at its slowest method: half the size of one without losses, and looks the same."""

DPI = 240
"""1152 pixels wide: sharp where a page is 740 wide, and its letters fit a telephone."""


def pictures(md: np.ndarray, walks: np.ndarray) -> Iterator[Image.Image]:
    """A picture of each jump: MD (frames, 2) beside walks (replicas, jumps + 1, 2), in radians."""
    grid, surface = free_energy(md)
    bounded = np.minimum(surface, 100).T
    degrees = np.degrees(walks)
    replicas, frames, _ = walks.shape
    with matplotlib.rc_context({"font.size": 9, "axes.titlesize": 10, "axes.linewidth": 0.6}):
        figure = Figure(figsize=(4.8, 2.5), dpi=DPI, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        left.contourf(grid, grid, bounded, np.arange(0, 6.01, 0.5), cmap="YlGnBu_r")
        for axis in (left, right):
            axis.contour(grid, grid, bounded, range(1, 7), colors="k", linewidths=0.4, alpha=0.5)
            axis.set(xlim=(-180, 180), ylim=(-180, 180), aspect="equal", xlabel="φ (degrees)")
            axis.set(xticks=(-90, 0, 90), yticks=(-90, 0, 90))
        left.set(title="Molecular dynamics", ylabel="ψ (degrees)")
        right.set_title(f"Model, jumps of {LAG_PS} ps")
        (earlier,) = right.plot([], [], ".", color=EARLIER_COLOUR, ms=2.2, mew=0, alpha=0.6)
        (now,) = right.plot([], [], "o", color=NOW_COLOUR, ms=3, mew=0.3, mec="w")
        note = right.text(0.9, 0.96, "", transform=right.transAxes, ha="right", va="top")
        canvas.draw()
        figure.set_layout_engine("none")  # panels stay where they are
        for jump in range(frames):
            earlier.set_data(*degrees[:, :jump].reshape(-1, 2).T)
            now.set_data(*degrees[:, jump].T)
            note.set_text(f"{replicas * jump:,} jumps")
            canvas.draw()
            yield Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def save(frames: Sequence[Image.Image], path: Path) -> None:
    """Write an animation, in WebP, APNG or GIF as the name says."""
    first, *others = frames
    shown_ms = [FRAME_MS] * len(others) + [LAST_MS]
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=shown_ms,
        loop=PLAYED,
        quality=QUALITY,
        method=6,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("ramachandran.webp"))
    parser.add_argument("--replicas", type=int, default=64, help="walkers in one batch")
    parser.add_argument("--jumps", type=int, default=50, help="jumps of 100 ps of each replica")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths, _ = sample(Path(folder), arguments.replicas, arguments.jumps, arguments.seed)
        walks, _ = read_model(paths)
    frames = list(pictures(np.concatenate(read_md()), walks))
    save(frames, arguments.output)
    print(
        f"{arguments.output}: {len(frames)} frames, {arguments.output.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
