"""Mix: which kinds of actions users take, and how often each."""

import re
from collections.abc import Mapping

EVENTS, PAGE = "events", "page"
# What a page asks for at the same moment: its rows, one instruction each.
PAGE_REQUESTS = 3
DEFAULT_MIX: Mapping[str, float] = {
    "recommend-0": 0.15,
    "recommend-1": 0.20,
    "recommend-4": 0.35,
    "recommend-8": 0.10,
    PAGE: 0.05,
    EVENTS: 0.15,
}
_RECOMMEND = re.compile(r"recommend-(\d{1,3})")


def parse_mix(text: str) -> dict[str, float]:
    """Shares of actions from text like recommend-4=0.8,events=0.2, summing to 1 afterwards; raises ValueError."""
    mix: dict[str, float] = {}
    for part in text.split(","):
        kind, _, share = part.strip().partition("=")
        if not known(kind):
            raise ValueError(f"expected recommend-N, {PAGE} or {EVENTS}, got {kind!r}")
        try:
            mix[kind] = float(share)
        except ValueError:
            raise ValueError(f"expected a share such as {kind}=0.5, got {part.strip()!r}") from None
        if not 0 <= mix[kind] < float("inf"):
            raise ValueError(f"expected a share of at least 0, got {part.strip()!r}")
    total = sum(mix.values())
    if total <= 0:
        raise ValueError(f"expected shares above 0, got {text!r}")
    return {kind: share / total for kind, share in mix.items() if share > 0}


def known(kind: str) -> bool:
    """Whether there is such a kind of action."""
    return kind in (PAGE, EVENTS) or _RECOMMEND.fullmatch(kind) is not None


def instructions_of(kind: str) -> int:
    """How many instructions each request of this kind has."""
    found = _RECOMMEND.fullmatch(kind)
    return int(found.group(1)) if found else 1


def requests_per_action(mix: Mapping[str, float]) -> float:
    """The mean number of requests that one action makes."""
    return sum(share * (PAGE_REQUESTS if kind == PAGE else 1) for kind, share in mix.items())
