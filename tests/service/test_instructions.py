import pytest

from model.condition import Condition
from service.errors import InvalidRequestError
from service.instructions import parse_instructions, standing_instructions
from service.request import InstructionBody
from tests.model.climber_pilot.worlds import small_catalogue


def bodies(*wheres):
    return [InstructionBody.model_validate({"where": where}) for where in wheres]


def test_every_fault_is_named():
    wheres = [{"genre": {"any": ["rock"]}}, {"mood": {"any": ["sad"]}}, {"genre": {"all": ["polka"]}}]
    with pytest.raises(InvalidRequestError) as caught:
        parse_instructions(small_catalogue(), bodies(*wheres))
    assert [(fault.field, fault.code) for fault in caught.value.errors] == [
        ("instructions.1.where.mood", "unknown_attribute"),
        ("instructions.2.where.genre.all", "unknown_value"),
    ]


def test_names_say_the_condition():
    wheres = [{"genre": {"any": ["rock", "jazz"], "none": ["folk"]}}, {"language": {"any": ["en"]}}, {}]
    parsed = parse_instructions(small_catalogue(), bodies(*wheres))
    assert [one.name for one in parsed] == [
        "genre any of rock, jazz and genre none of folk",
        "language is en",
        "any item",
    ]
    assert parsed[2].condition == Condition()


def test_standing_values_of_another_release_are_left_out():
    parsed = standing_instructions(small_catalogue(), [("genre", "rock"), ("genre", "polka"), ("mood", "sad")])
    assert [one.name for one in parsed] == ["genre is rock"]
