from loadtest.speed import rates


def test_rates_are_positive_and_measured_once(monkeypatch):
    monkeypatch.setattr(rates, "MEASURE_S", 0.01)
    rates.flops_per_s.cache_clear()
    assert rates.flops_per_s() == rates.flops_per_s() > 1e8
    assert rates.read_bytes_per_s(100_000) == rates.read_bytes_per_s(131_072) > 1e7
    rates.flops_per_s.cache_clear()
