"""The Triton backend: launches of the training kernels and their gradient. `op` imports it only when asked for."""

from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from kernels.guided_attention.backward_key import backward_key_kernel
from kernels.guided_attention.backward_query import backward_query_kernel
from kernels.guided_attention.backward_rows import backward_rows_kernel
from kernels.guided_attention.forward import forward_kernel
from kernels.guided_attention.plan import Blocks, Plan, summarise
from kernels.guided_attention.tile_sizes import INTERPRETED, MAX_REGISTERS, ROWS, Kernel, Tile, padded_width, tile_of

DTYPES = (torch.bfloat16, torch.float16, torch.float32)


def interpreted() -> bool:
    """Whether Triton runs its kernels as Python on the CPU (TRITON_INTERPRET=1 before this module was imported)."""
    return not isinstance(forward_kernel, triton.runtime.JITFunction)


def check_device_and_dtype(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Raises ValueError where the kernels cannot run."""
    if not q.is_cuda and not interpreted():
        raise ValueError(f"expected CUDA tensors for the fused backend, got {q.device}")
    if q.dtype not in DTYPES or k.dtype != q.dtype or v.dtype != q.dtype:
        raise ValueError(f"expected q, k and v of one dtype of {DTYPES}, got {q.dtype}, {k.dtype}, {v.dtype}")


def tile_for(kernel: Kernel, q: Tensor, tile: Tile | None = None) -> Tile:
    """The given tile, else the interpreter's, else the table's."""
    if tile is not None:
        return tile
    return INTERPRETED if interpreted() else tile_of(kernel, q.shape[3], q.element_size())


def fused_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    plan: Plan,
    *,
    position_table: Tensor | None,
    time_table: Tensor | None,
    condition_key: Tensor | None,
    condition_value: Tensor | None,
    tile: Tile | None = None,
) -> Tensor:
    """Guided attention with its gradients, [B, H, Q, Dh]; arguments as in `op`, masks as a plan."""
    check_device_and_dtype(q, k, v)
    padded_width(q.shape[3])
    result: Tensor = _FusedAttention.apply(
        q, k, v, condition_key, condition_value, position_table, time_table, plan, tile
    )
    return result


class _FusedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        own_key: Tensor | None,
        own_value: Tensor | None,
        position_table: Tensor | None,
        time_table: Tensor | None,
        plan: Plan,
        tile: Tile | None,
    ) -> Tensor:
        q, k, v = dense_rows(q), dense_rows(k), dense_rows(v)
        own_key, own_value = own_rows(own_key, q), own_rows(own_value, q)
        position_table, time_table = dense_table(position_table), dense_table(time_table)
        B, H, Q, D = q.shape
        chosen = tile_for("forward", q, tile)
        blocks = summarise(plan, chosen.keys)
        out = q.new_empty(B, Q, H, D)
        log_sum = q.new_empty(B * H, Q, dtype=torch.float32)
        with device_of(q):
            forward_kernel[(B * H, _blocks(Q, chosen.queries))](
                *(q, k, v, given(own_key, q), given(own_value, q), out, log_sum),
                *mask_arrays(plan, blocks),
                *(given(position_table, q), given(time_table, q)),
                *(*row_strides(q), *row_strides(k), *row_strides(v)),
                *(*row_strides(given(own_key, q)), *row_strides(given(own_value, q))),
                *(D**-0.5, H, Q, k.shape[2], blocks.first_position.shape[1], plan.words),
                **constants(q, chosen, plan, position_table, time_table),
                OWN=own_key is not None,
            )
        ctx.save_for_backward(q, k, v, own_key, own_value, position_table, time_table, out, log_sum)
        ctx.plan, ctx.tile = plan, tile
        return out.transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, own_key, own_value, position_table, time_table, out, log_sum = ctx.saved_tensors
        plan: Plan = ctx.plan
        B, H, Q, D = q.shape
        upstream = dense_rows(gradients[0])
        inner, own_slope = (torch.empty_like(log_sum) for _ in range(2))
        key_tile, query_tile = tile_for("backward_key", q, ctx.tile), tile_for("backward_query", q, ctx.tile)
        blocks = summarise(plan, query_tile.keys)
        grid = (B * H, _blocks(Q, query_tile.queries))
        buckets = [table.shape[1] for table in (position_table, time_table) if table is not None]
        cells = 1 << (max([1, *buckets]) - 1).bit_length()
        q_gradient = q.new_empty(B, Q, H, D)
        own_gradients = [q.new_empty(B, Q, H, D) for _ in range(0 if own_key is None else 2)]
        parts = [q.new_empty(*grid, cells, dtype=torch.float32) for _ in range(2)]
        tables = (given(position_table, q), given(time_table, q))
        shape = (D**-0.5, H, Q, k.shape[2])
        with device_of(q):
            backward_rows_kernel[(B * H, _blocks(Q, ROWS))](
                *(q, given(own_key, q), given(own_value, q), out, upstream, log_sum, inner, own_slope),
                *(own_gradients or (q, q)),
                *(*row_strides(q), *row_strides(given(own_key, q))),
                *(*row_strides(given(own_value, q)), *row_strides(upstream)),
                *(D**-0.5, H, Q),
                D=D,
                BLOCK_D=padded_width(D),
                BLOCK_M=ROWS,
                OWN=own_key is not None,
                UPCAST=interpreted() and q.dtype == torch.bfloat16,
            )
            backward_query_kernel[grid](
                *(q, k, v, given(own_key, q), upstream, log_sum, inner, own_slope, q_gradient, *parts),
                *(*mask_arrays(plan, blocks), *tables),
                *(*row_strides(q), *row_strides(k), *row_strides(v)),
                *(*row_strides(given(own_key, q)), *row_strides(upstream)),
                *(*shape, blocks.first_position.shape[1], plan.words),
                **constants(q, query_tile, plan, position_table, time_table),
                CELLS=cells,
                OWN=own_key is not None,
            )
            if key_tile.keys != query_tile.keys:
                blocks = summarise(plan, key_tile.keys)
            num_blocks = blocks.first_position.shape[1]
            k_gradient, v_gradient = (k.new_empty(B, k.shape[2], H, D) for _ in range(2))
            backward_key_kernel[(B * H, num_blocks)](
                *(q, k, v, upstream, log_sum, inner, k_gradient, v_gradient),
                *(*mask_arrays(plan, blocks), *tables),
                *(*row_strides(q), *row_strides(k), *row_strides(v), *row_strides(upstream)),
                *(*shape, num_blocks, plan.words),
                **constants(q, key_tile, plan, position_table, time_table),
            )
        rows = [gradient.transpose(1, 2) for gradient in (q_gradient, k_gradient, v_gradient, *own_gradients)]
        if own_key is None:
            rows += [None, None]
        return (*rows, _table_sum(parts[0], position_table, H), _table_sum(parts[1], time_table, H), None, None)


def _table_sum(parts: Tensor, table: Tensor | None, num_heads: int) -> Tensor | None:
    if table is None:
        return None
    summed = parts.unflatten(0, (-1, num_heads)).sum((0, 2))
    return summed[:, : table.shape[1]].to(table.dtype)


def _blocks(rows: int, block: int) -> int:
    return -(-rows // block)


def constants(
    q: Tensor, tile: Tile, plan: Plan, position_table: Tensor | None, time_table: Tensor | None
) -> dict[str, Any]:
    """What a training kernel is compiled for."""
    return {
        "D": q.shape[3],
        "BLOCK_D": padded_width(q.shape[3]),
        "BLOCK_M": tile.queries,
        "BLOCK_N": tile.keys,
        "WORDS": plan.words,
        "GROUPS": plan.groups,
        "ANCHORED": plan.hidden_to_s.shape[1] > 0,
        "POSITIONS": 0 if position_table is None else position_table.shape[1],
        "TIMES": 0 if time_table is None else time_table.shape[1],
        "UPCAST": interpreted() and q.dtype == torch.bfloat16,
        "num_warps": tile.warps,
        "num_stages": tile.stages,
        "maxnreg": MAX_REGISTERS,
    }


def mask_arrays(plan: Plan, blocks: Blocks) -> tuple[Tensor, ...]:
    """The plan and its summaries in the order in which the kernels take them."""
    rows = (plan.query_row, plan.key_row, plan.query_position, plan.key_position, plan.query_words, plan.key_words)
    times = (plan.query_time_s, plan.key_time_s, plan.hidden_from_s, plan.hidden_to_s)
    return (*rows, *times, *blocks)


def dense_rows(rows: Tensor) -> Tensor:
    """The tensor itself where the numbers of a row lie side by side, else a copy in which they do."""
    return rows if rows.stride(3) == 1 else rows.contiguous()


def own_rows(rows: Tensor | None, q: Tensor) -> Tensor | None:
    """Condition rows as the kernels take them, in the dtype of q."""
    return None if rows is None else dense_rows(rows.to(q.dtype))


def dense_table(table: Tensor | None) -> Tensor | None:
    """A bias table without gaps."""
    return None if table is None else table.contiguous()


def given(tensor: Tensor | None, otherwise: Tensor) -> Tensor:
    """A tensor for an argument that is not looked at where there is none."""
    return otherwise if tensor is None else tensor


def row_strides(rows: Tensor) -> tuple[int, int, int]:
    """Strides of batch, head and row."""
    return rows.stride(0), rows.stride(1), rows.stride(2)


def device_of(tensor: Tensor) -> Any:
    """Kernels start on the device of their arguments, whatever the current one is."""
    return torch.cuda.device_of(tensor)
