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
