"""Anchors: hit rates that others published on the benchmark's datasets, and what this product aims at.

Amazon 2014 5-core, leave-one-out, full ranking. Credible floor: sampled or full softmax on item ids, well trained
(eSASRec arXiv 2508.06450 and RecBoard). Best published, all by item ids only: Beauty WEARec (official log), TV-Rec
(official log), BSARec (RecBoard); Sports TV-Rec, WEARec, HSTU (RecBoard); Toys BSARec (RecBoard).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Anchor:
    """Shares, not percent; hit_rate: cut -> HR at that cut."""

    name: str
    source: str
    hit_rate: dict[int, float]


GOAL_SHARE = 1.15
"""The goal over the best published figures."""


def anchors(dataset: str) -> list[Anchor]:
    """What the dataset's table is read against; empty where nothing is published for it."""
    if dataset not in PERCENT:
        return []
    return [
        Anchor(
            name, source, {cut: value / 100 for cut, value in zip((10, 20, 50), PERCENT[dataset][name], strict=True)}
        )
        for name, source in SOURCES.items()
    ]


SOURCES = {
    "paper": "Climber-Pilot, arXiv 2602.13581",
    "credible floor": "well-trained softmax on ids, arXiv 2508.06450 and RecBoard",
    "best published": "the highest found of WEARec, TV-Rec, BSARec, HSTU at each cut",
    "goal": f"{GOAL_SHARE} x the best published",
}

PERCENT = {
    "amazon-beauty": {
        "paper": (6.74, 8.95, 12.12),
        "credible floor": (9.3, 13.2, 19.6),
        "best published": (10.41, 14.03, 19.78),
        "goal": (12.0, 16.1, 22.7),
    },
    "amazon-sports": {
        "paper": (3.28, 4.62, 7.20),
        "credible floor": (5.7, 8.5, 13.3),
        "best published": (6.35, 8.95, 13.35),
        "goal": (7.3, 10.3, 15.4),
    },
    "amazon-toys": {
        "paper": (6.13, 8.01, 11.20),
        "credible floor": (9.7, 13.4, 19.5),
        "best published": (10.78, 14.24, 20.09),
        "goal": (12.4, 16.4, 23.1),
    },
}
