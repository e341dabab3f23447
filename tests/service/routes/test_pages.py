import pytest

from tests.service.running import serving, settings_for
from tests.service.test_request import check_problem


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/browse", "text/html"),
        ("/web/style.css", "text/css"),
        ("/web/hand_pose.js", "text/javascript"),
        ("/web/icon.svg", "image/svg+xml"),
    ],
)
def test_pages_and_their_files(running, path, kind):
    response = running.client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(kind)
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_page_names_no_other_host(running):
    for path in ("/", "/browse", "/web/listen.js", "/web/browse.js", "/web/tracker.js", "/web/style.css"):
        text = running.client.get(path).text
        assert "//" not in text.replace("http://www.w3.org", "").replace("https://", "//") or "http" not in text


@pytest.mark.parametrize(
    "path", ["/web/none.js", "/web/..%2fapp.py", "/web/%2e%2e/app.py", "/web/%00", "/web/tracker/vision_bundle.mjs"]
)
def test_nothing_else_is_given_away(running, path):
    check_problem(running.client.get(path), 404, "not_found")


def test_the_trackers_files_are_those_of_its_folder(release_root, redis_server, tmp_path):
    folder = tmp_path / "tracker"
    (folder / "wasm").mkdir(parents=True)
    (folder / "wasm" / "vision.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret").write_text("not yours")
    with serving(settings_for(release_root, redis_server.url, hands_tracker_dir=folder), ready=False) as service:
        response = service.client.get("/web/tracker/wasm/vision.wasm")
        assert (response.content, response.headers["content-type"]) == (b"\0asm", "application/wasm")
        for name in ("../secret", "..%2fsecret", "wasm", "", "/etc/passwd"):
            check_problem(service.client.get(f"/web/tracker/{name}"), 404, "not_found")
