"""One browser, and one service that offers a camera, for all tests of the pages."""

import json

import pytest

from tests.service.artwork.tiny import write_tiny_root
from tests.service.hand_frames import moving_hand
from tests.service.running import serving, settings_for, wait_until
from tests.service.web.browser import chromium, tab

# Stands in for MediaPipe's bundle: recorded landmarks in place of what a model sees in the camera's picture.
TRACKER = """
const frames = %s;
let next = 0;
export const FilesetResolver = { forVisionTasks: async (folder) => folder };
export const HandLandmarker = {
  createFromOptions: async () => ({
    detectForVideo: (video) => {
      const frame = frames[Math.min(next++, frames.length - 1)];
      return { landmarks: [frame.landmarks.map(([x, y, z]) => ({ x, y, z }))], handedness: [[{ score: 0.9 }]] };
    },
    close: () => {},
  }),
};
"""


@pytest.fixture(scope="session")
def tracker_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracker")
    (folder / "vision_bundle.mjs").write_text(TRACKER % json.dumps(moving_hand(400)))
    return folder


@pytest.fixture(scope="module")
def headless():
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def pages(release_root, redis_server, hands_root, tracker_dir):
    """A service that offers its visitors a camera."""
    settings = settings_for(release_root, redis_server.url, hands_root=hands_root, hands_tracker_dir=tracker_dir)
    with serving(settings) as service:
        wait_until(lambda: service.client.get("/hands/model").status_code == 200)
        wait_until(lambda: service.client.get("/artwork/map").status_code == 200)
        yield service


@pytest.fixture(scope="module")
def cover_pages(artwork_settings, tmp_path_factory, release_root, redis_server, hands_root):
    """A service that recommends and knows covers."""
    root = tmp_path_factory.mktemp("cover-pages")
    write_tiny_root(root)
    settings = artwork_settings(root, release_root=release_root, redis_url=redis_server.url, hands_root=hands_root)
    with serving(settings) as service:
        wait_until(lambda: service.client.get("/hands/model").status_code == 200)
        for space in ("covers", "items"):
            wait_until(lambda asked=space: service.client.get(f"/artwork/map?space={asked}").status_code == 200)
        yield service


@pytest.fixture
def browse(headless, pages):
    """The page /browse, loaded; what went wrong on it fails the test at its end."""
    with tab(headless, pages.base_url) as opened:
        opened.open("/browse", "#under h3")
        opened.page.locator("#hand-on").wait_for()
        yield opened
        opened.check()


@pytest.fixture
def listen(headless, pages):
    """The page /, loaded; what went wrong on it fails the test at its end."""
    with tab(headless, pages.base_url) as opened:
        opened.open("/", ".chip")
        opened.page.locator("#titles option").first.wait_for(state="attached")
        yield opened
        opened.check()
