"""TrainerTelemetry: the metrics of one sidecar, in its own registry."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge


class TrainerTelemetry:
    """All counters and gauges; what a job's own process does is read from its journal."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.events = Counter(
            "rec_trainer_events_total", "Entries of the stream, by what became of them", ("result",), registry=registry
        )
        self.lag = Gauge("rec_trainer_stream_lag", "Entries of the stream that are not finished yet", registry=registry)
        self.releases = Counter(
            "rec_trainer_releases_total", "Releases put in force, by what made them", ("kind",), registry=registry
        )
        self.refused = Counter("rec_trainer_refused_total", "Releases refused, by whom", ("by",), registry=registry)
        self.cycles = Counter(
            "rec_trainer_cycles_total", "Cycles of a job that have ended", ("job", "outcome"), registry=registry
        )
        self.stage = Gauge(
            "rec_trainer_stage_info", "1 for the stage that a job is in", ("job", "stage"), registry=registry
        )
        self._stages: dict[str, set[str]] = {}
        self.stage_seconds = Gauge(
            "rec_trainer_stage_seconds", "What a stage took last", ("job", "stage"), registry=registry
        )
        self.eta = Gauge(
            "rec_trainer_eta_seconds",
            "Time to the end of the cycle, if it goes like the last one",
            ("job",),
            registry=registry,
        )
        self.hit_rate = Gauge(
            "rec_trainer_hit_rate",
            "HR@50 on the newest held-back events, before and after the last cycle",
            ("job", "of"),
            registry=registry,
        )
        self.rsum = Gauge(
            "rec_trainer_rsum",
            "rSum on the pairs' validation part, before and after the last training of matchers",
            ("of",),
            registry=registry,
        )
        for result in ("archived", "repeated", "erased", "unreadable", "lost"):
            self.events.labels(result)
        for kind in ("trained", "grown", "matchers", "library", "cover_faces"):
            self.releases.labels(kind)
        for by in ("evaluation", "service"):
            self.refused.labels(by)

    def show(self, job: str, journal: Mapping[str, Any], now_s: float) -> None:
        """What a job's journal says of the cycle under way and of the one before."""
        last = journal["last"] or {"seconds": {}, "facts": {}}
        self._stages.setdefault(job, set()).update(last["seconds"], {journal["stage"]} - {None})
        for stage in self._stages[job]:
            self.stage.labels(job, stage).set(stage == journal["stage"])
        for stage, seconds in {**last["seconds"], **journal["seconds"]}.items():
            self.stage_seconds.labels(job, stage).set(seconds)
        self.eta.labels(job).set(eta_s(journal, now_s) or 0.0)
        for of in ("before", "after"):
            figures = last["facts"].get(of) or {}
            if "hr@50" in figures:
                self.hit_rate.labels(job, of).set(figures["hr@50"])
            if "rsum" in figures:
                self.rsum.labels(of).set(figures["rsum"])


def eta_s(journal: Mapping[str, Any], now_s: float) -> float | None:
    """Seconds to the end of the cycle under way, if its stages take what they took last; None where that is unknown."""
    usual_s = (journal["last"] or {"seconds": {}})["seconds"]
    if journal["stage"] not in usual_s:
        return None
    names = list(usual_s)
    running_s = max(0.0, now_s - journal["started_s"] - sum(journal["seconds"].values()))
    first, *others = names[names.index(journal["stage"]) :]
    return float(max(0.0, usual_s[first] - running_s) + sum(usual_s[stage] for stage in others))
