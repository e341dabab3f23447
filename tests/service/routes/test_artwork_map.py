from itertools import combinations

import numpy as np
import pytest

from tests.service.artwork.asking import answered, problem, send
from tests.service.artwork.tiny import picture, write_tiny_root
from tests.service.running import serving, wait_until
from tests.service.test_request import check_problem


@pytest.fixture(scope="module")
def whole(running):
    return running.client.get("/artwork/map").json()


def test_the_map_shows_the_most_popular_items_of_the_release(running, whole):
    assert whole["release"] == running.service.releases.served.release_id
    assert (whole["space"], whole["total_items"]) == ("item_vectors", len(running.catalogue))
    assert whole["spaces"] == ["items"]
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
        ("/artwork/map", {"space": "albums"}, {"space": "literal_error"}),
        ("/artwork/map/nearest", {"x": 0.5}, {"y": "missing"}),
        ("/artwork/map/nearest", {"x": 2, "y": 0}, {"x": "less_than_equal"}),
        ("/artwork/map/nearest", {"x": "nan", "y": 0}, {"x": "finite_number"}),
        ("/artwork/map/nearest", {"x": 0, "y": 0, "k": 101}, {"k": "less_than_equal"}),
    ],
)
def test_bad_questions(running, path, asked, fault):
    assert check_problem(running.client.get(path, params=asked), 422, "invalid_request") == fault


@pytest.fixture(scope="module")
def cover_map(covers):
    return answered(covers.client.get("/artwork/map"))


@pytest.fixture
def both(artwork_settings, artwork_root, release_root, redis_server):
    """A service that recommends and knows covers."""
    with serving(artwork_settings(artwork_root, release_root=release_root, redis_url=redis_server.url)) as service:
        yield service


def test_a_service_of_covers_alone_lays_them_out(covers, cover_map):
    assert (cover_map["space"], cover_map["spaces"]) == ("cover_embeddings", ["covers"])
    assert cover_map["release"] == covers.service.artwork.releases.served.release_id
    assert {item["item_id"] for item in cover_map["items"]} == {f"cover-{row}" for row in range(24)}
    for item in cover_map["items"]:
        cover = answered(covers.client.get(f"/artwork/{item['item_id']}"))
        assert (item["title"], item["artist"]) == (cover["title"], cover["artist"])


def test_covers_that_look_alike_lie_near_one_another(cover_map):
    places = {item["item_id"]: np.array([item["x"], item["y"]]) for item in cover_map["items"]}
    distances = {True: [], False: []}
    for one, other in combinations(range(24), 2):
        alike = one % 4 == other % 4  # of one colour
        distances[alike].append(np.linalg.norm(places[f"cover-{one}"] - places[f"cover-{other}"]))
    assert np.mean(distances[True]) < 0.7 * np.mean(distances[False])


def test_regions_of_covers_are_named_by_attributes_and_never_by_styles(covers, cover_map):
    names = {region["name"] for region in cover_map["regions"]} - {""}
    library = covers.service.artwork.releases.served.library
    assert names
    assert not names & set(library.base.catalogue.attributes["cover_style"].values)


def test_what_lies_near_a_place_is_a_cover(covers, cover_map):
    cover = cover_map["items"][5]
    near = answered(covers.client.get("/artwork/map/nearest", params={"x": cover["x"], "y": cover["y"], "k": 1}))
    assert (near["space"], near["layout"], near["release"]) == tuple(
        cover_map[name] for name in ("space", "layout", "release")
    )
    assert [(item["item_id"], item["artist"], item["distance"]) for item in near["items"]] == [
        (cover["item_id"], cover["artist"], pytest.approx(0, abs=1e-5))
    ]


@pytest.mark.parametrize("path", ["/artwork/map", "/artwork/map/nearest"])
def test_a_space_that_is_not_served_is_told(running, covers, path):
    problem(running.client.get(path, params={"space": "covers", "x": 0, "y": 0}), 503, "artwork_not_configured")
    problem(covers.client.get(path, params={"space": "items", "x": 0, "y": 0}), 503, "recommender_not_configured")


def test_where_both_are_served_a_client_can_choose(both):
    found = {asked: answered(both.client.get("/artwork/map", params={"space": asked})) for asked in ("covers", "items")}
    assert found["covers"]["space"] == "cover_embeddings"
    assert found["covers"]["release"] == both.service.artwork.releases.served.release_id
    assert found["items"]["space"] == "item_vectors"
    assert found["items"]["release"] == both.service.releases.served.release_id
    assert found["items"]["spaces"] == found["covers"]["spaces"] == ["covers", "items"]
    assert answered(both.client.get("/artwork/map")) == found["covers"]


def test_additions_leave_the_map_and_a_swap_makes_another(own_covers, artwork_root):
    before = answered(own_covers.client.get("/artwork/map"))
    answered(send(own_covers, "/artwork/index", picture("grey", 93), artwork_id="added"))
    assert answered(own_covers.client.get("/artwork/map")) == before
    release = write_tiny_root(artwork_root, number=12)
    wait_until(lambda: own_covers.client.get("/artwork/map").json()["release"] == release.release_id)
    after = answered(own_covers.client.get("/artwork/map"))
    assert after["layout"] != before["layout"]
    assert after["total_items"] == 12


def test_refused_covers_leave_the_map_of_items(artwork_settings, tmp_path, release_root, redis_server):
    settings = artwork_settings(tmp_path, release_root=release_root, redis_url=redis_server.url)
    with serving(settings) as service:
        whole = answered(service.client.get("/artwork/map"))
        assert (whole["space"], whole["spaces"]) == ("item_vectors", ["items"])
        refused = problem(service.client.get("/artwork/map?space=covers"), 503, "not_ready")
        assert "the artwork release was refused" in refused["detail"]
