"""ItemStore: items that were posted and that a release shall have; the sidecar makes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from model.catalogue import Catalogue
from service.item_codec import StoredItem, pack_item
from service.request import IngestItem
from service.settings import Settings
from service.store import Store
from service.users import EVENT_STREAM

ITEMS = "rec:items"
"""Redis hash: item id -> all that was posted of it last."""

# KEYS: items, stream. ARGV: stream length, then per item: item_id, packed item, what the catalogue in force has of it
# ("absent", "same" or "other"). Returns per item: 0 nothing is new, 1 the item is, 2 something of it is.
POST_SCRIPT = """
local told = {}
for item = 1, (#ARGV - 1) / 3 do
  local at = 3 * item - 1
  local item_id, packed, known = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local stored = redis.call('HGET', KEYS[1], item_id)
  if stored == packed or (not stored and known == 'same') then
    told[item] = 0
  else
    redis.call('HSET', KEYS[1], item_id, packed)
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'kind', 'item', 'item_id', item_id)
    told[item] = (stored or known ~= 'absent') and 2 or 1
  end
end
return told
"""


@dataclass(frozen=True)
class Posted:
    """What became of a batch."""

    added: int
    updated: int
    unchanged: int


class ItemStore:
    """Writes items: a hash entry that holds until the next one, and a stream entry that wakes the sidecar."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def post(self, items: Sequence[IngestItem], catalogue: Catalogue) -> Posted:
        """Store a checked batch; raises StoreUnavailableError, after which the same batch may be sent again."""
        values: list[str | int] = [self._settings.event_stream_events]
        for item in items:
            stored = StoredItem(item.title, item.attributes)
            values += [item.item_id, pack_item(stored), _known(catalogue, item.item_id, stored)]
        script = self._store.redis.eval(POST_SCRIPT, 2, ITEMS, EVENT_STREAM, *values)
        told = await self._store.call("items", script, self._settings.ingest_timeout_ms / 1000)
        return Posted(told.count(1), told.count(2), told.count(0))


def _known(catalogue: Catalogue, item_id: str, stored: StoredItem) -> str:
    row = catalogue.row_of.get(item_id)
    if row is None:
        return "absent"
    known = StoredItem(catalogue.titles[row], catalogue.describe(row))
    return "same" if pack_item(known) == pack_item(stored) else "other"
