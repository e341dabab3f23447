"""RequestClock: what a query knows of the moment it is asked at."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.climber_pilot.config import NetworkConfig

PERIODS = 1_024
GAP_BUCKETS = 32
GAP_UNIT_S = 60


class RequestClock(nn.Module):
    """A vector for the calendar period of a request plus one for the time since the event that is read.

    Both start at zero, so that a fresh network does not know the time. Periods outside those that were trained on are
    taken as the nearest one that was: next month asks as the last month of the log did.
    Deviates: the paper has no such input; a request's time is known when it is served.
    """

    trained_periods: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.period_s = config.clock_period_s
        self.period_table = nn.Parameter(torch.zeros(PERIODS, config.width))
        self.gap_table = nn.Parameter(torch.zeros(GAP_BUCKETS, config.width))
        self.register_buffer("trained_periods", torch.tensor([0, PERIODS - 1]))

    def train_on(self, time_s: Tensor) -> None:
        """Note the range of the training events' times."""
        self.trained_periods[0] = self._period(time_s.min())
        self.trained_periods[1] = self._period(time_s.max())

    def forward(self, request_time_s: Tensor, read_time_s: Tensor) -> Tensor:
        """request_time_s, read_time_s: int64 of one shape [B, Q], epoch seconds; [B, Q, D]."""
        first, last = self.trained_periods[0], self.trained_periods[1]
        period = self._period(request_time_s).clamp(first, last)
        gap = ((request_time_s - read_time_s).clamp(min=0) // GAP_UNIT_S + 1).float().log2().long()
        return functional.embedding(period, self.period_table) + functional.embedding(
            gap.clamp(max=GAP_BUCKETS - 1), self.gap_table
        )

    def _period(self, time_s: Tensor) -> Tensor:
        return (time_s // self.period_s).clamp(0, PERIODS - 1)
