import numpy as np
import pytest
import torch

from model.face_description.answer import Asked
from model.face_description.config import STAGES
from model.face_description.labels import Labels
from model.face_description.vlm.adaptation import Adapters, adapt, train_stage
from model.face_description.vlm.conversation import expected_answer, opening
from model.face_description.vlm.encoding import NOT_LEARNT, Sample
from model.face_description.vlm.inference import QwenDescriber
from model.training import STATE_FILE, Schedule
from tests.model.face_description.vlm.tiny import tiny_encoder, tiny_model

SCHEDULE = Schedule(
    epochs=1,
    learning_rate=5e-3,
    weight_decay=0.0,
    warmup_steps=1,
    final_learning_rate_share=0.1,
    clip_norm=1.0,
    patience_epochs=9,
    seed=0,
)


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    return [
        Sample(
            rng.integers(0, 256, (70, 60, 3), dtype=np.uint8),
            opening((1, 2, 30 + number, 40), "mouth", ("aus",), (), as_json=number > 0),
            expected_answer("the mouth stays still .", Labels({}), as_json=number > 0),
        )
        for number in range(2)
    ]


def test_only_the_answer_is_learnt(samples) -> None:
    encoder = tiny_encoder()
    batch = encoder.training_batch(samples)
    for row, sample in zip(batch["labels"], samples, strict=True):
        assert encoder.tokenizer.decode(row[row != NOT_LEARNT]) == sample.answer
    image_tokens = int(batch["mm_token_type_ids"][0].sum())
    assert image_tokens == int(batch["image_grid_thw"][0].prod()) // 4 > 0


def test_padding_of_a_longer_neighbour_changes_no_loss(samples) -> None:
    encoder, model = tiny_encoder(), tiny_model()
    with torch.inference_mode():
        alone = [float(model(**encoder.training_batch([sample])).loss) for sample in samples]
        counts = [len(encoder.tokenizer(sample.answer)["input_ids"]) for sample in samples]
        together = float(model(**encoder.training_batch(samples)).loss)
    assert together == pytest.approx(np.average(alone, weights=counts), rel=1e-4)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_adapts_the_vision_tower_only_where_boxes_are_arbitrary(stage) -> None:
    names = list(Adapters(adapt(tiny_model(), stage)).state_dict())
    assert any("language_model" in name for name in names)
    assert any("visual" in name for name in names) == (stage in ("focus", "recognise"))
    ranks = {
        "visual" in name: parameter.shape[0]
        for name, parameter in Adapters(adapt(tiny_model(), stage)).state_dict().items()
        if "lora_A" in name
    }
    assert ranks[False] == 16
    assert ranks.get(True, 8) == 8


def test_stage_after_stage_to_a_folder_that_answers(samples, tmp_path) -> None:
    encoder, model = tiny_encoder(), tiny_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        first = float(model(**encoder.training_batch(samples)).loss)
    for stage in STAGES:
        model = train_stage(
            model,
            encoder,
            stage,
            SCHEDULE,
            tmp_path / stage,
            batches=lambda _: [samples] * 3,
            validation=[samples],
            resume=False,
        )
        assert (tmp_path / stage / STATE_FILE).stat().st_size < 2_000_000
    with torch.inference_mode():
        assert float(model(**encoder.training_batch(samples)).loss) < first
    after = model.state_dict()
    assert set(after) == set(before)
    assert not torch.equal(
        after["model.visual.blocks.0.attn.qkv.weight"], before["model.visual.blocks.0.attn.qkv.weight"]
    )
    assert torch.equal(after["model.visual.patch_embed.proj.weight"], before["model.visual.patch_embed.proj.weight"])

    folder = tmp_path / "merged"
    model.save_pretrained(folder)
    encoder.save(folder)
    loaded = QwenDescriber.load(folder)
    for name, tensor in loaded._model.state_dict().items():
        torch.testing.assert_close(tensor, after[name])
    asked = Asked(
        samples[0].pixels, np.random.default_rng(1).uniform(10, 50, (68, 2)), (5.0, 5.0, 40.0, 40.0), "mouth", ("aus",)
    )
    (answer,) = QwenDescriber(loaded._model, encoder, "tiny", max_new_tokens=4).describe([asked])
    assert len(answer.text) <= 8
    assert answer.consistent is False
    assert (answer.labels.emotion, answer.labels.age) == (None, None)
