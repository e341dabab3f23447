"""Standing instructions: the top-P attribute values over a sliding window of a user's recent events."""

from collections.abc import Iterable, Sequence

from model.catalogue import Catalogue
from service.history_codec import AttributeValue


def attribute_values(catalogue: Catalogue, attributes: Sequence[str], item_id: str) -> list[AttributeValue]:
    """The (attribute, value) pairs of an item that count for standing instructions; none for an unknown item."""
    row = catalogue.row_of.get(item_id)
    described = {} if row is None else catalogue.describe(row)
    return [(name, value) for name in attributes for value in described.get(name, ())]


def top_values(window: Iterable[Iterable[AttributeValue]], top_p: int) -> list[AttributeValue]:
    """The most frequent values of a window of events (oldest first); of equally frequent ones the latest first.

    The same rule as the ingest script's, for a history that came with the request and is stored nowhere.
    """
    counts: dict[AttributeValue, int] = {}
    latest: dict[AttributeValue, int] = {}
    sequence = 0
    for values in window:
        for value in values:
            sequence += 1
            counts[value] = counts.get(value, 0) + 1
            latest[value] = sequence
    return sorted(counts, key=lambda value: (-counts[value], -latest[value]))[:top_p]
