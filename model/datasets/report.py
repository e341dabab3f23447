"""LoadReport: what was wrong with a source, how often, and where first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

Problem = Literal[
    "empty_file",
    "unknown_column",
    "malformed_row",
    "missing_value",
    "bad_time",
    "unknown_item",
    "duplicate_event",
    "time_going_backwards",
]
PROBLEMS: tuple[Problem, ...] = get_args(Problem)
LINES_SHOWN = 5


@dataclass
class Finding:
    """One kind of problem in one file: how many rows, the first line numbers, what was seen there."""

    count: int = 0
    first_lines: list[int] = field(default_factory=list)
    detail: str = ""


class DatasetError(ValueError):
    """A source that cannot be read as it is; `report` is None where no row was read yet."""

    def __init__(self, message: str, report: "LoadReport | None" = None) -> None:
        super().__init__(message)
        self.report = report


class LoadReport:
    """Counts of rows read and kept, and every problem found on the way; nothing is dropped without being in here."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.rows_read = 0
        self.rows_kept = 0
        self.findings: dict[tuple[str, Problem], Finding] = {}

    def found(self, problem: Problem, file: str, lines: Iterable[int], detail: str = "") -> None:
        """Add rows with a problem; line numbers are 1-based, of a table without lines the row numbers."""
        numbers = sorted(lines)
        if not numbers:
            return
        finding = self.findings.setdefault((file, problem), Finding())
        finding.count += len(numbers)
        finding.first_lines = sorted([*finding.first_lines, *numbers[:LINES_SHOWN]])[:LINES_SHOWN]
        finding.detail = finding.detail or detail

    @property
    def clean(self) -> bool:
        """True where nothing was wrong."""
        return not self.findings

    def count(self, problem: Problem) -> int:
        """Rows with this problem over all files."""
        return sum(finding.count for (_, kind), finding in self.findings.items() if kind == problem)

    def first_lines(self, problem: Problem) -> list[int]:
        """The first line numbers with this problem over all files."""
        lines = [
            line for (_, kind), finding in self.findings.items() if kind == problem for line in finding.first_lines
        ]
        return sorted(lines)[:LINES_SHOWN]

    def summary(self) -> str:
        """One line: the counts of all problems."""
        counts = [f"{self.count(problem):,} {problem}" for problem in PROBLEMS if self.count(problem)]
        return ", ".join(counts) or "no problems"

    def text(self) -> str:
        """The whole report for a person."""
        lines = [f"{self.source}: {self.rows_read:,} rows read, {self.rows_kept:,} kept; {self.summary()}"]
        for (file, problem), finding in self.findings.items():
            where = _listed(finding.first_lines, finding.count)
            detail = f" ({finding.detail})" if finding.detail else ""
            lines.append(f"  {file}: {finding.count:,} x {problem}, line {where}{detail}")
        return "\n".join(lines)


def _listed(lines: Sequence[int], count: int) -> str:
    more = ", ..." if count > len(lines) else ""
    return ", ".join(str(line) for line in lines) + more
