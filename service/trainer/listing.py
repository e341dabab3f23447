"""Listing: what lies in folders and files, as one hash, without reading pictures."""

import hashlib
import json
from pathlib import Path


def listing(*places: Path | None) -> str:
    """Of names, sizes and times of all files at or below these places; None and what is not there count as nothing."""
    found = []
    for number, place in enumerate(places):
        files = [] if place is None else [place] if place.is_file() else sorted(place.rglob("*"))
        stats = [(str(path.relative_to(place or path)), path.stat()) for path in files if path.is_file()]
        found += [(number, name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()
