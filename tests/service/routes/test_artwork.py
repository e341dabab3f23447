import pytest

from model.artwork.additions import Additions
from tests.service.artwork.asking import answered, problem, search, send
from tests.service.artwork.tiny import picture, write_tiny_root
from tests.service.running import serving, wait_until


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
    assert set(covers.client.put("/artwork/cover-1").headers["allow"].split(", ")) == {"DELETE", "GET"}
    for reserved, method in (("search", "POST"), ("map", "GET")):
        refused = covers.client.delete(f"/artwork/{reserved}")
        problem(refused, 405, "method_not_allowed")
        assert refused.headers["allow"] == method


def ids_of(service):
    return {one["artwork_id"] for one in search(service, sentence="red green", k=50)["results"]}


@pytest.mark.parametrize("gone", ["cover-3", "new"])
def test_a_cover_that_is_taken_away_is_found_no_more(own_covers, gone):
    """One of the release, and one that was added."""
    answered(send(own_covers, "/artwork/index", picture("green", 90), artwork_id="new"))
    assert gone in ids_of(own_covers)
    told = answered(own_covers.client.delete(f"/artwork/{gone}"))
    assert (told["artwork_id"], told["removed"], told["covers"]) == (gone, True, 24)
    assert gone not in ids_of(own_covers)
    problem(own_covers.client.get(f"/artwork/{gone}"), 404, "unknown_cover")
    again = answered(own_covers.client.delete(f"/artwork/{gone}"))
    assert (again["removed"], again["covers"]) == (False, 24)
    counts = [own_covers.metric("rec_artwork_removals_total", result=one) for one in ("removed", "unknown")]
    assert counts == [1, 1]
    answered(send(own_covers, "/artwork/index", picture("green", 91), artwork_id=gone))
    assert gone in ids_of(own_covers)


def test_it_stays_away_after_a_restart_and_from_other_releases(artwork_settings, artwork_root):
    settings = artwork_settings(artwork_root, release_poll_ms=20)
    with serving(settings) as service, serving(settings) as other:
        answered(send(service, "/artwork/index", picture("green", 90), artwork_id="new"))
        # Of a cover that another process has added, this one knows from the disk.
        assert [
            answered(other.client.delete(f"/artwork/{one}"))["removed"] for one in ("new", "cover-3", "nobody")
        ] == [*(True, True, False)]
        assert {"new", "cover-3"} <= ids_of(service)
        release = write_tiny_root(artwork_root, number=12).release_id
        wait_until(lambda: search(service, sentence="red")["release"] == release)
        assert not {"new", "cover-3"} & ids_of(service)
    with serving(settings) as service:
        assert not {"new", "cover-3"} & ids_of(service)
    assert (len(Additions(artwork_root)), Additions(artwork_root).removed()) == (0, {"new", "cover-3"})


def test_a_removal_that_is_not_on_disk_removes_nothing(own_covers, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Additions, "remove", full)
    problem(own_covers.client.delete("/artwork/cover-3"), 500, "internal_error")
    answered(own_covers.client.get("/artwork/cover-3"))
