"""Media types of POST /recommend: which form of an answer a client accepts (RFC 9110, section 12.5.1)."""

from functools import lru_cache

from service.errors import NotAcceptableError

JSON = "application/json"
COLUMNS = "application/vnd.climber-pilot.columns+json"
OFFERED = (JSON, COLUMNS)


@lru_cache(maxsize=256)
def accepted(header: str) -> str:
    """The offered type that an accept header likes best, JSON where it likes both alike.

    Raises NotAcceptableError where it takes neither.
    """
    if not header.strip():
        return JSON
    weights = dict(_ranges(header))
    liking = {offered: _weight(offered, weights) for offered in OFFERED}
    best = max(OFFERED, key=lambda offered: liking[offered])
    if liking[best] == 0:
        raise NotAcceptableError(f"expected an accept header with one of {', '.join(OFFERED)}")
    return best


def _weight(offered: str, weights: dict[str, float]) -> float:
    """The weight of the most specific range that covers a type; 0 where none does."""
    for covering in (offered, offered.partition("/")[0] + "/*", "*/*"):
        if covering in weights:
            return weights[covering]
    return 0.0


def _ranges(header: str) -> list[tuple[str, float]]:
    """Media ranges and their weights; parameters other than q do not matter to types that have none."""
    found = []
    for part in header.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        pairs = dict(parameter.partition("=")[::2] for parameter in parameters)
        found.append((media_range, _quality(pairs.get("q", "1"))))
    return found


def _quality(text: str) -> float:
    """0 to 1; what cannot be read is taken for 1, as if it had not been said."""
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return quality if 0 <= quality <= 1 else 1.0
