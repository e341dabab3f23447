"""The peer: a recommender that others wrote, trained on our split and ranked by our code.

HSTU of torch-rechub (arXiv 2402.17152; torch-rechub by the DataWhale community, MIT licence): its model class and its
trainer's own next-token loss over the whole catalogue. The loop around them is this product's `fit`, for resuming, the
same validation and the same choice of the epoch; its own loop chooses by top-1 accuracy and keeps no state.

The recipe is the one published for HSTU on these datasets (RecBoard): 4 blocks, 2 heads of size 4, width 64, vectors of
unit length with temperature 0.1, dropout 0.5, times used, AdamW at 1e-3. Deviates: the full softmax instead of 512
negatives, because the library samples none; at most 30 epochs with a cosine decay, because a processor has no time for
300, and batches of 64 instead of 256, so that 30 epochs are as many steps as 120 of those; histories are padded on the
right and positions count from the first event, as in the reference implementation of the paper, so that short
histories cost little.
"""

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.climber_pilot.data import TrainingPieces, target_histories
from model.climber_pilot.histories import Split, Targets
from model.climber_pilot.network import HistoryBatch
from model.climber_pilot.ranking import rank_and_list
from model.climber_pilot.train import VALIDATION_USERS
from model.metrics import hit_rate, ndcg
from model.training import Schedule, fit

PACKAGE, VERSION = "torch-rechub", "0.9.0"
PEER = f"peer: HSTU of {PACKAGE}"
PEER_RECIPE: dict[str, Any] = {
    "package": f"{PACKAGE}=={VERSION}",
    "model": {
        "d_model": 64,
        "n_layers": 4,
        "n_heads": 2,
        "dqk": 4,
        "dv": 4,
        "dropout": 0.5,
        # Times enter the attention's bias; beside the item they would tell how far the end of the history is.
        "use_time_embedding": False,
        "time_bucket_fn": "log",
        "time_bucket_divisor": 0.301,
        "time_bucket_unit": "seconds",
        "score_norm": "l2",
        "temperature": 0.1,
        "use_output_bias": False,
        # As in the reference implementation; the library starts its positions far larger than its items.
        "scale_input_embedding": True,
    },
    "schedule": {
        "epochs": 30,
        "learning_rate": 1e-3,
        "weight_decay": 1e-2,
        "warmup_steps": 0,
        "final_learning_rate_share": 0.0,
        "clip_norm": 1.0,
        "patience_epochs": 5,
    },
    "batch_size": 64,
}
"""Everything that decides the peer's figures beside the split and the seed."""

SCORED_TOGETHER = 32
"""Histories whose scores at every position exist at a time: the model scores all of them, only the last is read."""


class PeerMissingError(ValueError):
    """The peer's package is not installed, or not in the version whose recipe this is."""


def require_peer() -> None:
    """Raise PeerMissingError where the peer cannot be trained here."""
    try:
        found = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found != VERSION:
        remedy = "install the extra `bench` (pip install '.[bench]') or name the other --variants"
        raise PeerMissingError(f"expected {PACKAGE} {VERSION} for the variant {PEER!r}, got {found}: {remedy}")


@dataclass(frozen=True)
class TrainedPeer:
    """scorer: targets -> block of them -> scores of the whole catalogue [T, V]."""

    scorer: Callable[[Targets], Callable[[slice], Tensor]]
    validation: dict[str, float]
    cpu_minutes: float


def train_peer(split: Split, num_items: int, max_history: int, seed: int, work: Path, device: str) -> TrainedPeer:
    """Train the peer on the split's training events, or go on with it; the best epoch on the validation targets."""
    require_peer()
    hstu = importlib.import_module("torch_rechub.models.generative.hstu")
    trainers = importlib.import_module("torch_rechub.trainers.seq_trainer")
    torch.manual_seed(seed)
    # Item rows are counted from 1, 0 is padding; a piece has one event more than a history, its last target.
    model: nn.Module = hstu.HSTUModel(num_items + 1, max_seq_len=max_history + 1, **PEER_RECIPE["model"]).to(device)
    trainer = trainers.SeqTrainer(model, device=device)
    pieces = TrainingPieces(split, max_history, novel_only=False)
    validation = split.validation.sample(VALIDATION_USERS, seed=0)

    def step(chosen: np.ndarray, number: int) -> Tensor:
        del number
        tokens, times = peer_input(pieces.batch(chosen).history, device)
        # Each event's next one is inside the piece, so that nothing is predicted beyond it.
        loss: Tensor = trainer._compute_next_token_loss(model(tokens, times), tokens, tokens.new_zeros(len(tokens)))
        return loss

    def validate() -> dict[str, float]:
        scores_of = peer_scores(model, split, max_history, device, validation)
        ranks, _ = rank_and_list(scores_of, split.histories, validation, 1, title="validation")
        return {"hr@10": hit_rate(ranks, 10), "ndcg@10": ndcg(ranks, 10)}

    fitted = fit(
        model,
        Schedule(**PEER_RECIPE["schedule"], seed=seed),
        work,
        batches=lambda epoch: pieces.epoch(PEER_RECIPE["batch_size"], np.random.default_rng((seed, epoch))),
        step=step,
        evaluate=validate,
        select="ndcg@10",
        resume=True,
        title="peer",
    )
    scorer = partial(peer_scores, model, split, max_history, device)
    return TrainedPeer(scorer, fitted.metrics, fitted.cpu_s / 60)


def peer_input(history: HistoryBatch, device: str) -> tuple[Tensor, Tensor]:
    """Tokens [B, N], 0 in padding, and seconds up to the last event [B, N]."""
    inside = torch.arange(history.rows.shape[1]) < history.length[:, None]
    tokens = torch.where(inside, history.rows + 1, 0)
    last_s = history.time_s.gather(1, history.length[:, None] - 1)
    return tokens.to(device), torch.where(inside, last_s - history.time_s, 0).to(device)


def peer_scores(
    model: nn.Module, split: Split, max_history: int, device: str, targets: Targets
) -> Callable[[slice], Tensor]:
    """Block of targets -> what the model scores after the last event of each one's history, [T, V]."""

    def scores_of(block: slice) -> Tensor:
        starts, events = targets.start[block], targets.event[block]
        order = np.argsort(events - starts, kind="stable")
        parts = []
        for chosen in np.array_split(order, max(1, len(order) // SCORED_TOGETHER)):
            history = target_histories(split.histories, Targets(starts[chosen], events[chosen]), max_history)
            scores = model(*peer_input(history, device))
            parts.append(scores[torch.arange(len(chosen)), history.length - 1, 1:].cpu())
        inverse = torch.from_numpy(np.argsort(order))
        return torch.cat(parts)[inverse]

    return scores_of
