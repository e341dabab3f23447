"""Experiment: which arm answers a user, stable and with its probability; REC_EXPERIMENT describes it."""

from collections.abc import Mapping
from hashlib import blake2b
from itertools import accumulate
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from model.manifest import RELEASE_ID
from service.exploration import Exploration

MAX_ARMS = 16
MAX_RELEASES = 4
SHARE_TOLERANCE = 1e-9
_NAME = r"^[A-Za-z0-9._\-]+$"
_CLOSED = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_NAME)]
Unit = Literal["user_id", "request_id"]


class Arm(BaseModel):
    """What is different for the users of an arm; what it leaves out is as everywhere."""

    model_config = _CLOSED
    name: Name
    share: float = Field(gt=0, le=1)
    release: str | None = Field(None, pattern=f"^{RELEASE_ID.pattern}$", description="kept loaded beside the current")
    mode: Literal["strict", "guided"] | None = Field(None, description="of requests that name none")
    standing: bool | None = Field(
        None, description="true: requests without instructions follow the standing ones; false: nobody follows them"
    )
    policy: Mapping[str, Mapping[str, list[str]]] = Field({}, description="enforced together with REC_POLICY")
    exploration: Exploration | None = None


class Experiment(BaseModel):
    """Arms and their shares. The first arm is the control: it answers for an arm whose release is not there.

    name: also the salt; under another name everybody is assigned anew, independently.
    """

    model_config = _CLOSED
    name: Name
    arms: tuple[Arm, ...] = Field(min_length=1, max_length=MAX_ARMS, strict=False)

    @model_validator(mode="after")
    def _arms_agree(self) -> Self:
        names = [arm.name for arm in self.arms]
        faults = []
        if len(set(names)) < len(names):
            faults.append(f"expected arms of different names, got {', '.join(names)}")
        total = sum(arm.share for arm in self.arms)
        if abs(total - 1) > SHARE_TOLERANCE:
            faults.append(f"expected shares that sum to 1, got {total:g}")
        if self.arms[0].release is not None:
            faults.append(f"expected the first arm, the control, to name no release, got {self.arms[0].release}")
        if len(self.releases) > MAX_RELEASES:
            faults.append(f"expected at most {MAX_RELEASES} different releases, got {len(self.releases)}")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def control(self) -> Arm:
        """The arm that stands in for others."""
        return self.arms[0]

    @property
    def releases(self) -> list[str]:
        """Ids of the releases that arms name, each once."""
        return list(dict.fromkeys(arm.release for arm in self.arms if arm.release is not None))

    def arm_of(self, unit_id: str) -> Arm:
        """The arm of a user, or of a request without one; the same in every process and at every time."""
        place = share_of(self.name, unit_id)
        edges = accumulate(arm.share for arm in self.arms)
        return next((arm for arm, edge in zip(self.arms, edges, strict=True) if place < edge), self.arms[-1])


class Assignment(NamedTuple):
    """arm: the one that answers; meant: the one that the hash chose, another where its release is not there.

    experiment: its name; by: what was hashed.
    """

    experiment: str
    arm: Arm
    meant: Arm
    by: Unit


def share_of(salt: str, unit_id: str) -> float:
    """A number in [0, 1) that a salt gives to an id, uniform over ids and independent between salts."""
    digest = blake2b(unit_id.encode("utf-8", "surrogatepass"), key=blake2b(salt.encode()).digest(), digest_size=8)
    # 53 bits: as many as a float holds exactly, so that it stays below 1.
    return (int.from_bytes(digest.digest(), "big") >> 11) * 2.0**-53
