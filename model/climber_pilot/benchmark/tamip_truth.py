"""Lists against the truth of a simulated world: are they what the listener would take, or an echo of the last play?"""

import numpy as np

from model.climber_pilot.histories import Histories, Targets
from model.datasets.dataset import Dataset
from model.datasets.music_world import true_acceptance


def truth_known(dataset: Dataset) -> bool:
    """Whether the dataset tells what every item is truly worth to every user."""
    return "utilities" in dataset.extra


def judge_lists(
    dataset: Dataset, histories: Histories, at: Targets, owner: np.ndarray, shown: np.ndarray
) -> dict[str, np.ndarray]:
    """What the lists [T, S] of the moments are truly worth; name -> one value per moment, float64 [T].

    owner: [T], the user of each moment. acceptance: mean probability that the listener takes a listed track; that of
    the best and of any list of new tracks beside it. found: share of the truly best S new tracks that are listed.
    echo: share of the list by the artist of the last play. Tracks not yet released count like any other.
    """
    artist = dataset.items["artist"].list.first().rank("dense").to_numpy()
    names = ("acceptance", "best acceptance", "any acceptance", "found", "echo")
    values = {name: np.zeros(len(at)) for name in names}
    length = shown.shape[1]
    for user in np.unique(owner):
        chosen = np.flatnonzero(owner == user)
        time_s = histories.time_s[at.event[chosen] - 1]
        acceptance = true_acceptance(dataset, histories.user_ids[user], time_s)
        for moment, likely in zip(chosen.tolist(), acceptance, strict=True):
            start, event, listed = at.start[moment], at.event[moment], shown[moment]
            new = np.ones(len(likely), dtype=bool)
            new[histories.rows[start:event]] = False
            best = np.argsort(-np.where(new, likely, -1.0), kind="stable")[:length]
            values["acceptance"][moment] = likely[listed].mean()
            values["best acceptance"][moment] = likely[best].mean()
            values["any acceptance"][moment] = likely[new].mean()
            values["found"][moment] = np.isin(listed, best).mean()
            values["echo"][moment] = (artist[listed] == artist[histories.rows[event - 1]]).mean()
    return values
