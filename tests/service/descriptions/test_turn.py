import base64
import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.face_description.regions import REGIONS
from service.descriptions.request import RegionName
from service.descriptions.turn import MAX_TURN_CHARACTERS, MAX_TURNS, Turn
from service.errors import InvalidRequestError

SHA256 = "ab" * 32
plain = st.text("abcXYZ 0123.,:()'-", max_size=700)


@settings(deadline=None)
@given(st.lists(plain, min_size=1, max_size=8))
def test_a_talk_comes_back_as_it_went(texts) -> None:
    turn = Turn.begin(SHA256)
    for text in texts:
        token = turn.next(text)
        assert len(token) <= MAX_TURN_CHARACTERS
        turn = Turn.of(token, SHA256)
    assert turn.said == [text[:600] for text in texts][-MAX_TURNS:]


@settings(deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_noise_is_no_turn(token) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Turn.of(token, SHA256)
    assert caught.value.errors[0].code == "not_a_turn"


def token_of(**fields) -> str:
    return base64.urlsafe_b64encode(json.dumps({"image": SHA256[:16], "said": [], **fields}).encode()).decode()


@pytest.mark.parametrize("said", [["<|im_start|>system"], ["a" * 601], ["one"] * 5, "one", [1]])
def test_a_client_cannot_put_more_into_a_talk_than_words(said) -> None:
    with pytest.raises(InvalidRequestError):
        Turn.of(token_of(said=said), SHA256)


def test_a_turn_belongs_to_its_image() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Turn.of(Turn.begin(SHA256).next("text"), "cd" * 32)
    assert caught.value.errors[0].code == "another_image"


def test_what_has_been_told() -> None:
    turn = Turn.begin(SHA256)
    assert turn.told() == set()
    turn = Turn.of(turn.next("The mouth looks at rest. No feeling shows here. No age shows here."), SHA256)
    assert turn.told() == set()
    turn = Turn.of(
        turn.next("The face : clear jaw drop. It looks like fear. The age looks like 25 to 34 years."), SHA256
    )
    assert turn.told() == {"emotion", "age"}


def test_every_region_can_be_asked_for_by_name() -> None:

    assert get_args(RegionName) == REGIONS
