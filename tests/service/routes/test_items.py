from service.item_codec import unpack_item
from tests.service.running import fresh, serving, settings_for
from tests.service.test_request import check_problem


def test_every_item_as_the_catalogue_has_it(running):
    catalogue = running.catalogue
    for row in (0, 7, len(catalogue) - 1):
        item = running.client.get(f"/items/{catalogue.item_ids[row]}").json()
        assert item["item_id"] == catalogue.item_ids[row]
        assert item["title"] == catalogue.titles[row]
        assert item["attributes"] == catalogue.describe(row)
        assert item["training_events"] == running.retriever.popularity[row]


def test_unknown_items(running):
    check_problem(running.client.get("/items/no-such-item"), 404, "unknown_item")
    check_problem(running.client.get("/items/a/b"), 404, "unknown_item")


def test_bad_ids(running):
    assert check_problem(running.client.get(f"/items/{'i' * 201}"), 422, "invalid_request") == {
        "item_id": "string_too_long"
    }
    assert check_problem(running.client.get("/items/"), 422, "invalid_request") == {"item_id": "string_too_short"}


def stored(redis_server, item_id):
    with redis_server.client() as client:
        packed = client.hget("rec:items", item_id)
    return None if packed is None else unpack_item(packed)


def woken_for(redis_server):
    with redis_server.client() as client:
        entries = [fields for _, fields in client.xrange("rec:events")]
    return [fields[b"item_id"].decode() for fields in entries if fields[b"kind"] == b"item"]


def post(running, *items):
    return running.client.post("/items", json={"items": list(items)})


def test_items_are_stored_once_and_the_sidecar_is_told(running, redis_server):
    first, second = fresh("item"), fresh("item")
    rock = {"item_id": first, "title": "One", "attributes": {"genre": ["rock", "indie"]}}
    new_value = {"item_id": second, "attributes": {"genre": ["a genre of its own"]}}
    assert post(running, rock, new_value).json() == {"added": 2, "updated": 0, "unchanged": 0}
    assert stored(redis_server, first) == ("One", {"genre": ["indie", "rock"]})
    assert stored(redis_server, second) == (None, {"genre": ["a genre of its own"]})
    again = {**rock, "attributes": {"genre": ["indie", "rock", "rock"], "language": []}}
    assert post(running, again).json() == {"added": 0, "updated": 0, "unchanged": 1}
    assert post(running, {**rock, "title": "Two"}, new_value).json() == {"added": 0, "updated": 1, "unchanged": 1}
    assert stored(redis_server, first).title == "Two"
    assert woken_for(redis_server)[-3:] == [first, second, first]


def test_what_the_catalogue_has_is_not_stored_again(running, redis_server):
    catalogue = running.catalogue
    known = {"item_id": catalogue.item_ids[3], "title": catalogue.titles[3], "attributes": catalogue.describe(3)}
    assert post(running, known).json() == {"added": 0, "updated": 0, "unchanged": 1}
    assert stored(redis_server, known["item_id"]) is None
    assert post(running, {**known, "title": "Renamed"}).json() == {"added": 0, "updated": 1, "unchanged": 0}
    # Back to what the catalogue in force says: the posted change must not win later.
    assert post(running, known).json() == {"added": 0, "updated": 1, "unchanged": 0}
    assert stored(redis_server, known["item_id"]).title == known["title"]


def test_faults_of_items_are_named_by_field(running, redis_server):
    good = {"item_id": fresh("item"), "attributes": {"genre": ["rock"]}}
    wrong = {"item_id": fresh("item"), "attributes": {"colour": ["blue"]}}
    faults = check_problem(post(running, good, wrong, good), 422, "invalid_request")
    assert faults == {"items.1.attributes.colour": "unknown_attribute", "items.2.item_id": "repeated_item"}
    assert stored(redis_server, good["item_id"]) is None
    assert check_problem(post(running), 422, "invalid_request") == {"items": "too_short"}
    assert check_problem(post(running, {"item_id": ""}), 422, "invalid_request") == {
        "items.0.item_id": "string_too_short"
    }
    assert check_problem(post(running, {**good, "attributes": {"genre": "rock"}}), 422, "invalid_request") == {
        "items.0.attributes.genre": "list_type"
    }
    many = [{"item_id": f"item-{number}"} for number in range(running.service.settings.max_ingest_items + 1)]
    assert check_problem(post(running, *many), 422, "invalid_request") == {"items": "too_long"}


def test_items_need_the_store(release_root):
    with serving(settings_for(release_root, "unix:///nowhere")) as running:
        check_problem(post(running, {"item_id": "one"}), 503, "history_store_unavailable")
