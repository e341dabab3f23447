import time

from model.vision.bench import Clock, rows


def test_a_clock_keeps_what_a_stage_cost_and_gives_back_what_it_made() -> None:
    clock = Clock()
    started_s = time.process_time()
    made = clock.time("sums", lambda: sum(range(300_000)))
    whole_ms = (time.process_time() - started_s) * 1e3
    assert made == sum(range(300_000))
    assert 0 < clock.times_ms["sums"] <= whole_ms


def test_rows_are_percentiles_over_images() -> None:
    times = [{"decode": float(number), "grid": 2.0} for number in range(101)]
    first, second = rows(times)
    assert first == {"stage": "decode", "cpu_ms_p50": 50.0, "cpu_ms_p90": 90.0, "images": 101}
    assert second["cpu_ms_p50"] == second["cpu_ms_p90"] == 2.0
