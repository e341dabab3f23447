"""The two training stages of Climber-Pilot: what one step of each computes."""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import ConditionBatch
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.data import Batch, ConditionSampler, TrainingPieces, own_pieces
from model.climber_pilot.histories import Histories, Split, leave_one_out
from model.climber_pilot.item_encoder import ItemEncoder
from model.climber_pilot.losses import eligible_softmax_loss, full_softmax_loss, sampled_softmax_loss
from model.climber_pilot.masks import readout_positions
from model.climber_pilot.network import ClimberPilot, HistoryBatch
from model.climber_pilot.sharded_items import ShardedItemEncoder
from model.climber_pilot.sharded_losses import sharded_sampled_loss, sharded_softmax_loss
from model.datasets.dataset import Dataset
from model.ranks import Ranks

COUNT_PIECES = 1_024
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Training:
    """What both stages work on.

    With several ranks each computes its share of every batch, the network is on all of them and the items are spread
    over them; a loss is then this rank's part of the batch's, and the parts add up.
    """

    config: ClimberPilotConfig
    catalogue: Catalogue
    split: Split
    pieces: TrainingPieces
    sampler: ConditionSampler
    model: ClimberPilot
    eligible: Tensor
    log_q: Tensor
    ranks: Ranks

    @classmethod
    def prepare(
        cls, config: ClimberPilotConfig, dataset: Dataset, device: str = "cpu", ranks: Ranks | None = None
    ) -> "Training":
        """Catalogue, split, batches and a freshly initialised network; raises ValueError where they do not fit."""
        objective, catalogue = config.objective, dataset.catalogue()
        histories = Histories.of(dataset, catalogue)
        if objective.tamip != "off" and not histories.has_times:
            raise ValueError(
                f"expected event times for tamip={objective.tamip!r}, but {dataset.name} has only an order"
            )
        if config.network.request_clock and not histories.has_times:
            raise ValueError(f"expected event times for request_clock, but {dataset.name} has only an order")
        split = leave_one_out(histories, objective.targets, objective.held_out_user_share)
        pieces = TrainingPieces(split, config.network.max_history, objective.targets == "novel", objective.shuffle_ties)
        if not len(pieces):
            raise ValueError(f"expected users with at least two training events, got none in {dataset.name}")
        sampler = ConditionSampler(catalogue, dataset.instructable)
        eligible = torch.from_numpy(np.stack([catalogue.satisfying(condition) for condition in sampler.conditions]))
        torch.manual_seed(config.pretrain.seed)
        masked = objective.tamip == "mask"
        model = ClimberPilot(config.network, catalogue, objective.safety_interval_s if masked else 0)
        if model.clock is not None:
            model.clock.train_on(torch.from_numpy(histories.time_s[training_events(split)]))
        ranks = ranks or Ranks()
        if not ranks.alone:
            model.items = cast(ItemEncoder, ShardedItemEncoder(model.items, ranks))  # stands in its place
        share = popularity(split, len(catalogue)) + 1
        log_q = torch.from_numpy(np.log(share / share.sum())).float().to(device)
        return cls(config, catalogue, split, pieces, sampler, model.to(device), eligible.to(device), log_q, ranks)

    @property
    def items(self) -> ShardedItemEncoder:
        """The items where there are several ranks."""
        return cast(ShardedItemEncoder, self.model.items)

    @property
    def sharded(self) -> frozenset[str]:
        """Names of the parameters of which every rank has other rows."""
        return frozenset() if self.ranks.alone else frozenset(f"items.{name}" for name in self.items.sharded)

    def states(self, raw: Tensor, history: HistoryBatch) -> Tensor:
        """The backbone's states of a batch [B, N, D]; raw: what `model.items()` gave."""
        if self.ranks.alone:
            return self.model.backbone(raw, history)
        needed, rows = history.rows.unique(return_inverse=True)
        return self.model.backbone(self.items.lookup(raw, needed), replace(history, rows=rows))

    def readouts(self, history: HistoryBatch) -> Tensor:
        """Where each event is read from as a target, [B, N]; -1 where it has no visible history."""
        objective = self.config.objective
        interval_s = objective.safety_interval_s if objective.tamip == "readout" else None
        return readout_positions(history.time_s, history.length, interval_s)

    def count_targets(self) -> tuple[int, int]:
        """Training targets, and how many of them are dropped because nothing before them is visible."""
        targets = dropped = 0
        for first in range(0, len(self.pieces), COUNT_PIECES):
            batch = self.pieces.batch(np.arange(first, min(first + COUNT_PIECES, len(self.pieces))))
            targets += int(batch.target_ok.sum())
            dropped += int((batch.target_ok & (self.readouts(batch.history) < 0)).sum())
        return targets, dropped

    def loss(self, queries: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """The configured softmax loss of one branch, the mean over the queries of all ranks."""
        objective, temperature = self.config.objective, self._temperature
        count = self.ranks.total(len(queries))
        if objective.loss == "full_softmax":
            smoothing, precision = objective.label_smoothing, PRECISIONS[objective.softmax_precision]
            if self.ranks.alone:
                return full_softmax_loss(
                    queries, item_vectors, targets, temperature, label_smoothing=smoothing, precision=precision
                )
            part = sharded_softmax_loss(
                queries, item_vectors, targets, temperature, self.items, label_smoothing=smoothing, precision=precision
            )
            return part / count
        num_items, device = len(self.log_q), item_vectors.device
        uniform = self.ranks.of_leader(torch.randint(num_items, (objective.num_uniform_negatives,), device=device))
        # Uniform draws are their own proposal: expected counts M / V; in-batch ones follow popularity.
        counts = torch.full((num_items,), objective.num_uniform_negatives / num_items, device=device)
        negatives = uniform
        if objective.in_batch_negatives:
            negatives = torch.cat([uniform, self.ranks.gathered(targets)])
            counts = counts + count * self.log_q.exp()
        log_q = counts.log() if objective.log_q else None
        if self.ranks.alone:
            return sampled_softmax_loss(queries, item_vectors, targets, temperature, negatives=negatives, log_q=log_q)
        part = sharded_sampled_loss(
            queries, item_vectors, targets, temperature, self.items, negatives=negatives, log_q=log_q
        )
        return part / count

    def instructed_loss(self, queries: Tensor, item_vectors: Tensor, targets: Tensor, entries: Tensor) -> Tensor:
        """The loss of one branch in instruction tuning; with eligible negatives a query that follows a condition meets
        the items that satisfy it and no others. entries: [T], 0 for no condition."""
        if not self.config.finetune.eligible_negatives:
            return self.loss(queries, item_vectors, targets)
        total = queries.new_zeros(())
        free, asked = entries == 0, entries > 0
        num_free, num_asked = self.ranks.total(int(free.sum())), self.ranks.total(int(asked.sum()))
        if num_free:
            total = total + num_free * self.loss(queries[free], item_vectors, targets[free])
        if num_asked:
            total = total + num_asked * self._eligible_loss(
                queries[asked], item_vectors, targets[asked], entries[asked]
            )
        return total / (num_free + num_asked)

    def _eligible_loss(self, queries: Tensor, item_vectors: Tensor, targets: Tensor, entries: Tensor) -> Tensor:
        temperature, precision = self._temperature, PRECISIONS[self.config.objective.softmax_precision]
        if self.ranks.alone:
            return eligible_softmax_loss(
                queries,
                item_vectors,
                targets,
                temperature,
                eligible=self.eligible,
                entries=entries,
                precision=precision,
            )
        part = sharded_softmax_loss(
            queries,
            item_vectors,
            targets,
            temperature,
            self.items,
            eligible=self.eligible,
            entries=entries,
            precision=precision,
        )
        return part / self.ranks.total(len(queries))

    @property
    def _temperature(self) -> float:
        return self.config.network.temperature if self.config.network.normalise else 1.0


def pretrain_step(training: Training, batch: Batch, rng: np.random.Generator) -> Tensor:
    """Eq. 4: the sum of the branches' losses; branch k at the readout of target t predicts item t + k - 1."""
    model, whole = training.model, batch
    batch = batch.share(training.ranks).to(model.device)
    history = batch.history
    if training.config.objective.tamip == "mask":
        noise = rng.random(whole.target_ok.shape)[own_pieces(training.ranks, len(whole.target_ok))]
        history, first, position = _literal_anchor(batch, torch.from_numpy(noise).to(model.device))
    else:
        first = torch.arange(history.rows.shape[1], device=model.device).expand_as(history.rows)
        position = training.readouts(history)
    raw = model.items()
    states, item_vectors = training.states(raw, history), model.scored(raw)
    # A request for target t and those after it is made when t is.
    request_time_s = history.time_s.gather(1, first)
    losses = []
    for k, weight in enumerate(training.config.objective.branch_weights):
        target = (first + k).clamp(max=history.rows.shape[1] - 1)
        usable = (position >= 0) & (first + k < history.length[:, None]) & batch.target_ok.gather(1, target)
        queries = model.branch(k, states, history, position.clamp(min=0), None, request_time_s)[usable]
        if training.ranks.total(len(queries)):
            losses.append(weight * training.loss(queries, item_vectors, history.rows.gather(1, target)[usable]))
    return torch.stack(losses).sum() if losses else raw.sum() * 0.0


def finetune_step(training: Training, batch: Batch, rng: np.random.Generator) -> Tensor:
    """Eq. 6: branch k predicts the same target under the same condition from the context shortened by k - 1."""
    model, stage = training.model, training.config.finetune
    drawn = torch.from_numpy(training.sampler.draw(batch.history.rows.numpy(), stage.unconditioned_share, rng))
    drawn = drawn[own_pieces(training.ranks, len(drawn))]
    conditions = ConditionBatch(training.sampler.table, drawn).to(model.device)
    batch, entries = batch.share(training.ranks).to(model.device), conditions.query_condition
    history = batch.history
    position = training.readouts(history)
    raw = model.items()
    states, item_vectors = training.states(raw, history), model.scored(raw)
    losses = []
    for k, weight in enumerate(training.config.objective.branch_weights):
        usable = (position - k >= 0) & batch.target_ok
        read = (position - k).clamp(min=0)
        queries = model.branch(k, states, history, read, conditions, history.time_s)[usable]
        if training.ranks.total(len(queries)):
            targets = history.rows[usable]
            losses.append(weight * training.instructed_loss(queries, item_vectors, targets, entries[usable]))
    return torch.stack(losses).sum() if losses else raw.sum() * 0.0


def _literal_anchor(batch: Batch, noise: Tensor) -> tuple[HistoryBatch, Tensor, Tensor]:
    """Eq. 1 as printed: one random first target per history sets the anchor, and the row before it is read.

    noise: uniform [B, N], the target where it is largest is drawn.
    """
    first = noise.masked_fill(~batch.target_ok, -1).argmax(1, keepdim=True)
    history = batch.history
    anchored = HistoryBatch(history.rows, history.time_s, history.length, history.time_s.gather(1, first)[:, 0])
    return anchored, first, first - 1


def popularity(split: Split, num_items: int) -> np.ndarray:
    """Training events per item, float64 [V]."""
    histories = split.histories
    return np.bincount(histories.rows[training_events(split)], minlength=num_items).astype(np.float64)


def training_events(split: Split) -> np.ndarray:
    """Which events of the flat arrays are trained on, bool [E]."""
    stop = np.repeat(split.train_stop, np.diff(split.histories.offsets))
    return np.arange(len(split.histories.rows)) < stop
