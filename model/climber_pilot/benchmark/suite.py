"""Suite: one question put to one dataset, as the runs that answer it and the table and plots that show the answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from model.benchmark_rows import Row, Run
from model.climber_pilot.config import ClimberPilotConfig
from model.datasets.dataset import Dataset


class Suite(Protocol):
    """What `python -m model.climber_pilot.benchmark --suite NAME` runs.

    runs: cheap and without side effects; seeds are 0, 1, ...; the work itself is in each run's execute.
    table: Markdown of the rows of one or more datasets, no variant left out, with the commands that repeat them.
    plots: writes SVG files into `out` and returns their paths.
    """

    name: str

    def runs(self, dataset: Dataset, config: ClimberPilotConfig, seeds: Sequence[int], device: str) -> list[Run]: ...

    def table(self, rows: Sequence[Row]) -> str: ...

    def plots(self, rows: Sequence[Row], out: Path) -> list[Path]: ...
