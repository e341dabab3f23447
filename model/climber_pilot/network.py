"""The Climber-Pilot network: a causal backbone shared by K branches (arXiv 2602.13581, section 2).

Shapes: B batch, N history length, D width, H heads, K branches, Q query rows, V catalogue size.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from kernels.guided_attention.op import Backend, backend_for, guided_attention
from kernels.guided_attention.relative_bias import RelativeBias
from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import ConditionBatch, ConditionTable, condition_table
from model.climber_pilot.condition_path import AdaLNZero, Modulation, OutputHead, condition_paths
from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.item_encoder import ItemEncoder
from model.climber_pilot.request_clock import RequestClock
from model.condition import Condition


@dataclass(frozen=True)
class HistoryBatch:
    """Right-padded histories, oldest first.

    rows: [B, N] catalogue rows (0 in padding); time_s: [B, N] int64; length: [B].
    anchor_s: [B] time of the first target when Eq. 1 is applied literally, else None.
    """

    rows: Tensor
    time_s: Tensor
    length: Tensor
    anchor_s: Tensor | None = None

    def to(self, device: torch.device) -> "HistoryBatch":
        """The batch on a device."""
        anchor_s = None if self.anchor_s is None else self.anchor_s.to(device)
        return HistoryBatch(self.rows.to(device), self.time_s.to(device), self.length.to(device), anchor_s)


def attention_backend(setting: str, device_type: str, *, gradients: bool) -> Backend:
    """What the setting of NetworkConfig.attention amounts to on a device."""
    return backend_for(device_type, gradients=gradients) if setting == "auto" else cast(Backend, setting)


class Layer(nn.Module):
    """A pre-norm Transformer layer whose query rows may differ from its keys."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.attention = config.attention
        self.attention_norm = nn.LayerNorm(config.width)
        self.to_query = nn.Linear(config.width, config.width)
        self.to_key_value = nn.Linear(config.width, 2 * config.width)
        self.to_output = nn.Linear(config.width, config.width)
        self.position_table = nn.Parameter(torch.zeros(config.num_heads, config.position_buckets))
        self.time_table = nn.Parameter(torch.zeros(config.num_heads, config.time_buckets))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.feed_forward_width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feed_forward_width, config.width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        states: Tensor,
        history: HistoryBatch,
        *,
        safety_interval_s: int,
        position: Tensor | None = None,
        key_attributes: Tensor | None = None,
        conditions: ConditionBatch | None = None,
        condition_tokens: Tensor | None = None,
        modulation: Modulation | None = None,
    ) -> Tensor:
        """Rows of `states` [B, N, D] at `position` [B, Q] (all N of them when None) after this layer, [B, Q, D].

        conditions and condition_tokens [C, D] guide the attention (Eq. 5); key_attributes: [B, N, W].
        modulation [B, Q, D] is AdaLN-Zero's, of the query rows.
        """
        num_keys = states.shape[1]
        if position is None:
            position = torch.arange(num_keys, device=states.device).expand(len(states), num_keys)
            rows, query_time_s = states, history.time_s
        else:
            rows = states.gather(1, position[:, :, None].expand(-1, -1, states.shape[2]))
            query_time_s = history.time_s.gather(1, position)
        key, value = self._split_key_value(self.attention_norm(states))
        own_key = own_value = None
        if conditions is not None and condition_tokens is not None:
            own_key, own_value = self._split_key_value(condition_tokens[conditions.query_condition])
        query_rows = self.attention_norm(rows)
        if modulation is not None:
            query_rows = query_rows * (1 + modulation.attention_scale) + modulation.attention_shift
        attended = guided_attention(
            self._heads(self.to_query(query_rows)),
            key,
            value,
            query_position=position,
            key_length=history.length,
            key_attributes=key_attributes,
            query_condition=conditions.query_bits() if conditions is not None and key_attributes is not None else None,
            key_time_s=history.time_s,
            query_anchor_s=None if history.anchor_s is None else history.anchor_s[:, None].expand_as(position),
            safety_interval_s=safety_interval_s,
            bias=RelativeBias(self.position_table, self.time_table, query_time_s),
            condition_key=own_key,
            condition_value=own_value,
            backend=attention_backend(self.attention, states.device.type, gradients=torch.is_grad_enabled()),
        )
        attended = self.to_output(attended.transpose(1, 2).flatten(2))
        if modulation is None:
            rows = rows + self.dropout(attended)
            return rows + self.dropout(self.feed_forward(rows))
        rows = rows + self.dropout(attended * (1 + modulation.attention_gate))
        inner = self.feed_forward[0](rows) * (1 + modulation.feed_forward_scale) + modulation.feed_forward_shift
        return rows + self.dropout(self.feed_forward[1:](inner) * (1 + modulation.feed_forward_gate))

    def _heads(self, rows: Tensor) -> Tensor:
        return rows.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def _split_key_value(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        key, value = self.to_key_value(rows).chunk(2, -1)
        return self._heads(key), self._heads(value)


class ClimberPilot(nn.Module):
    """Backbone, K branches and the item encoder.

    The condition token (`condition_base` plus signed value embeddings) is visible to every branch query, so a condition
    that no history item satisfies falls back to the condition itself. Deviates: the paper is silent.
    """

    item_words: Tensor

    def __init__(self, config: NetworkConfig, catalogue: Catalogue, safety_interval_s: int = 0) -> None:
        super().__init__()
        self.config = config
        self.safety_interval_s = safety_interval_s
        self.items = ItemEncoder(config, catalogue)
        self.input_dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))
        self.branches = nn.ModuleList(Layer(config) for _ in range(config.num_branches))
        self.branch_norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(config.num_branches))
        self.condition_base = nn.Parameter(torch.zeros(config.width))
        self.condition_values = nn.Embedding(max(1, catalogue.num_values), config.width)
        nn.init.zeros_(self.condition_values.weight)
        self.register_buffer("item_words", torch.from_numpy(catalogue.words), persistent=False)
        self.unconditional = condition_table([Condition()], catalogue.num_words)
        self.clock = RequestClock(config) if config.request_clock else None
        # Last, so that the random start of everything else is the same along every path.
        self.condition_paths = condition_paths(config)

    @property
    def device(self) -> torch.device:
        """Where the parameters are; every input must be there too."""
        return self.condition_base.device

    def backbone(self, item_vectors: Tensor, history: HistoryBatch) -> Tensor:
        """States H = (h_1..h_N), [B, N, D]. item_vectors: [V, D] from `items()`."""
        # Scaled as in the Transformer: item vectors are small or unit-length, layer inputs should not be.
        states: Tensor = self.input_dropout(functional.embedding(history.rows, item_vectors) * self.config.width**0.5)
        for layer in self.layers:
            states = layer(states, history, safety_interval_s=self.safety_interval_s)
        return states

    def branch(
        self,
        k: int,
        states: Tensor,
        history: HistoryBatch,
        position: Tensor,
        conditions: ConditionBatch | None = None,
        request_time_s: Tensor | None = None,
    ) -> Tensor:
        """Query vectors of branch k (0-based) read at `position` [B, Q] under `conditions`, [B, Q, D].

        Without conditions every history item is visible and the token is the bare base. request_time_s: [B, Q], read
        by the request clock alone; None where no time but that of the event read is known.
        """
        everything = ConditionBatch(self.unconditional.to(position.device), torch.zeros_like(position))
        asked = everything if conditions is None else conditions
        path = self.condition_paths[k] if len(self.condition_paths) else None
        guided = conditions is not None and path is None
        # The other paths keep the bare token: the branch layer was pre-trained with it.
        guide = asked if guided else everything
        modulation = None
        if isinstance(path, AdaLNZero):
            modulation = path(self.condition_vectors(asked.table)).of_query(asked.query_condition)
        rows = self.branches[k](
            states,
            history,
            safety_interval_s=self.safety_interval_s,
            position=position,
            key_attributes=self.item_words[history.rows] if guided else None,
            conditions=guide,
            condition_tokens=self.condition_tokens(guide.table),
            modulation=modulation,
        )
        if self.clock is not None:
            read_time_s = history.time_s.gather(1, position)
            rows = rows + self.clock(read_time_s if request_time_s is None else request_time_s, read_time_s)
        rows = self.branch_norms[k](rows)
        if isinstance(path, OutputHead):
            rows = path(rows, functional.embedding(asked.query_condition, self.condition_vectors(asked.table)))
        return self.scored(rows)

    def condition_tokens(self, table: ConditionTable) -> Tensor:
        """Learned token of every condition of the table, [C, D]."""
        return self.condition_base + self.condition_vectors(table)

    def condition_vectors(self, table: ConditionTable) -> Tensor:
        """The values of every condition of the table, [C, D]; zero for the empty condition.

        The items' embeddings of the values and what tuning adds to them: tuning starts from what pre-training knows of
        the values, and a path of condition_path.py that starts at zero gets a gradient.
        """
        values = self.condition_values.weight + self.items.value_embedding.weight
        of_table = functional.embedding_bag(
            table.value_ids, values, table.offsets, mode="sum", per_sample_weights=table.value_weights
        )
        return of_table * self.config.width**0.5

    def scored(self, vectors: Tensor) -> Tensor:
        """Vectors as they enter the inner product phi: unit length when the configuration says so."""
        return functional.normalize(vectors, dim=-1) if self.config.normalise else vectors

    def query_vectors(
        self,
        item_vectors: Tensor,
        history: HistoryBatch,
        conditions: ConditionBatch | None,
        request_time_s: Tensor | None = None,
    ) -> Tensor:
        """What retrieval searches with: branch 1 at the last event, one row per condition, [B, P, D].

        conditions.query_condition: [B, P]; None means one unconditional row per history. request_time_s: [B].
        """
        num_rows = 1 if conditions is None else conditions.query_condition.shape[1]
        position = (history.length - 1)[:, None].expand(-1, num_rows)
        if request_time_s is not None:
            request_time_s = request_time_s[:, None].expand_as(position)
        return self.branch(0, self.backbone(item_vectors, history), history, position, conditions, request_time_s)
