"""Segment: covers that were made searchable together - those of a release, or those added since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from model.artwork.cover import DETAILS, STYLE, Cover, detail_table, item_table
from model.artwork.cover_index import cover_index
from model.artwork.lettering import Lettering
from model.artwork.thumbnails import Thumbnails
from model.catalogue import Catalogue
from model.condition import Condition, ConditionError, Where
from model.item_index import ItemIndex


@dataclass(frozen=True)
class Segment:
    """V covers in rows 0..V-1.

    details: columns of DETAILS. vectors: float32 [V, d], norm 1. prepared: name -> [V, ...], what the pair scorer keeps
    of each image; empty where there is no scorer. thumbnails: None where no cover has one.
    """

    catalogue: Catalogue
    details: pl.DataFrame
    vectors: np.ndarray
    prepared: Mapping[str, np.ndarray]
    index: ItemIndex
    lettering: Lettering
    thumbnails: Thumbnails | None = None

    def __post_init__(self) -> None:
        if self.details.columns != list(DETAILS) or len(self.details) != len(self.catalogue):
            raise ValueError(f"expected details {list(DETAILS)} of {len(self.catalogue)} covers, got {self.details}")
        if self.thumbnails is not None and len(self.thumbnails) != len(self.catalogue):
            raise ValueError(f"expected thumbnails of {len(self.catalogue)} covers, got {len(self.thumbnails)}")
        wrong = {name: len(array) for name, array in self.prepared.items() if len(array) != len(self.catalogue)}
        if wrong:
            raise ValueError(f"expected prepared tensors of {len(self.catalogue)} covers, got {wrong}")

    @classmethod
    def build(
        cls,
        covers: Sequence[Cover],
        styles: Sequence[str],
        vectors: np.ndarray,
        prepared: Mapping[str, np.ndarray] | None = None,
        thumbnails: Sequence[bytes] = (),
    ) -> "Segment":
        """From covers that lie in memory."""
        catalogue = Catalogue(item_table(covers, styles))
        lettering = Lettering.of([cover.read_text for cover in covers])
        index = cover_index(catalogue, vectors)
        pictures = Thumbnails.of(thumbnails) if any(thumbnails) else None
        return cls(catalogue, detail_table(covers), vectors, prepared or {}, index, lettering, pictures)

    def __len__(self) -> int:
        return len(self.catalogue)

    def cover(self, row: int) -> Cover:
        """All that is known of one."""
        attributes = self.attributes(row)
        del attributes[STYLE]
        details = {name: column[row] for name, column in self._details.items()}
        return Cover(self.catalogue.item_ids[row], title=self.catalogue.titles[row], attributes=attributes, **details)

    def attributes(self, row: int) -> dict[str, list[str]]:
        """Attribute -> values of one, its style among them."""
        return self.catalogue.describe(row)

    @cached_property
    def _details(self) -> dict[str, list[Any]]:
        """As lists: a row of a table costs more than all else that an answer says of a cover."""
        return {name: self.details[name].to_list() for name in DETAILS}

    @cached_property
    def picture(self) -> list[str]:
        """Per row the picture that the cover shows: image_sha256 of the first that shows it."""
        return self._details["picture"]

    @property
    def read_text(self) -> list[list[str]]:
        """Per row the lines read off the picture."""
        return self._details["read_text"]

    @property
    def artists(self) -> list[str | None]:
        """Per row, None where unknown."""
        return self._details["artist"]

    @cached_property
    def fingerprints(self) -> np.ndarray:
        """uint64 [V]."""
        return self.details["fingerprint"].to_numpy()

    def satisfying(self, condition: Condition, rows: np.ndarray) -> np.ndarray:
        """bool [len(rows)]."""
        known = self.index.satisfied(condition)
        return self.catalogue.satisfying(condition, rows) if known is None else known[rows]

    def restricted(self, where: Where) -> Condition | None:
        """A condition as far as these covers know its values; None where none of them can satisfy it.

        Raises ConditionError `contradictory_condition` where no cover at all could.
        """
        kept: dict[str, dict[str, list[str]]] = {}
        for name, clauses in where.items():
            attribute = self.catalogue.attributes.get(name)
            for operator, values in clauses.items():
                known = [value for value in values if attribute is not None and attribute.value_id(value) is not None]
                if (operator == "any" and not known) or (operator == "all" and len(known) < len(values)):
                    return None
                if known:
                    kept.setdefault(name, {})[operator] = known
        return self.catalogue.condition(kept)


def check_known(segments: Sequence[Segment], where: Where, path: str) -> None:
    """Raise ConditionError where no segment knows an attribute or a value."""
    for name, clauses in where.items():
        known = [segment.catalogue.attributes[name] for segment in segments if name in segment.catalogue.attributes]
        if not known:
            names = ", ".join(dict.fromkeys(one for segment in segments for one in segment.catalogue.attributes))
            raise ConditionError("unknown_attribute", f"{path}.{name}", f"expected one of {names}, got {name!r}")
        for operator, values in clauses.items():
            for value in values:
                if all(attribute.value_id(value) is None for attribute in known):
                    message = f"expected a value of {name} that some cover has, got {value!r}"
                    raise ConditionError("unknown_value", f"{path}.{name}.{operator}", message)
