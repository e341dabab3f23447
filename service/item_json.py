"""ItemJson: what an answer says of an item whoever asks, written once per item and release and then only copied."""

import orjson

from model.catalogue import Catalogue
from service.reasons import NEAR

MAX_KEPT_ITEMS = 100_000


class ItemJson:
    """JSON of the items of one release, made on first use."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._pieces: dict[frozenset[str], Pieces] = {}
        self.near = NearTexts(catalogue)

    def pieces(self, fields: frozenset[str]) -> "Pieces":
        """Pieces of items that show these fields (title, reason, attributes)."""
        found = self._pieces.get(fields)
        if found is None:
            found = self._pieces[fields] = Pieces(self._catalogue, fields)
        return found


class Pieces(dict[int, tuple[bytes, bytes]]):
    """Row -> (what stands before the score, what stands after the part that the request decides).

    With a reason the second piece begins with the quote that ends it. Holds at most MAX_KEPT_ITEMS.
    """

    def __init__(self, catalogue: Catalogue, fields: frozenset[str]) -> None:
        super().__init__()
        self._catalogue = catalogue
        self._fields = fields

    def __missing__(self, row: int) -> tuple[bytes, bytes]:
        if len(self) >= MAX_KEPT_ITEMS:
            self.clear()
        found = self[row] = (self._before(row), self._after(row))
        return found

    def _before(self, row: int) -> bytes:
        title = b',"title":' + orjson.dumps(self._catalogue.titles[row]) if "title" in self._fields else b""
        return b'{"item_id":' + orjson.dumps(self._catalogue.item_ids[row]) + title + b',"score":'

    def _after(self, row: int) -> bytes:
        quote = b'"' if "reason" in self._fields else b""
        if "attributes" not in self._fields:
            return quote + b"},"
        return quote + b',"attributes":' + orjson.dumps(self._catalogue.describe(row)) + b"},"


class NearTexts(dict[int, bytes]):
    """Row -> "near your recent ..." with the item's title, or its id where it has none, escaped, without quotes."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue

    def __missing__(self, row: int) -> bytes:
        if len(self) >= MAX_KEPT_ITEMS:
            self.clear()
        found = self[row] = escaped(NEAR + (self._catalogue.titles[row] or self._catalogue.item_ids[row]))
        return found


def escaped(text: str) -> bytes:
    """A text as it stands between the quotes of a JSON string."""
    return orjson.dumps(text)[1:-1]
