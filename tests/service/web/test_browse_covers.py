import pytest

from tests.service.web.browser import NARROW, tab


@pytest.fixture
def browse_covers(headless, cover_pages):
    """The page /browse of a service with covers, loaded; what went wrong on it fails the test at its end."""
    with tab(headless, cover_pages.base_url) as opened:
        opened.open("/browse", "#under h3")
        opened.page.locator("#hand-on").wait_for()
        yield opened
        opened.check()


def test_browse_shows_the_covers_of_the_release(browse_covers, cover_pages):
    page, covers = browse_covers.page, cover_pages.service.artwork.releases.served
    assert f"24 of 24 covers of release {covers.release_id}" in page.locator("#standing").inner_text()
    assert "covers that look alike" in page.locator("#space").inner_text()
    cover = cover_pages.client.get("/artwork/map").json()["items"][3]
    box = page.locator("#map").bounding_box()
    page.mouse.click(box["x"] + cover["x"] * box["width"], box["y"] + cover["y"] * box["height"])
    assert page.locator("#under h3").inner_text() == cover["title"]
    assert cover["artist"] in page.locator("#under small").inner_text()
    page.wait_for_function("document.querySelector('#under .tile img').naturalWidth === 48")
    assert page.locator("#near .tile img").count() == page.locator("#near li").count()
    page.locator("#cover dl").wait_for()
    known = cover_pages.client.get(f"/artwork/{cover['item_id']}").json()
    told = page.locator("#cover").inner_text()
    assert page.locator("#cover h3").inner_text() == known["title"]
    for value in (known["artist"], known["attributes"]["colour"][0], known["release"]):
        assert value in told
    assert page.locator("#use").is_hidden()
    browse_covers.shot("browse-covers")
    page.get_by_role("button", name=f"Remove {cover['title']}").click()
    assert page.locator("#cover").is_hidden()


def test_items_are_one_choice_away(browse_covers, cover_pages):
    page = browse_covers.page
    page.select_option("#asked-space", "items")
    page.get_by_text(f"items of release {cover_pages.service.releases.served.release_id}").wait_for()
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    title = page.locator("#selected li span").inner_text()
    assert page.locator("#cover").is_hidden()
    page.click("#use")
    page.locator("#titles option").first.wait_for(state="attached")
    assert page.locator("#plays li span").all_inner_texts() == [title]


def test_it_fits_a_narrow_screen(headless, cover_pages):
    with tab(headless, cover_pages.base_url, NARROW, "dark") as opened:
        opened.open("/browse", "#under h3")
        opened.page.locator("#map").focus()
        opened.page.keyboard.press("Enter")
        opened.page.locator("#cover dl").wait_for()
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        opened.shot("browse-covers-narrow")
        opened.check()


def test_without_a_recommender_covers_are_browsed_and_listening_says_why_not(headless, covers):
    with tab(headless, covers.base_url) as opened:
        opened.open("/browse", "#under h3")
        assert opened.page.locator("#spaces").is_hidden()
        opened.page.goto(f"{covers.base_url}/")
        opened.page.get_by_text("this service knows covers and recommends nothing").wait_for()
