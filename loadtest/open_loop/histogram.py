"""Histogram: all latencies with three significant digits, from a microsecond to an hour (HdrHistogram)."""

from collections.abc import Iterator

import numpy as np
from hdrh.histogram import HdrHistogram

HIGHEST_US = 3_600_000_000
DIGITS = 3
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
# A percentile with fewer samples above it is the luck of a few requests.
LEAST_ABOVE = 10


class Histogram:
    """Latencies of one kind of request."""

    def __init__(self, latency_ms: np.ndarray) -> None:
        self._counts = HdrHistogram(1, HIGHEST_US, DIGITS)
        values, counts = np.unique(np.rint(1000 * latency_ms).astype(np.int64), return_counts=True)
        for value_us, count in zip(values.clip(1, HIGHEST_US).tolist(), counts.tolist(), strict=True):
            self._counts.record_value(value_us, count)

    def __len__(self) -> int:
        return int(self._counts.get_total_count())

    def percentile_ms(self, percentile: float) -> float:
        """The latency that this percentage of requests did not exceed."""
        return float(self._counts.get_value_at_percentile(percentile)) / 1000

    def summary(self) -> dict[str, float | int | list[str] | None]:
        """Count, the percentiles, the largest, and which percentiles have too few samples above them."""
        size = len(self)
        if not size:
            return {"count": 0, **dict.fromkeys(PERCENTILES), "max": None, "few_samples": []}
        return {
            "count": size,
            **{name: self.percentile_ms(percentile) for name, percentile in PERCENTILES.items()},
            "max": float(self._counts.get_max_value()) / 1000,
            "few_samples": [
                name for name, percentile in PERCENTILES.items() if size * (100 - percentile) / 100 < LEAST_ABOVE
            ],
        }

    def curve(self) -> Iterator[tuple[float, float]]:
        """(share of requests that took longer, latency in ms), from half of them down to one."""
        size, above = len(self), 0.5
        while size and above * size >= 1:
            yield above, self.percentile_ms(100 * (1 - above))
            above /= 1.25

    def encoded(self) -> str:
        """All counts in the compressed base64 form that every HdrHistogram tool reads; microseconds."""
        return bytes(self._counts.encode()).decode()
