import pytest

from model.condition import Condition
from service.errors import InvalidRequestError
from service.history_codec import pack_values
from service.instructions import InstructionCache, parse_instructions, standing_instructions
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


def test_what_was_parsed_is_parsed_once():
    cache = InstructionCache(small_catalogue(), max_parsed=2)
    wheres = [{"genre": {"any": ["rock", "jazz"]}}, {"language": {"none": ["de"]}}]
    first, again = cache.parse(bodies(*wheres)), cache.parse(bodies(*wheres))
    assert first == again == parse_instructions(small_catalogue(), bodies(*wheres))
    assert first[0] is again[0]
    first.clear()
    assert cache.parse(bodies(*wheres)) == again  # the list is the caller's own
    for genre in ("rock", "jazz", "folk"):
        cache.parse(bodies({"genre": {"any": [genre]}}))
    assert len(cache) == 2


def test_all_that_a_client_writes_tells_instructions_apart():
    cache = InstructionCache(small_catalogue())
    where = {"genre": {"any": ["rock", "jazz"]}}
    written = [
        {"where": where},
        {"where": where, "name": "mine"},
        {"where": where, "quota": 3},
        {"where": {"genre": {"any": ["jazz", "rock"]}}},
        {"where": {"genre": {"none": ["rock", "jazz"]}}},
        {"where": {"genre": {"any": ["rock", "jazz"]}, "language": {"any": ["en"]}}},
        {"where": {"language": {"any": ["en"]}, "genre": {"any": ["rock", "jazz"]}}},
    ]
    for one in written:
        body = [InstructionBody.model_validate(one)]
        assert cache.parse(body) == parse_instructions(small_catalogue(), body)
        assert [*cache.parse(body)[0].where] == [*one["where"]]
    assert len(cache) == len(written)


def test_faults_are_not_kept():
    cache = InstructionCache(small_catalogue())
    for _ in range(2):
        with pytest.raises(InvalidRequestError):
            cache.parse(bodies({"mood": {"any": ["sad"]}}))
    assert len(cache) == 0


def test_packed_standing_values():
    cache = InstructionCache(small_catalogue())
    packed = pack_values([("genre", "rock"), ("mood", "sad")])
    assert [one.name for one in cache.standing(packed)] == ["genre is rock"]
    assert cache.standing(b"") == []
    with pytest.raises(ValueError, match=r".*"):
        cache.standing(b"no pairs")
