"""DataSource: which data the demo runs on, and why."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from model.datasets.dataset import Dataset
from model.datasets.registry import DATA_DIR_VARIABLE, SOURCES, data_directory, find_files, load_dataset
from model.datasets.report import DatasetError

REAL, SIMULATED = "lastfm-hetrec2011", "music-world"
FETCH_TIMEOUT_S = 60
SIMULATED_PARTS = {
    "nothing": "nothing in it is simulated",
    "times": "SIMULATED: the times of the plays; listeners, items and plays are real",
    "everything": "SIMULATED: everything - listeners, items and plays come from a seeded simulator",
}


@dataclass(frozen=True)
class DataSource:
    """The data set of this run; data_dir is None where no file is read."""

    dataset: Dataset
    data_dir: Path | None
    why: str

    @property
    def arguments(self) -> list[str]:
        """The arguments that name it to a training command."""
        folder = [] if self.data_dir is None else ["--data-dir", str(self.data_dir)]
        return ["--dataset", self.dataset.name, *folder]

    def describe(self) -> str:
        """Which data, why, and what of it is simulated."""
        dataset = self.dataset
        users, events = dataset.interactions["user_id"].n_unique(), len(dataset.interactions)
        lines = [
            f"data: {dataset.name} ({self.why})",
            f"      {users:,} listeners, {len(dataset.items):,} items, {events:,} events",
            f"      {SIMULATED_PARTS[dataset.simulated]}",
        ]
        return "\n".join(lines + [f"      note: {note}" for note in dataset.notes])


def choose_source(name: str | None, data_dir: Path | None, download_dir: Path) -> DataSource:
    """The data set asked for, else real Last.fm listeners where they can be had, else the simulator.

    Raises DatasetError where a data set or a folder was asked for and cannot be read.
    """
    if name is not None and not SOURCES[name].places:
        return DataSource(load_dataset(name), None, "asked for; needs no files")
    wanted = name or REAL
    folder = find_folder(wanted, data_dir, download_dir)
    if folder is None and data_dir is None and download(wanted, download_dir):
        folder = download_dir
    if folder is not None:
        try:
            return DataSource(load_dataset(wanted, folder), folder, f"found in {folder}")
        except DatasetError as error:
            if name is not None or data_dir is not None:
                raise
            return DataSource(load_dataset(SIMULATED), None, f"{REAL} in {folder} cannot be read: {error}")
    if name is not None or data_dir is not None:
        find_files(wanted, SOURCES[wanted], data_dir or data_directory(None) or download_dir)
        raise DatasetError(f"{wanted} could not be found or downloaded")
    why = f"{REAL} is neither on this machine nor could it be downloaded; --data-dir names a folder that has it"
    return DataSource(load_dataset(SIMULATED), None, why)


def find_folder(name: str, data_dir: Path | None, download_dir: Path) -> Path | None:
    """The first folder that holds the data set: the one given, or else the usual ones."""
    named = os.environ.get(DATA_DIR_VARIABLE)
    usual = [*([Path(named)] if named else []), Path("data/rec"), Path("../shared/data/rec"), download_dir]
    for folder in [data_dir] if data_dir is not None else usual:
        try:
            find_files(name, SOURCES[name], folder)
        except DatasetError:
            continue
        return folder
    return None


def download(name: str, folder: Path) -> bool:
    """Try once to fetch the data set from its publisher; False where that does not work in time."""
    sys.stdout.write(f"data: {name} is not on this machine; trying its publisher for up to {FETCH_TIMEOUT_S} s\n")
    command = [sys.executable, "-m", "model.datasets", "fetch", name, "--data-dir", str(folder)]
    try:
        return subprocess.run(command, timeout=FETCH_TIMEOUT_S, stdin=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False
