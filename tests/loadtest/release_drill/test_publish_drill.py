from loadtest.release_drill.asker import Asked, make_bodies, read_asked
from loadtest.release_drill.publish_drill import _costs


def test_costs_are_told_apart_by_when_a_request_was_due():
    asked = [Asked(0, due_s, 100.0 if 10 <= due_s < 12 else 1.0, 200 if due_s else 503, b"") for due_s in range(30)]
    costs = _costs(asked, [(10.0, 12.0), (20.0, 21.0)])
    assert (costs["requests"], costs["failed"], costs["in_windows"]) == (30, 1, 3)
    assert costs["window_ms"]["50"] == 100.0
    assert costs["outside_ms"]["99.9"] == 1.0


def test_bodies_depend_on_nothing_but_their_seed():
    bodies = make_bodies([f"item-{i}" for i in range(50)], ("rock", "jazz"), 3, 10)
    assert bodies == make_bodies([f"item-{i}" for i in range(50)], ("rock", "jazz"), 3, 10)
    assert len({str(body["history"]) for body in bodies}) == 3


def test_what_was_asked_is_read_by_time(tmp_path):
    (tmp_path / "asked.jsonl").write_text('[1, 5.0, 2.5, 200, "{}"]\n[0, 3.0, 9.0, 0, "ConnectionError"]\n')
    first, second = read_asked(tmp_path / "asked.jsonl")
    assert first == Asked(0, 3.0, 9.0, 0, b"ConnectionError")
    assert second.answer == b"{}"
