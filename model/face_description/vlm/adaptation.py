"""Adaptation: LoRA on Qwen2.5-VL stage by stage, each merged into the weights before the next begins."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from model.face_description.config import STAGES
from model.face_description.vlm.encoding import Encoder, Sample
from model.training import Schedule, fit

if TYPE_CHECKING:
    from peft import PeftModel

LANGUAGE_RANK, VISION_RANK = 16, 8
VISION_STAGES = STAGES[2:]
"""From where boxes are arbitrary on, the vision tower learns too."""
LANGUAGE_PARTS = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
VISION_PARTS = r".*visual\.blocks.*\.(qkv|proj|gate_proj|up_proj|down_proj)"


class Adapters(nn.Module):
    """What of an adapted model is trained; its state is the adapters alone, however large the model."""

    def __init__(self, adapted: "PeftModel") -> None:
        super().__init__()
        # In a tuple, so that the whole model is no part of this module's state.
        self._adapted = (adapted,)
        self.trained = nn.ParameterDict(
            {
                name.replace(".", "/"): parameter
                for name, parameter in adapted.named_parameters()
                if parameter.requires_grad
            }
        )

    def train(self, mode: bool = True) -> "Adapters":
        """Of the whole model: its dropout is there."""
        self._adapted[0].train(mode)
        return super().train(mode)


def adapt(model: Any, stage: str) -> "PeftModel":
    """The model with fresh adapters for a stage, its own weights frozen."""
    from peft import LoraConfig, get_peft_model

    parts, ranks = LANGUAGE_PARTS, {}
    if stage in VISION_STAGES:
        parts, ranks = f"({LANGUAGE_PARTS})|({VISION_PARTS})", {VISION_PARTS: VISION_RANK}
    config = LoraConfig(
        r=LANGUAGE_RANK,
        lora_alpha=2 * LANGUAGE_RANK,
        lora_dropout=0.05,
        target_modules=parts,
        rank_pattern=ranks,
        alpha_pattern={name: 2 * rank for name, rank in ranks.items()},
    )
    with warnings.catch_warnings():
        # peft asks transformers for a property by its old name.
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
        return get_peft_model(model, config)


def train_stage(
    model: Any,
    encoder: Encoder,
    stage: str,
    schedule: Schedule,
    out: Path,
    *,
    batches: Callable[[int], Sequence[Sequence[Sample]]],
    validation: Sequence[Sequence[Sample]],
    resume: bool,
) -> Any:
    """Train adapters on the answers' tokens, merge the best ones into the model and give it back.

    batches(epoch): samples that are learnt together; a fifth of them from earlier stages. What is written in `out` is
    the adapters; see model.training.fit.
    """
    adapted = adapt(model, stage)

    def loss(samples: Sequence[Sample]) -> Tensor:
        answer: Tensor = adapted(**_on(adapted.device, encoder.training_batch(samples))).loss
        return answer

    fit(
        Adapters(adapted),
        schedule,
        out,
        batches=batches,
        step=lambda samples, _: loss(samples),
        evaluate=lambda: {"negative_loss": -sum(float(loss(some)) for some in validation) / len(validation)},
        select="negative_loss",
        resume=resume,
        title=f"vlm {stage}",
    )
    return adapted.merge_and_unload()


def _on(device: Any, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in batch.items()}
