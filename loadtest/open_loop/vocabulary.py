"""Vocabulary: the values that a service can be asked for and items that it knows, read from the service itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.open_loop.target import Target

# Within the default limits of a service: instructions and list lengths of one request.
GROUPS, GROUP_ITEMS = 8, 50
VALUES_PER_ATTRIBUTE = 50


@dataclass(frozen=True)
class Vocabulary:
    """values: attribute -> values that instructions may name, only attributes that the model was tuned on."""

    values: Mapping[str, tuple[str, ...]]
    item_ids: tuple[str, ...]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every attribute with every value of it."""
        return [(name, value) for name, values in self.values.items() for value in values]


def read_vocabulary(target: Target) -> Vocabulary:
    """Ask the service what it can be asked for; raises ValueError where nothing answers or nothing is on offer."""
    listed = target.ask(f"/attributes?limit={VALUES_PER_ATTRIBUTE}")["attributes"]
    # A model that was tuned on no attribute still filters by all of them.
    tuned = [one for one in listed if one["instructable"]] or listed
    values = {one["name"]: tuple(value["value"] for value in one["values"] if value["items"]) for one in tuned}
    values = {name: some for name, some in values.items() if some}
    if not values:
        raise ValueError("expected attributes with values from /attributes, got none")
    pairs = Vocabulary(values, ()).pairs
    items: dict[str, None] = {}
    for start in range(0, len(pairs), GROUPS):
        # A listener without a history is shown what is popular under each of the instructions.
        wheres = [{"where": {name: {"any": [value]}}} for name, value in pairs[start : start + GROUPS]]
        body = {"instructions": wheres, "k": GROUP_ITEMS, "group_by_instruction": True, "deadline_ms": 10_000}
        for group in target.ask("/recommend", body)["groups"]:
            items.update(dict.fromkeys(item["item_id"] for item in group["items"]))
    if not items:
        raise ValueError("expected items from /recommend, got none")
    return Vocabulary(values, tuple(items))
