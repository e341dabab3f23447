from tests.service.artwork.asking import answered, problem


def test_a_cover_is_told_as_it_is_known(covers):
    cover = answered(covers.client.get("/artwork/cover-3"))
    assert (cover["title"], cover["artist"], cover["read_text"]) == ("Album 3", "Artist 3", ["ALBUM 3 grey"])
    assert cover["attributes"] | {"cover_style": []} == {"genre": ["jazz"], "colour": ["grey"], "cover_style": []}
    assert (cover["same_picture"], cover["in_release"]) == (1, True)
    assert cover["release"] == covers.service.artwork.releases.served.release_id


def test_its_style_is_an_instruction_for_covers_like_it(covers):
    style = answered(covers.client.get("/artwork/cover-3"))["attributes"]["cover_style"]
    body = {"sentence": "grey", "instructions": [{"where": {"cover_style": {"any": style}}}], "k": 50}
    found = answered(covers.client.post("/artwork/search", json=body))
    assert "cover-3" in {one["artwork_id"] for one in found["results"]}
    assert all(one["attributes"]["cover_style"] == style for one in found["results"])


def test_an_unknown_cover_is_not_found(covers):
    problem(covers.client.get("/artwork/nobody"), 404, "unknown_cover")


def test_the_paths_of_other_things_are_no_covers(covers):
    refused = covers.client.get("/artwork/search")
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "POST"
    assert covers.client.put("/artwork/search").headers["allow"] == "POST"
    assert covers.client.put("/artwork/cover-1").headers["allow"] == "GET"
