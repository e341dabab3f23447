"""Policy file: a policy as rows of item_id and probability, by position, context or request where they have the column.

Without request_id it is a table and is held in memory; with request_id it is read anew for every batch of the log, so
that its length does not matter. Parquet is the faster kind by far.
"""

from pathlib import Path

import numpy as np
import polars as pl

from loadtest.replay.exposures import Exposures
from loadtest.replay.policy import Arm, Policy, Table, Uniform, check_probabilities
from loadtest.replay.reward_model import RewardModel, fold_of

COLUMNS = {
    "item_id": pl.String(),
    "probability": pl.Float64(),
    "position": pl.Int64(),
    "context": pl.String(),
    "request_id": pl.String(),
}


class PerRequest:
    """Probabilities by request and item and, where the file says so, by position.

    Raises ValueError for a request of the log that the file does not hold, and for probabilities that do not sum to 1.
    """

    def __init__(self, rows: pl.LazyFrame, name: str) -> None:
        self.name = name
        self._rows = rows
        self._keys = [key for key in ("request_id", "position") if key in rows.collect_schema()]
        self._held: tuple[Exposures, pl.DataFrame] | None = None

    def probability(self, exposures: Exposures) -> np.ndarray:
        rows = self._of(exposures)
        joined = exposures.frame.join(rows, on=[*self._keys, "item_id"], how="left", maintain_order="left")
        return joined["probability"].fill_null(0.0).to_numpy()

    def expected(self, exposures: Exposures, model: RewardModel) -> np.ndarray | None:
        rows = self._of(exposures)
        asked = exposures.frame.select(self._keys).with_columns(fold=pl.Series(fold_of(exposures)))
        folds = asked.unique(self._keys, maintain_order=True)
        rows = rows.join(folds, on=self._keys, how="inner", maintain_order="left")
        effects = model.item_effects(rows["item_id"].to_list())[rows["fold"].to_numpy(), np.arange(len(rows))]
        means = (
            rows.with_columns(effect=pl.Series(effects) * rows["probability"])
            .group_by(self._keys, maintain_order=True)
            .agg(pl.col("effect").sum())
        )
        found = asked.join(means, on=self._keys, how="left", maintain_order="left")["effect"]
        return model.surroundings(exposures) + found.to_numpy()

    def _of(self, exposures: Exposures) -> pl.DataFrame:
        """The rows of the requests of these exposures, checked."""
        if self._held is not None and self._held[0] is exposures:
            return self._held[1]
        requests = exposures.frame["request_id"].unique()
        rows = self._rows.filter(pl.col("request_id").is_in(requests.implode())).collect(engine="streaming")
        missing = exposures.frame.select(self._keys).join(rows, on=self._keys, how="anti")
        if len(missing):
            raise ValueError(f"{self.name}: expected probabilities of every request, got none of {missing.row(0)}")
        check_probabilities(rows, self._keys, self.name)
        self._held = exposures, rows
        return rows


def read_policy(path: Path) -> Policy:
    """The policy of a .jsonl or .parquet file. Raises ValueError for what is not one."""
    if path.suffix not in (".jsonl", ".parquet"):
        raise ValueError(f"expected a policy file that ends in .jsonl or .parquet, got {path.name}")
    try:
        rows = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_ndjson(path, infer_schema_length=1_000)
        found = rows.collect_schema()
        for name in ("item_id", "probability"):
            if name not in found:
                raise ValueError(f"{path.name}: expected a column {name}, got {list(found)}")
        columns = {name: kind for name, kind in COLUMNS.items() if name in found}
        rows = rows.select(pl.col(name).cast(kind) for name, kind in columns.items())
        return PerRequest(rows, path.name) if "request_id" in columns else Table(rows.collect(), path.name)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{path.name}: expected rows of a policy, got {error}") from error


def parse_policy(text: str) -> Policy | Arm:
    """uniform, uniform:N, arm:NAME or the path of a policy file. Raises ValueError for anything else."""
    kind, _, detail = text.partition(":")
    if kind == "uniform" and (text == kind or detail.isdecimal()):
        return Uniform(int(detail) if detail else None)
    if kind == "arm" and detail:
        return Arm(detail)
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"expected uniform, uniform:N, arm:NAME or a policy file, got {text!r}")
    return read_policy(path)
