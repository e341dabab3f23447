import io

import pytest
from PIL.Image import open as open_image

from tests.service.artwork.asking import problem
from tests.service.artwork.tiny import picture, tiny_settings, write_tiny_root
from tests.service.running import serving


def test_a_cover_is_shown_small_and_kept_by_browsers(covers):
    shown = covers.client.get("/artwork/cover-3/thumbnail")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    assert "max-age=" in shown.headers["cache-control"]
    assert open_image(io.BytesIO(shown.content)).size == (48, 48)
    again = covers.client.get("/artwork/cover-3/thumbnail", headers={"if-none-match": shown.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", shown.headers["etag"])
    other = covers.client.get("/artwork/cover-4/thumbnail", headers={"if-none-match": shown.headers["etag"]})
    assert other.status_code == 200
    problem(covers.client.get("/artwork/nobody/thumbnail"), 404, "unknown_cover")


@pytest.fixture
def without_pictures(tmp_path):
    write_tiny_root(tmp_path, number=6, pictures=False)
    with serving(tiny_settings(tmp_path)) as service:
        yield service


def test_only_a_cover_that_was_added_has_a_picture_where_the_release_keeps_none(without_pictures):
    client = without_pictures.client
    problem(client.get("/artwork/cover-1/thumbnail"), 404, "no_thumbnail")
    content = {"content-type": "image/png"}
    added = client.post(
        "/artwork/index", params={"request": '{"artwork_id": "new"}'}, content=picture("red"), headers=content
    )
    assert added.status_code == 200
    assert client.get("/artwork/new/thumbnail").headers["content-type"] == "image/webp"
