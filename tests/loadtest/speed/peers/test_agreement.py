import pytest

from loadtest.speed.peers.agreement import agreement, ask
from tests.loadtest.speed.answering import answering


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([["a", "b"]], [["a", "b"]], 1.0),
        ([["a", "b"]], [["b", "a"]], 0.0),
        ([["a", "b"], ["c"]], [["a", "x"], ["c"]], 2 / 3),
        ([["a", "b"]], [["a"]], 0.5),
        ([["a"]], [["a", "b"]], 0.5),
        ([], [], 0.0),
    ],
)
def test_positions_that_hold_the_same_item(ours, theirs, expected):
    assert agreement(ours, theirs) == pytest.approx(expected)


def test_every_question_must_have_an_answer():
    with pytest.raises(ValueError, match="shorter"):
        agreement([["a"]], [])


def test_a_question_is_posted_as_json():
    with answering(lambda body: (200, body, {})) as port:
        assert ask(f"http://127.0.0.1:{port}/x", {"a": [1]}) == {"a": [1]}
