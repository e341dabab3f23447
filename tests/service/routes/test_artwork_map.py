import numpy as np
import pytest

from tests.service.test_request import check_problem


@pytest.fixture(scope="module")
def whole(running):
    return running.client.get("/artwork/map").json()


def test_the_map_shows_the_most_popular_items_of_the_release(running, whole):
    assert whole["release"] == running.service.releases.served.release_id
    assert (whole["space"], whole["total_items"]) == ("item_vectors", len(running.catalogue))
    popularity = [running.retriever.popularity[running.catalogue.row_of[item["item_id"]]] for item in whole["items"]]
    assert popularity == sorted(popularity, reverse=True)
    for item in whole["items"][:20]:
        assert item["title"] == running.catalogue.titles[running.catalogue.row_of[item["item_id"]]]


def test_it_is_used_evenly(whole):
    places = np.array([[item["x"], item["y"]] for item in whole["items"]])
    cells = int(np.sqrt(len(places))) - 1
    assert len(np.unique((places * cells).astype(int) @ [cells, 1])) >= 0.8 * cells**2


def test_fewer_items_keep_their_places(running, whole):
    few = running.client.get("/artwork/map", params={"limit": 7}).json()
    assert few["items"] == whole["items"][:7]
    assert few["layout"] == whole["layout"]


def test_regions_are_named_by_values_that_are_frequent_there(running, whole):
    named = [number for number, region in enumerate(whole["regions"]) if region["name"]]
    assert len(whole["regions"]) == 25
    assert named
    values = {
        item["item_id"]: running.catalogue.describe(running.catalogue.row_of[item["item_id"]])
        for item in whole["items"]
    }
    name = whole["regions"][named[0]]["name"]

    def share(items):
        return np.mean([any(name in own for own in values[item["item_id"]].values()) for item in items])

    inside = [item for item in whole["items"] if item["cluster"] == named[0]]
    assert share(inside) > 1.1 * share(whole["items"])


def test_nearest(running, whole):
    answer = running.client.get("/artwork/map/nearest", params={"x": 0.3, "y": 0.8, "k": 9}).json()
    distances = sorted(np.hypot(item["x"] - 0.3, item["y"] - 0.8) for item in whole["items"])
    assert [item["distance"] for item in answer["items"]] == pytest.approx(distances[:9], abs=1e-5)
    assert answer["layout"] == whole["layout"]
    assert all(item["reason"].startswith(f"{item['distance']:.3f} of the map") for item in answer["items"])


@pytest.mark.parametrize(
    ("path", "asked", "fault"),
    [
        ("/artwork/map", {"limit": 0}, {"limit": "greater_than_equal"}),
        ("/artwork/map/nearest", {"x": 0.5}, {"y": "missing"}),
        ("/artwork/map/nearest", {"x": 2, "y": 0}, {"x": "less_than_equal"}),
        ("/artwork/map/nearest", {"x": "nan", "y": 0}, {"x": "finite_number"}),
        ("/artwork/map/nearest", {"x": 0, "y": 0, "k": 101}, {"k": "less_than_equal"}),
    ],
)
def test_bad_questions(running, path, asked, fault):
    assert check_problem(running.client.get(path, params=asked), 422, "invalid_request") == fault
