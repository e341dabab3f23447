import pytest

from model.face_description.config import STAGES
from model.face_description.faces import load_faces
from model.face_description.vlm.conversation import read_answer
from model.face_description.vlm.samples import stage_samples
from model.face_description.vlm.train import train
from tests.model.face_description.test_faces import write_set
from tests.model.face_description.vlm.tiny import tiny_encoder, tiny_model


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    write_set(folder / "fer2013", 48, "emotion", ["happy"] * 6)
    write_set(folder / "utkface", 60, "age", [40] * 6)
    return load_faces(folder)


@pytest.mark.parametrize("stage", STAGES)
def test_only_the_last_stage_wants_labels_and_asks_twice_of_a_face(labelled, stage) -> None:
    groups = stage_samples(labelled, stage, tiny_encoder().limits, (0, 1))
    assert len(groups) == len(labelled)
    for group in groups:
        assert len(group) in ((1, 2) if stage == "recognise" else (1,))
        for sample in group:
            _, labels = read_answer(sample.answer.removesuffix("<|im_end|>"))
            assert (labels is not None) == (stage == "recognise")
            assert "sex" not in sample.opening


def test_the_command_s_stages_end_in_a_folder_of_weights(labelled, tmp_path) -> None:
    parts = {"train": 0, "validation": 0}
    some = [face for face in labelled if face.part in parts][:3]
    both = [*some, *(type(one)(**{**vars(one), "part": "validation"}) for one in some[:1])]
    merged = train(tiny_model(), tiny_encoder(), both, tmp_path, epochs=1, resume=False)
    assert {"config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"} <= {
        path.name for path in merged.iterdir()
    }
