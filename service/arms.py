"""Arms: which arm answers a request, from which release, and what that changes in what is asked."""

from service.experiment import Arm, Assignment, Experiment, Unit
from service.findings import Findings
from service.releases import Releases
from service.request import RecommendRequest
from service.telemetry import Telemetry

STANDING = "standing"


class Arms:
    """Without an experiment every request is answered alike, from the release in force."""

    def __init__(self, experiment: Experiment | None, releases: Releases, telemetry: Telemetry) -> None:
        self._experiment = experiment
        self._releases = releases
        arms = () if experiment is None else experiment.arms
        self._answers = {arm.name: telemetry.arm_answers.labels(arm.name) for arm in arms}
        self._stand_ins = {arm.name: telemetry.arm_stand_ins.labels(arm.name) for arm in arms if arm.release}

    def begin(self, request: RecommendRequest, request_id: str) -> tuple[RecommendRequest, Findings]:
        """(the request as its arm asks it, findings of its release); raises NotReadyError."""
        if self._experiment is None:
            return request, Findings(self._releases.served)
        unit: Unit = "user_id" if request.user_id is not None else "request_id"
        meant = self._experiment.arm_of(request_id if request.user_id is None else request.user_id)
        arm, served = meant, self._releases.served
        if meant.release is not None:
            own = self._releases.pinned(meant.release)
            arm, served = (self._experiment.control, served) if own is None else (meant, own)
        found = Findings(served, Assignment(self._experiment.name, arm, meant, unit))
        self._answers[arm.name].inc()
        if arm is not meant:
            self._stand_ins[meant.name].inc()
            found.warn("arm_release_missing", f"the release of arm {meant.name} is not loaded; {arm.name} answered")
        return _asked_by(arm, request, found), found


def _asked_by(arm: Arm, request: RecommendRequest, found: Findings) -> RecommendRequest:
    """What a client says itself is kept, except that an arm may know no standing instructions."""
    changes: dict[str, object] = {}
    if arm.mode is not None and "mode" not in request.model_fields_set:
        changes["mode"] = arm.mode
    if arm.standing and not request.instructions:
        changes["instructions"] = STANDING
    if arm.standing is False and request.instructions == STANDING:
        changes["instructions"] = ()
        found.warn("standing_off_in_arm", f"arm {arm.name} follows no standing instructions")
    return request.model_copy(update=changes) if changes else request
