"""fit(): the one training loop - step, clip, schedule, progress bar, log, evaluate, save, resume."""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from model.crew import Crew
from model.ranks import Ranks

STATE_FILE = "state.safetensors"
WEIGHTS_FILE = "weights.safetensors"
LOG_FILE = "log.jsonl"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; see StageConfig for the meaning of the fields."""

    epochs: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    final_learning_rate_share: float
    clip_norm: float
    patience_epochs: int
    seed: int

    @classmethod
    def of(cls, stage: object) -> "Schedule":
        """The part of a stage's settings that `fit` reads; a model's stage has others beside it, of the same names."""
        return cls(**{name: getattr(stage, name) for name in cls.__dataclass_fields__})

    def learning_rate_at(self, step: int, num_steps: int) -> float:
        """Linear warm-up, then a cosine down to the final share."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, num_steps - self.warmup_steps)
        share = self.final_learning_rate_share
        return self.learning_rate * (share + (1 - share) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


class Fitted(NamedTuple):
    """metrics of the best epoch; cpu_s: processor time of all finished epochs, those before a resume included."""

    metrics: dict[str, float]
    cpu_s: float


def fit(
    module: nn.Module,
    schedule: Schedule,
    out: Path,
    *,
    batches: Callable[[int], Sequence[Any]],
    step: Callable[[Any, int], Tensor],
    evaluate: Callable[[], dict[str, float]],
    select: str,
    resume: bool,
    title: str,
    evaluate_first: bool = False,
    ranks: Ranks | None = None,
    sharded: frozenset[str] = frozenset(),
    rate_shares: Mapping[str, float] | None = None,
) -> Fitted:
    """Train `module` and leave the best weights in it and in `out`.

    batches(epoch) lists the epoch's batches; step(batch, number) returns the loss; evaluate() returns metrics, of which
    `select` (higher is better) chooses the best epoch. Randomness is seeded per step, and the whole state is one file
    replaced atomically after every epoch, so a resumed run equals an uninterrupted one.
    evaluate_first: what the module starts with counts as epoch 0, so that training can only help where it is selected.
    ranks: the processes that train together; the losses that their steps return add up to the batch's. Each has its own
    rows of the parameters named in `sharded` and the same of all others. Files are whole, so a training can go on with
    another number of ranks; rank 0 writes them, all read them.
    rate_shares: beginning of parameters' names -> their share of the learning rate; the others have the whole.
    """
    ranks = ranks or Ranks()
    crew = Crew(ranks, sharded)
    out.mkdir(parents=True, exist_ok=True)
    # fused: one pass over the embedding tables, where the default makes seven.
    optimizer = torch.optim.AdamW(
        _groups(module, rate_shares or {}), schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
    )
    progress: dict[str, Any] = {"epoch": 0, "step": 0, "best": None, "best_epoch": -1, "cpu_s": 0.0}
    best = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    if resume and (out / STATE_FILE).exists():
        progress, best = _load_state(out / STATE_FILE, module, optimizer, crew)
        # Killed between the two files, it left the weights of an earlier epoch.
        whole = crew.whole(best)
        if ranks.leads:
            _write(out / WEIGHTS_FILE, whole, {})
    elif ranks.leads:
        (out / LOG_FILE).unlink(missing_ok=True)
    if evaluate_first and progress["best"] is None:
        started_s = time.process_time()
        metrics = _validate(module, evaluate)
        progress["best"] = metrics
        progress["cpu_s"] += ranks.total(time.process_time() - started_s)
        _save_state(out, module, optimizer, progress, best, crew)
        _log(out, title, 0, [], metrics, ranks)
    for epoch in range(progress["epoch"], schedule.epochs):
        if progress["best"] is not None and epoch - progress["best_epoch"] > schedule.patience_epochs:
            break
        started_s = time.process_time()
        losses = _train_epoch(
            module, optimizer, schedule, batches(epoch), step, progress, f"{title} epoch {epoch + 1}", crew
        )
        metrics = _validate(module, evaluate)
        if progress["best"] is None or metrics[select] > progress["best"][select]:
            progress |= {"best": metrics, "best_epoch": epoch}
            best = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        progress["epoch"] = epoch + 1
        progress["cpu_s"] += ranks.total(time.process_time() - started_s)
        _save_state(out, module, optimizer, progress, best, crew)
        _log(out, title, epoch + 1, losses, metrics, ranks)
    module.load_state_dict(best)
    module.eval()
    return Fitted(progress["best"] or {}, progress["cpu_s"])


def _groups(module: nn.Module, rate_shares: Mapping[str, float]) -> list[dict[str, Any]]:
    shares: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in module.named_parameters():
        share = next((share for start, share in rate_shares.items() if name.startswith(start)), 1.0)
        shares.setdefault(share, []).append(parameter)
    return [{"params": parameters, "share": share} for share, parameters in shares.items() if parameters]


def _validate(module: nn.Module, evaluate: Callable[[], dict[str, float]]) -> dict[str, float]:
    module.eval()
    with torch.inference_mode():
        return evaluate()


def _log(out: Path, title: str, epoch: int, losses: list[float], metrics: dict[str, float], ranks: Ranks) -> None:
    if not ranks.leads:
        return
    mean = {"loss": sum(losses) / len(losses)} if losses else {}
    with (out / LOG_FILE).open("a") as log:
        log.write(json.dumps({"epoch": epoch, **mean, **metrics}) + "\n")
    figures = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    # Standard output is for what a command was asked for.
    tqdm.write(f"{title} epoch {epoch}: {figures}", file=sys.stderr)


def _train_epoch(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: Schedule,
    batches: Sequence[Any],
    step: Callable[[Any, int], Tensor],
    progress: dict[str, Any],
    title: str,
    crew: Crew,
) -> list[float]:
    module.train()
    losses = []
    with tqdm(batches, desc=title, unit="batch", mininterval=1.0, disable=not crew.ranks.leads) as bar:
        for batch in bar:
            number = progress["step"]
            # A seed per step, so that dropout does not depend on what ran before a resume; ranks drop out differently.
            torch.manual_seed(schedule.seed * 1_000_003 + number + crew.ranks.rank * 1_000_000_007)
            for group in optimizer.param_groups:
                group["lr"] = group["share"] * schedule.learning_rate_at(number, schedule.epochs * len(batches))
            optimizer.zero_grad(set_to_none=True)
            loss = step(batch, number)
            loss.backward()
            crew.clip(module, schedule.clip_norm)
            optimizer.step()
            losses.append(crew.ranks.total(float(loss.detach())))
            if not math.isfinite(losses[-1]):
                raise FloatingPointError(f"expected a finite loss, got {losses[-1]} at step {number}")
            bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
            progress["step"] = number + 1
    return losses


def _save_state(
    out: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: dict[str, Any],
    best: dict[str, Tensor],
    crew: Crew,
) -> None:
    tensors = {f"last.{name}": tensor for name, tensor in module.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for parameter, state in optimizer.state.items():
        tensors |= {f"adam.{key}.{names[id(parameter)]}": value for key, value in state.items()}
    tensors = crew.whole(tensors)
    if crew.ranks.leads:
        _write(out / STATE_FILE, tensors, {"progress": json.dumps(progress)})
        _write(out / WEIGHTS_FILE, {name: tensors[f"best.{name}"] for name in best}, {})


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    temporary = path.with_suffix(".partial")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    os.replace(temporary, path)


def _load_state(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, crew: Crew
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        progress = json.loads(file.metadata()["progress"])
    current = module.state_dict()
    last, best = (
        {name: crew.own(name, tensors[f"{kind}.{name}"], like) for name, like in current.items()}
        for kind in ("last", "best")
    )
    module.load_state_dict(last)
    for name, parameter in module.named_parameters():
        keys = ("step", "exp_avg", "exp_avg_sq")
        state = {key: tensors[f"adam.{key}.{name}"] for key in keys if f"adam.{key}.{name}" in tensors}
        if state:
            # AdamW keeps its step count on the CPU and its moments beside the parameter.
            optimizer.state[parameter] = {
                key: value if key == "step" else crew.own(name, value, parameter).to(parameter.device)
                for key, value in state.items()
            }
    return progress, best
