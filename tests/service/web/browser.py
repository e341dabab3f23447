"""A headless Chromium that looks at the pages of a running service; skips, with the reason, where there is none."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
SCREENSHOTS = Path(__file__).parents[3] / "var" / "screenshots"
# A camera of Chromium's own making, which asks nobody.
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def chromium():
    """A browser, while the with-statement lasts. For one thread, in which nothing else may run an event loop."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip(f"none of {', '.join(NAMES)} on PATH (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="expected the package playwright (extra dev)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", *CAMERA])
        yield browser
        browser.close()


class Tab:
    """A page, and what it asked for and complained of."""

    def __init__(self, page, base_url):
        self.page, self.base_url = page, base_url
        self.requests, self.complaints = [], []
        page.set_default_timeout(30_000)
        page.on("request", lambda request: self.requests.append(request))
        page.on(
            "console", lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path, ready):
        self.page.goto(self.base_url + path)
        self.page.locator(ready).first.wait_for(state="attached")

    def sent(self):
        """(method, path, body) of all that is not a download."""
        return [
            (one.method, one.url.removeprefix(self.base_url), one.post_data)
            for one in self.requests
            if one.method != "GET"
        ]

    def shot(self, name):
        """Keep a picture for whoever wants to look."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def check(self):
        """Nothing was asked of anybody else, and nothing went wrong on the page."""
        foreign = [one.url for one in self.requests if not one.url.startswith((self.base_url, "blob:", "data:"))]
        assert foreign == []
        assert self.complaints == []


@contextmanager
def tab(browser, base_url, viewport=WIDE, scheme="light"):
    """A fresh tab that remembers nothing of those before."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme, permissions=["camera"])
    try:
        yield Tab(context.new_page(), base_url)
    finally:
        context.close()
