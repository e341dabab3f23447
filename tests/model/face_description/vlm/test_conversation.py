import random

import pytest
from hypothesis import given, settings

from model.face_description.grammar import describe, words, written
from model.face_description.vlm.conversation import expected_answer, opening, read_answer
from tests.model.face_description.test_grammar import speaking


@settings(deadline=None)
@given(speaking)
def test_an_expected_answer_is_read_back(labels) -> None:
    text = written(words(describe(labels, "mouth", random.Random(0))))
    answer = expected_answer(text, labels, as_json=True).removesuffix("<|im_end|>")
    assert read_answer(answer) == (text, labels)
    assert read_answer(expected_answer(text, labels, as_json=False).removesuffix("<|im_end|>")) == (text, None)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        '{"aus": ["AU12"]}',
        '{"aus": {"AU99": "clear"}}',
        '{"aus": {"AU12": "very"}}',
        '{"emotion": "hungry"}',
        '{"age": "20-30"}',
        '{"age": 4}',
    ],
)
def test_labels_that_do_not_exist_are_no_labels(line) -> None:
    assert read_answer(f"a text\n{line}") == ("a text", None)


def test_the_question_names_the_box_the_place_and_what_was_said() -> None:
    text = opening((1, 2, 30, 40), "left_cheek", ("aus", "age"), ("The nose looks at rest.",), as_json=True)
    assert "left cheek, box [1, 2, 30, 40]: aus, age." in text
    assert text.count("<|image_pad|>") == 1
    assert text.index("The nose looks at rest.") < text.index("left cheek")
    assert text.endswith("<|im_start|>assistant\n")
