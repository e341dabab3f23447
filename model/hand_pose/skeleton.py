"""Skeleton: what is fitted beside the network - the bones of a middling hand and the layout of the map."""

import json
from dataclasses import dataclass

import numpy as np

from model.hand_pose.layout import Layout
from model.hand_pose.pose_code import NUM_LANDMARKS


@dataclass(frozen=True)
class Skeleton:
    """bone_lengths: [20], of bones 1 to 20 in lengths of the palm."""

    bone_lengths: np.ndarray
    layout: Layout

    def to_json(self) -> str:
        """As a file carries it."""
        return json.dumps({"bone_lengths": self.bone_lengths.tolist(), "layout": self.layout.arrays()})

    @classmethod
    def from_json(cls, text: str) -> "Skeleton":
        """The reverse of `to_json`; ValueError where it is of no skeleton."""
        fields = json.loads(text)
        lengths = np.asarray(fields["bone_lengths"], dtype=np.float64)
        if lengths.shape != (NUM_LANDMARKS - 1,):
            raise ValueError(f"expected {NUM_LANDMARKS - 1} bone lengths, got shape {lengths.shape}")
        return cls(lengths, Layout.from_arrays(fields["layout"]))
