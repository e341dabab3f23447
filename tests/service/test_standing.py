from service.standing import attribute_values, top_values
from tests.model.climber_pilot.worlds import small_catalogue

ROCK, JAZZ, EN = ("genre", "rock"), ("genre", "jazz"), ("language", "en")


def test_most_frequent_first():
    assert top_values([[JAZZ], [ROCK], [ROCK, EN]], 2) == [ROCK, EN]


def test_the_latest_wins_a_tie():
    assert top_values([[ROCK], [JAZZ]], 1) == [JAZZ]
    assert top_values([[JAZZ], [ROCK]], 1) == [ROCK]


def test_an_empty_window_has_none():
    assert top_values([], 4) == []
    assert top_values([[], []], 4) == []


def test_values_of_an_item():
    catalogue = small_catalogue()
    assert attribute_values(catalogue, ("genre",), "track-0") == [("genre", "jazz"), ("genre", "rock")]
    assert attribute_values(catalogue, ("language", "genre"), "track-1")[0] == ("language", "en")
    assert attribute_values(catalogue, ("genre",), "no such track") == []
