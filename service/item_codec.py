"""Item codec: how a posted item is packed into a value of a Redis hash - JSON of one form, equal for equal items."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class StoredItem(NamedTuple):
    """All that is known of an item beside its id."""

    title: str | None
    attributes: Mapping[str, Sequence[str]]


def pack_item(item: StoredItem) -> str:
    """One text for every way to say the same: attributes and values sorted, values once, none without values."""
    attributes = {name: sorted(set(values)) for name, values in item.attributes.items() if values}
    return json.dumps({"title": item.title, "attributes": attributes}, ensure_ascii=False, sort_keys=True)


def unpack_item(packed: bytes) -> StoredItem:
    """The item of `pack_item`; raises ValueError where the store holds something else."""
    match json.loads(packed):
        case {"title": str() | None as title, "attributes": dict() as attributes}:
            if all(map(_are_texts, attributes.values())):
                return StoredItem(title, attributes)
    raise ValueError("expected a packed item, got something else")


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
