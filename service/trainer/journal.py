"""Journal: how far a cycle has come, on disk, so that a killed one is gone on with."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.durable_files import replace_durably

JOURNAL_FILE = "journal.json"


class Journal:
    """The stages of one cycle at a time, each entered once it is begun and left once its result is on disk.

    cycle: its id, None between two cycles. stage: the one to be done now. attempts: how often it was begun.
    seconds: what each finished stage took. facts: whatever the stages leave for those after them.
    last: of the cycle before: its id, started_s, outcome, facts and seconds, which of a stage that it did not come to
    are those of the last one that did.
    """

    def __init__(self, folder: Path, stages: Sequence[str]) -> None:
        self._path = folder / JOURNAL_FILE
        self._stages = tuple(stages)
        folder.mkdir(parents=True, exist_ok=True)
        self._state = _read(self._path)

    def __getattr__(self, name: str) -> Any:
        """The fields above."""
        try:
            return self._state[name]
        except KeyError:
            raise AttributeError(name) from None

    def begin(self, cycle: str, **facts: Any) -> None:
        """A new cycle, at its first stage."""
        fresh = {"cycle": cycle, "stage": self._stages[0], "attempts": 0, "started_s": time.time()}
        self._write({**self._state, **fresh, "seconds": {}, "facts": facts})

    def attempt(self) -> int:
        """Count that the stage is begun; how often it was before."""
        self._write({**self._state, "attempts": self.attempts + 1})
        return int(self.attempts) - 1

    def leave(self, seconds: float, facts: Mapping[str, Any]) -> None:
        """The stage is done; the next one is due, or none is."""
        place = self._stages.index(self.stage) + 1
        following = self._stages[place] if place < len(self._stages) else None
        spent = {**self.seconds, self.stage: round(seconds, 3)}
        changed = {"stage": following, "attempts": 0, "seconds": spent, "facts": {**self.facts, **facts}}
        self._write({**self._state, **changed})

    def end(self, outcome: str, facts: Mapping[str, Any]) -> None:
        """The cycle is over, whatever has come of it; facts: beside those of its stages."""
        took = {**(self.last["seconds"] if self.last else {}), **self.seconds}
        spent = {stage: took[stage] for stage in self._stages if stage in took}
        found = {"cycle": self.cycle, "started_s": self.started_s, "outcome": outcome, "seconds": spent}
        self._write({**_EMPTY, "last": {**found, "facts": {**self.facts, **facts}}})

    def _write(self, state: dict[str, Any]) -> None:
        replace_durably(self._path, json.dumps(state, indent=1).encode())
        self._state = state


def read_journal(folder: Path) -> dict[str, Any]:
    """What a cycle's process has written last, for another process to look at."""
    return _read(folder / JOURNAL_FILE)


_EMPTY: dict[str, Any] = {
    "cycle": None,
    "stage": None,
    "attempts": 0,
    "started_s": None,
    "seconds": {},
    "facts": {},
    "last": None,
}


def _read(path: Path) -> dict[str, Any]:
    return {**_EMPTY, **json.loads(path.read_bytes())} if path.exists() else dict(_EMPTY)
