from service.trainer.telemetry import TrainerTelemetry

LAST = {
    "outcome": "published",
    "seconds": {"window": 2.0, "pretrain": 30.0},
    "facts": {"before": {"hr@50": 0.3}, "after": {"hr@50": 0.4}},
}


def test_a_journal_is_shown_as_gauges():
    telemetry = TrainerTelemetry()

    def value(name, **labels):
        return telemetry.registry.get_sample_value(f"rec_trainer_{name}", {"job": "retraining", **labels})

    journal = {"stage": "window", "started_s": 100.0, "seconds": {}, "last": LAST}
    telemetry.show("retraining", journal, now_s=101.0)
    assert (value("stage_info", stage="window"), value("stage_info", stage="pretrain")) == (1, 0)
    assert (value("eta_seconds"), value("stage_seconds", stage="pretrain")) == (31, 30)
    assert (value("hit_rate", of="before"), value("hit_rate", of="after")) == (0.3, 0.4)
    telemetry.show("retraining", {**journal, "stage": "pretrain", "seconds": {"window": 5.0}}, now_s=106.0)
    assert (value("stage_info", stage="window"), value("stage_info", stage="pretrain")) == (0, 1)
    assert (value("eta_seconds"), value("stage_seconds", stage="window")) == (29, 5)
    telemetry.show("retraining", {**journal, "stage": None}, now_s=140.0)
    assert (value("stage_info", stage="pretrain"), value("eta_seconds")) == (0, 0)


def test_figures_of_matchers_are_told_beside_those_of_lists():
    telemetry = TrainerTelemetry()
    journal = {"stage": None, "started_s": None, "seconds": {}}
    for before in (None, {"rsum": 390.0}):
        last = {"outcome": "worse", "seconds": {}, "facts": {"before": before, "after": {"rsum": 380.5}}}
        telemetry.show("matchers", {**journal, "last": last}, now_s=0.0)
    values = [telemetry.registry.get_sample_value("rec_trainer_rsum", {"of": of}) for of in ("before", "after")]
    assert values == [390.0, 380.5]
    assert telemetry.registry.get_sample_value("rec_trainer_hit_rate", {"job": "matchers", "of": "after"}) is None
