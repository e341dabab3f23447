"""TrainingRun: from data to a release, one public command per step, each step done once."""

import hashlib
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.source import DataSource
from model.climber_pilot.benchmark.configurations import SHIPPED

CONFIGS = Path("model/climber_pilot")
OTHER_CONFIG = "lastfm.toml"
SOURCES_THAT_COUNT = ("model/**/*.py", "kernels/**/*.py")


def shipped_config(dataset: str) -> Path:
    """The training configuration that ships for a data set."""
    return CONFIGS / SHIPPED.get(dataset, OTHER_CONFIG)


@dataclass(frozen=True)
class TrainingRun:
    """One training of one data set with one configuration, in a folder named after all that it depends on."""

    source: DataSource
    config: Path
    folder: Path

    @classmethod
    def of(cls, source: DataSource, config: Path, root: Path) -> "TrainingRun":
        """The run for this data, configuration and code; the same three give the same folder."""
        digest = hashlib.sha256(config.read_bytes() + source.dataset.revision().encode())
        for pattern in SOURCES_THAT_COUNT:
            for path in sorted(Path().glob(pattern)):
                digest.update(path.read_bytes())
        return cls(source, config, root / f"{source.dataset.name}-{config.stem}-{digest.hexdigest()[:12]}")

    @property
    def releases(self) -> Path:
        """The folder of releases that the service is started on."""
        return self.folder / "releases"

    def steps(self) -> dict[str, list[str]]:
        """The commands, in order, as a person would type them after `python -m`."""
        checkpoint, evaluation = str(self.folder / "checkpoint"), str(self.folder / "evaluation")
        data = self.source.arguments
        train = ["model.climber_pilot.train"]
        rest = ["--config", str(self.config), *data, "--out", checkpoint, "--resume"]
        evaluate = ["model.climber_pilot.evaluate", "--checkpoint", checkpoint, *data, "--out", evaluation]
        export = ["model.climber_pilot.export", "--checkpoint", checkpoint, "--root", str(self.releases)]
        return {
            "pretrain": [*train, "pretrain", *rest],
            "finetune": [*train, "finetune", *rest],
            "evaluate": evaluate,
            "export": [*export, "--report", f"{evaluation}/report.json"],
        }

    def complete(self) -> None:
        """Run the steps that have not been run yet; raises CalledProcessError where one fails."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, arguments in self.steps().items():
            done = self.folder / f"{name}.done"
            if done.exists():
                sys.stdout.write(f"{name}: reused from {self.folder}, nothing it depends on has changed\n")
                continue
            sys.stdout.write(f"\n$ python -m {shlex.join(arguments)}\n")
            started = time.monotonic()
            subprocess.run([sys.executable, "-m", *arguments], check=True, stdin=subprocess.DEVNULL)
            done.touch()
            sys.stdout.write(f"{name}: done in {time.monotonic() - started:.0f} s\n")

    def forget(self) -> None:
        """Throw away what earlier runs left."""
        shutil.rmtree(self.folder, ignore_errors=True)
