"""The two listeners of the demo."""

import pytest

from deploy.demo.listeners import Company, Listener, choose_company, values_of
from model.datasets.dataset import Dataset
from tests.model.climber_pilot.worlds import small_config


@pytest.fixture
def company(music_dataset: Dataset) -> Company:
    return choose_company(music_dataset, small_config(objective={"held_out_user_share": 0.3}))


def test_they_were_held_out_and_have_different_tastes(company: Company) -> None:
    assert company.first.unseen
    assert company.second.unseen
    assert company.first.user_id != company.second.user_id
    assert company.first.favourite != company.second.favourite
    assert "never seen in training" in company.first.describe()


def test_their_events_are_those_of_the_data_in_order(company: Company, music_dataset: Dataset) -> None:
    table = music_dataset.interactions.filter(music_dataset.interactions["user_id"] == company.first.user_id)
    expected = list(zip(table["item_id"].to_list(), table["event_time_s"].to_list(), strict=True))
    assert company.first.events == expected


def test_the_favourite_is_the_value_heard_most(company: Company, music_dataset: Dataset) -> None:
    values = values_of(music_dataset, company.attribute)
    heard = [value for item_id, _ in company.first.events for value in values[item_id]]
    assert all(heard.count(company.first.favourite) >= heard.count(other) for other in set(heard))


def test_the_instructions_ask_for_both_favourites(company: Company) -> None:
    first, second = company.instructions()
    assert first["where"] == {company.attribute: {"any": [company.first.favourite]}}
    assert second["where"] == {company.attribute: {"any": [company.second.favourite]}}


def test_without_anybody_held_out_the_demo_says_so(music_dataset: Dataset) -> None:
    company = choose_company(music_dataset, small_config(objective={"held_out_user_share": 0.0}))
    assert not company.first.unseen
    assert "holds nobody out" in company.first.describe()


def test_a_data_set_without_two_tastes_is_refused(music_dataset: Dataset) -> None:
    events = music_dataset.interactions
    one = Dataset("one", events.filter(events["user_id"] == events["user_id"][0]), music_dataset.items, ("genre",))
    with pytest.raises(ValueError, match="expected two listeners"):
        choose_company(one, small_config())


def test_event_ids_are_stable_and_unique() -> None:
    listener = Listener("a", [("x", 1), ("x", 1), ("y", 2)], "rock", unseen=True)
    ids = [event["event_id"] for event in listener.ingest()]
    assert len(set(ids)) == 3
    assert ids == [event["event_id"] for event in listener.ingest()]
