"""Where a target is read from: the time-aware mask of TAMIP as positions (arXiv 2602.13581, Eq. 1)."""

import torch
from torch import Tensor


def readout_positions(time_s: Tensor, length: Tensor, safety_interval_s: int | None) -> Tensor:
    """p(t) = max {j : tau_j < tau_t - dt} for every event t of right-padded histories, -1 where there is none; [B, N].

    time_s: [B, N] int64, non-decreasing up to length [B]. With safety_interval_s None every target is read at the event
    before it, p(t) = t - 1 (next-item prediction). The masked set of Eq. 1 is a suffix of the history, so reading the
    causal stack at p(t) is what the mask amounts to, without the leak through the residual stream of row n.
    """
    num_events = time_s.shape[1]
    event = torch.arange(num_events, device=time_s.device)
    padding = event >= length[:, None]
    if safety_interval_s is None:
        position = (event - 1).expand_as(time_s)
    else:
        last = torch.iinfo(torch.int64).max
        sorted_time_s = time_s.masked_fill(padding, last).contiguous()
        position = torch.searchsorted(sorted_time_s, (time_s - safety_interval_s).contiguous(), side="left") - 1
        # Events that share the target's time stand after it as well as before it; causality still holds.
        position = position.minimum(event - 1)
    return position.masked_fill(padding, -1)
