"""Instruction modes: the ways to follow an instruction that are compared."""

from dataclasses import dataclass

from model.climber_pilot.benchmark.instructed_lists import Search

PRETRAINED = "pre-trained"
TUNED = {"CGSA": "attention", "AdaLN-Zero": "adaln_zero", "output head": "output_head"}
"""Variant -> how the condition enters the network."""
DIFFERENCES = "paired differences"
BEST = "CGSA strict"
"""The mode that every other one is compared with, user by user."""


@dataclass(frozen=True)
class Mode:
    """How lists are made: whether the network is told the instruction, and what the search does with it."""

    name: str
    told: bool
    search: Search


def modes_of(variant: str) -> tuple[Mode, ...]:
    """The modes of one checkpoint."""
    if variant == PRETRAINED:
        return (
            Mode("no instruction", False, "free"),
            Mode("post-filter", False, "post-filter"),
            Mode("strict search", False, "strict"),
        )
    return (
        Mode(f"{variant} guided", True, "free"),
        Mode(f"{variant} strict", True, "strict"),
        # What tuning alone does: the same weights, not told the instruction.
        Mode(f"{variant} weights, strict search", False, "strict"),
    )


MODES = tuple(mode.name for variant in (PRETRAINED, *TUNED) for mode in modes_of(variant))
