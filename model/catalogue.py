"""Catalogue: all items, their attributes, and which items satisfy a condition."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import torch

from kernels.guided_attention.predicate import ConditionBits, satisfies
from model.condition import OPERATORS, WORD_BITS, Condition, ConditionError, Where, stack_bits


@dataclass(frozen=True)
class Attribute:
    """A property of items with a closed vocabulary; `first_value` is the bit number of `values[0]`."""

    name: str
    values: tuple[str, ...]
    first_value: int
    multi_valued: bool

    def value_id(self, value: str) -> int | None:
        """The bit number of a value, None if no item has it."""
        position = self._positions.get(value)
        return None if position is None else self.first_value + position

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {value: position for position, value in enumerate(self.values)}


class Catalogue:
    """V items in rows 0..V-1, each with a set of attribute values.

    The vocabulary is a pure function of the item table (attributes in column order, values sorted), so a stored
    catalogue always yields the same bit numbers.

    value_offsets [V + 1], value_ids [nnz]: row v has value_ids[value_offsets[v] : value_offsets[v + 1]].
    words [V, W] int64: the same as bit sets.
    """

    def __init__(self, items: pl.DataFrame) -> None:
        """`items`: column item_id (str, unique), optional title (str), every other column an attribute (list[str]).

        Raises ValueError where the table has another shape.
        """
        _check_items(items)
        self.items = items
        self.item_ids: list[str] = items["item_id"].to_list()
        self.row_of: dict[str, int] = {item_id: row for row, item_id in enumerate(self.item_ids)}
        self.titles: list[str | None] = items["title"].to_list() if "title" in items.columns else [None] * len(items)
        self.attributes: dict[str, Attribute] = {}
        columns: list[pl.DataFrame] = []
        first_value = 0
        for name in attribute_names(items):
            exploded = pl.DataFrame({"row": np.arange(len(items)), "value": items[name]}).explode("value").drop_nulls()
            exploded = exploded.unique()
            values = exploded["value"].unique().sort()
            multi_valued = len(exploded) > exploded["row"].n_unique()
            self.attributes[name] = Attribute(name, tuple(values.to_list()), first_value, multi_valued)
            ids = pl.DataFrame({"value": values, "id": np.arange(first_value, first_value + len(values))})
            columns.append(exploded.join(ids, on="value").select("row", "id"))
            first_value += len(values)
        self.num_values = first_value
        self.num_words = max(1, -(-first_value // WORD_BITS))
        pairs = pl.concat(columns).sort("row", "id") if columns else pl.DataFrame({"row": [], "id": []})
        rows = pairs["row"].cast(pl.Int64).to_numpy()
        self.value_ids: np.ndarray = pairs["id"].cast(pl.Int64).to_numpy()
        self.value_offsets: np.ndarray = np.searchsorted(rows, np.arange(len(items) + 1))
        words = np.zeros((len(items), self.num_words), dtype=np.uint64)
        bits = np.uint64(1) << (self.value_ids % WORD_BITS).astype(np.uint64)
        np.bitwise_or.at(words, (rows, self.value_ids // WORD_BITS), bits)
        self.words: np.ndarray = words.view(np.int64)

    def __len__(self) -> int:
        return len(self.item_ids)

    @classmethod
    def load(cls, path: Path) -> "Catalogue":
        """Read a catalogue written by `save`."""
        return cls(pl.read_parquet(path))

    def save(self, path: Path) -> None:
        """Write the item table; everything else is derived from it."""
        self.items.write_parquet(path)

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        buffer = BytesIO()
        self.items.write_parquet(buffer)
        return buffer.getvalue()

    def values_of(self, row: int) -> np.ndarray:
        """The value ids of one item."""
        return self.value_ids[self.value_offsets[row] : self.value_offsets[row + 1]]

    def value_name(self, value: int) -> tuple[str, str]:
        """(attribute, value) of a bit number."""
        for attribute in self.attributes.values():
            if attribute.first_value <= value < attribute.first_value + len(attribute.values):
                return attribute.name, attribute.values[value - attribute.first_value]
        raise ValueError(f"expected a value id below {self.num_values}, got {value}")

    def describe(self, row: int) -> dict[str, list[str]]:
        """Attribute -> values of one item, without the attributes it lacks."""
        described: dict[str, list[str]] = {}
        for value in self.values_of(row).tolist():
            name, text = self.value_name(value)
            described.setdefault(name, []).append(text)
        return described

    def satisfying(self, condition: Condition, rows: np.ndarray | None = None) -> np.ndarray:
        """bool [V] (or [len(rows)]): which items satisfy the condition."""
        words = self.words if rows is None else self.words[rows]
        bits = stack_bits([condition], self.num_words)
        # Words that the condition does not mention cannot change the answer; a large vocabulary has many.
        used = sorted({value // WORD_BITS for value in condition.mentioned})
        return satisfies(torch.from_numpy(words[:, used]), ConditionBits(*(part[..., used] for part in bits))).numpy()

    def condition(self, where: Where, path: str = "where") -> Condition:
        """Parse the client's form; what is unknown or can never be satisfied is a ConditionError."""
        any_of: list[list[int]] = []
        all_of: list[int] = []
        none_of: list[int] = []
        for name, clauses in where.items():
            attribute = self.attributes.get(name)
            if attribute is None:
                known = ", ".join(self.attributes)
                raise ConditionError("unknown_attribute", f"{path}.{name}", f"expected one of {known}, got {name!r}")
            for operator, values in clauses.items():
                field = f"{path}.{name}.{operator}"
                ids = _value_ids(attribute, operator, values, field)
                if operator == "any":
                    any_of.append(ids)
                elif operator == "all":
                    all_of.extend(ids)
                else:
                    none_of.extend(ids)
        condition = Condition.build(any_of, all_of, none_of)
        reason = condition.contradiction() or self._excluded_twice(condition)
        if reason:
            raise ConditionError("contradictory_condition", path, f"no item can satisfy this: {reason}")
        return condition

    def where(self, condition: Condition) -> dict[str, dict[str, list[str]]]:
        """The client's form of a condition; several any-groups over one attribute cannot be told apart there."""
        described: dict[str, dict[str, list[str]]] = {}
        clauses = [("any", value) for group in condition.any_of for value in group]
        clauses += [("all", value) for value in condition.all_of] + [("none", value) for value in condition.none_of]
        for operator, value in clauses:
            name, text = self.value_name(value)
            described.setdefault(name, {}).setdefault(operator, []).append(text)
        return described

    def _excluded_twice(self, condition: Condition) -> str | None:
        """A single-valued attribute that would need two values."""
        for attribute in self.attributes.values():
            if attribute.multi_valued:
                continue
            own = range(attribute.first_value, attribute.first_value + len(attribute.values))
            required = [value for value in condition.all_of if value in own]
            groups = [group for group in condition.any_of if all(value in own for value in group)]
            possible = set(own) - set(condition.none_of)
            for allowed in [*groups, *([value] for value in required)]:
                possible &= set(allowed)
            if (groups or required) and not possible:
                return f"an item has only one {attribute.name}"
        return None


def attribute_names(items: pl.DataFrame) -> list[str]:
    """The columns of an item table that are attributes."""
    return [name for name in items.columns if name not in ("item_id", "title")]


def with_items(items: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """The item table with other rows in the place of those of the same id, and new ones after the last.

    changed: a table of the same columns. Rows keep their numbers, so that what was known of row v is so still.
    """
    numbered = items.with_row_index("row")
    at = pl.coalesce("row", pl.lit(len(items)) + pl.int_range(pl.len())).cast(pl.UInt32)
    placed = changed.join(numbered.select("item_id", "row"), on="item_id", how="left", maintain_order="left")
    placed = placed.with_columns(at.alias("row")).select(numbered.columns)
    return pl.concat([numbered, placed]).unique("item_id", keep="last").sort("row").drop("row")


def _check_items(items: pl.DataFrame) -> None:
    if "item_id" not in items.columns or items.schema["item_id"] != pl.String:
        raise ValueError(f"expected a column item_id of strings, got {dict(items.schema)}")
    if items["item_id"].null_count() or items["item_id"].n_unique() != len(items):
        raise ValueError("expected unique, non-null item ids")
    for name in attribute_names(items):
        if items.schema[name] != pl.List(pl.String):
            raise ValueError(f"expected attribute {name} as a list of strings, got {items.schema[name]}")


def _value_ids(attribute: Attribute, operator: str, values: Sequence[str], field: str) -> list[int]:
    if operator not in OPERATORS:
        raise ConditionError("unknown_operator", field, f"expected one of {', '.join(OPERATORS)}, got {operator!r}")
    if not values:
        raise ConditionError("empty_clause", field, "expected at least one value, got none")
    ids = []
    for value in values:
        value_id = attribute.value_id(value)
        if value_id is None:
            message = f"expected a value of {attribute.name} that some item has, got {value!r}"
            raise ConditionError("unknown_value", field, message)
        ids.append(value_id)
    return ids
