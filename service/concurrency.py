"""ConcurrencyLimit: how many requests may run at once, found by measuring instead of being set."""

INTERVAL_S = 0.1
# A slow service needs longer for a sample worth acting on.
LONGEST_INTERVAL_S = 1.0
SAMPLE_REQUESTS = 8
# Unless it is set: so few requests at once say nothing of overload, and fewer would starve the batches of the model.
LOWEST_LIMIT = 8
# Under overload an answer may take this long, or this many times what it takes when little is going on.
TARGET_S = 0.05
TARGET_LATENCIES = 2.0
# A burst may make an answer take this long: half of the default deadline.
BURST_S = 0.25
UNDER_LOWEST_LIMIT = -1
CROWDED = -2
RATE_GAIN = 0.3
LATENCY_GAIN = 0.1
LONGEST_RETRY_S = 30


class ConcurrencyLimit:
    """Little's law, measured: under overload the limit is the drain rate times the time an answer may take.

    A burst is no overload: as long as the requests under way now and then become few, as many are let in as drain
    within BURST_S, or `upper` before any overload has shown how many that is. Once for a whole interval they do not,
    or the limit is reached, the limit follows the drain rate; an interval without either ends that. Deviates from the
    published gradient limits: the undisturbed latency is learnt only from requests that had the process for themselves
    or came under the lowest limit, so that a long overload cannot make itself look normal, and one that waits for
    others rather than for us is still found out.
    """

    def __init__(self, upper: int, now_s: float, lowest: int = LOWEST_LIMIT) -> None:
        self.upper = upper
        self.lowest = min(lowest, upper)
        self.value = upper
        self.ends_s = now_s + INTERVAL_S
        self.rate_per_s = 0.0
        self.refused_per_s = 0.0
        self.latency_s = 0.0
        self._started_s = now_s
        self._busy_since_s = now_s
        self._came = self._fewest = self._most = 0
        self._restart(now_s, 0)

    def came(self, now_s: float, taken: int) -> int:
        """A request was let in, `taken` counts it; returns what `left` wants to know of it."""
        self._came += 1
        if taken == 1:
            self._busy_since_s = now_s
        self._most = max(self._most, taken)
        if self.value <= self.lowest:
            return UNDER_LOWEST_LIMIT
        return self._came if taken == 1 else CROWDED

    def left(self, now_s: float, taken: int, latency_s: float, ticket: int) -> None:
        """A request was answered; `taken` no longer counts it. ticket: what `came` returned."""
        self._completed += 1
        self._fewest = min(self._fewest, taken)
        if taken == 0:
            self._busy_s += now_s - self._busy_since_s
        if ticket == UNDER_LOWEST_LIMIT or self._came - ticket <= 1:
            gain = LATENCY_GAIN if self.latency_s else 1.0
            self.latency_s += gain * (latency_s - self.latency_s)

    def refused(self) -> None:
        """A request was turned away."""
        self._refused += 1

    def turn(self, now_s: float, taken: int) -> None:
        """End the interval that is over and set the limit of the next one."""
        elapsed_s = now_s - self._started_s
        if self._completed < SAMPLE_REQUESTS and elapsed_s < LONGEST_INTERVAL_S:
            self.ends_s = now_s + INTERVAL_S
            return
        if taken:
            self._busy_s += now_s - self._busy_since_s
            self._busy_since_s = now_s
        self.refused_per_s = self._refused / elapsed_s
        # Over the busy time alone: overload that begins late in an interval must not look like a slow service.
        rate_per_s = self._completed / self._busy_s if self._busy_s > 0 else self.rate_per_s
        if self._refused or self._fewest >= self.lowest or self._most >= self.value:
            gain = RATE_GAIN if self.rate_per_s else 1.0
            self.rate_per_s += gain * (rate_per_s - self.rate_per_s)
            allowed_s = max(TARGET_S, TARGET_LATENCIES * self.latency_s)
        elif not self.rate_per_s:
            # Never overloaded yet: what one request at a time drains says nothing of many.
            self._restart(now_s, taken)
            return
        else:
            # With little to do the drain rate may be higher than what is seen, never lower.
            self.rate_per_s = max(self.rate_per_s, rate_per_s)
            allowed_s = BURST_S
        self.value = min(self.upper, max(self.lowest, round(self.rate_per_s * allowed_s)))
        self._restart(now_s, taken)

    def retry_after_s(self) -> int:
        """Whole seconds in which what is refused in one second could be answered: 1 when little is, 9 at tenfold."""
        if not self.rate_per_s:
            return 1
        return max(1, min(LONGEST_RETRY_S, round(self.refused_per_s / self.rate_per_s)))

    def _restart(self, now_s: float, taken: int) -> None:
        self._started_s = now_s
        self.ends_s = now_s + INTERVAL_S
        self._busy_s = 0.0
        self._completed = self._refused = 0
        self._fewest = self._most = taken
