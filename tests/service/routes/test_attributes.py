from collections import Counter

import pytest

from tests.service.test_request import check_problem


def counts(running, name):
    catalogue = running.catalogue
    return Counter(value for row in range(len(catalogue)) for value in catalogue.describe(row).get(name, ()))


def test_all_attributes_with_their_most_frequent_values(running):
    document = running.client.get("/attributes", params={"limit": 3}).json()
    assert [one["name"] for one in document["attributes"]] == list(running.catalogue.attributes)
    for one in document["attributes"]:
        expected = counts(running, one["name"])
        assert one["total_values"] == len(expected)
        assert [value["items"] for value in one["values"]] == sorted(expected.values(), reverse=True)[:3]
        assert all(expected[value["value"]] == value["items"] for value in one["values"])
        assert one["instructable"] == (one["name"] in running.retriever.instructable)
        assert one["multi_valued"] == running.catalogue.attributes[one["name"]].multi_valued


@pytest.mark.parametrize(("prefix", "limit"), [("", 7), ("artist-000", 4), ("artist-0001", 1), ("zzz", 5), ("", 1000)])
def test_pages_reach_every_value_once(running, prefix, limit):
    found, after = [], None
    while True:
        params = {"attribute": "artist", "prefix": prefix, "limit": limit} | ({} if after is None else {"after": after})
        (one,) = running.client.get("/attributes", params=params).json()["attributes"]
        assert len(one["values"]) <= limit
        found += [value["value"] for value in one["values"]]
        after = one["next_after"]
        if after is None:
            break
    assert found == [value for value in running.catalogue.attributes["artist"].values if value.startswith(prefix)]


@pytest.mark.parametrize(
    ("params", "field", "code"),
    [
        ({"attribute": "mood"}, "attribute", "unknown_attribute"),
        ({"prefix": "a"}, "attribute", "missing"),
        ({"after": "a"}, "attribute", "missing"),
        ({"limit": 0}, "limit", "greater_than_equal"),
        ({"limit": 1001}, "limit", "less_than_equal"),
        ({"limit": "few"}, "limit", "int_parsing"),
    ],
)
def test_bad_parameters(running, params, field, code):
    assert check_problem(running.client.get("/attributes", params=params), 422, "invalid_request") == {field: code}
