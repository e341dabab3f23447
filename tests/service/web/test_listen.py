import json

import pytest

from tests.service.running import fresh, play
from tests.service.web.browser import NARROW, WIDE, tab


def asked(opened):
    """The body of the last question."""
    return json.loads([body for method, path, body in opened.sent() if path == "/recommend"][-1])


def recommend(opened):
    opened.page.click("#question .main")
    opened.page.locator("#facts dd").first.wait_for()
    opened.page.locator("#question .main:not([disabled])").wait_for()


def test_nothing_asked_yet_is_told(listen):
    assert "Nothing asked yet" in listen.page.locator("#lists").inner_text()
    assert "No history yet" in listen.page.locator("#told").inner_text()
    assert listen.page.locator("#provenance").is_hidden()


def test_without_a_history_the_list_is_marked_as_popular(listen):
    recommend(listen)
    assert listen.page.locator(".item").count() == 12
    assert "no usable history" in listen.page.locator(".badge.marked").inner_text()


def test_a_list_says_where_it_comes_from(listen, pages):
    listen.page.click("#surprise")
    assert listen.page.locator("#plays li").count() == 5
    recommend(listen)
    facts = listen.page.locator("#facts").inner_text()
    assert "the model" in facts
    assert pages.service.releases.served.release_id in facts
    assert "ms here" in facts
    assert listen.page.locator(".item .reason").first.inner_text()
    listen.page.get_by_text("Time, stage by stage").click()
    assert {"history", "slate", "total"} <= set(listen.page.locator("#stages .bar span:first-child").all_inner_texts())
    listen.shot("listen")


def test_values_are_wanted_ruled_out_and_forgotten(listen, pages):
    chips = listen.page.locator("fieldset:has(legend:text('genre')) .chip")
    wanted, ruled_out, forgotten = (chips.nth(number).inner_text().split("\n")[0] for number in (0, 1, 2))
    chips.nth(0).click()
    for _ in range(2):
        chips.nth(1).click()
    for _ in range(3):
        chips.nth(2).click()
    assert chips.nth(0).get_attribute("aria-label").endswith("wanted")
    assert chips.nth(1).get_attribute("aria-label").endswith("ruled out")
    listen.page.click("#surprise")
    recommend(listen)
    (instruction,) = asked(listen)["instructions"]
    values = instruction["where"]["genre"]
    assert all(wanted.startswith(value) for value in values["any"])
    assert all(ruled_out.startswith(value) for value in values["none"])
    assert not any(forgotten.startswith(value) for own in values.values() for value in own)
    for title in listen.page.locator(".item h3").all_inner_texts():
        row = pages.catalogue.titles.index(title)
        genres = set(pages.catalogue.describe(row)["genre"])
        assert genres & set(values["any"])
        assert not genres & set(values["none"])


def test_one_list_per_wanted_value(listen):
    chips = listen.page.locator("fieldset:has(legend:text('genre')) .chip")
    chips.nth(0).click()
    chips.nth(1).click()
    listen.page.check("#apart")
    listen.page.click("#surprise")
    recommend(listen)
    assert len(asked(listen)["instructions"]) == 2
    assert listen.page.locator(".group > h3").count() == 2


def test_a_stored_listener_is_loaded_and_hears_more(listen, pages):
    user, items = fresh(), pages.catalogue.item_ids
    pages.ingest(play(user, items[0], 1_700_000_000), play(user, items[1], 1_700_000_100))
    page = listen.page
    page.get_by_label("a stored listener").check()
    page.fill("#user", user)
    page.click("#load")
    page.locator("#plays li").nth(1).wait_for()
    recommend(listen)
    assert asked(listen)["user_id"] == user
    page.locator(".item button").first.click()
    page.locator("#plays li").nth(2).wait_for()
    assert len(pages.client.get(f"/users/{user}/history").json()["events"]) == 3


def test_a_listener_without_a_name_is_asked_for_one(listen):
    listen.page.get_by_label("a stored listener").check()
    listen.page.click("#question .main")
    assert "Name a listener" in listen.page.locator("#told").inner_text()
    assert listen.sent() == []


def test_a_history_is_built_by_title_and_taken_apart_again(listen, pages):
    title = pages.catalogue.titles[5]
    listen.page.fill("#item", title)
    listen.page.keyboard.press("Enter")
    assert listen.page.locator("#plays li span").all_inner_texts() == [title]
    listen.page.get_by_role("button", name=f"Remove {title}").click()
    assert listen.page.locator("#plays li").count() == 0


def test_unknown_items_are_told(listen):
    listen.page.fill("#item", "no such song")
    listen.page.click("#put")
    recommend(listen)
    assert "1 items of the history are not in this release" in listen.page.locator("#warnings").inner_text()


def test_a_problem_is_shown_where_the_list_would_be(headless, pages):
    problem = {"title": "Overloaded", "detail": "more requests than permits", "code": "overloaded"}
    with tab(headless, pages.base_url) as opened:
        opened.page.route("**/recommend", lambda route: route.fulfill(status=503, json=problem))
        opened.open("/", ".chip")
        opened.page.click("#question .main")
        alert = opened.page.get_by_role("alert")
        alert.wait_for()
        assert alert.inner_text().split() == ["Overloaded", "more", "requests", "than", "permits"]
        opened.page.unroute("**/recommend")
        opened.page.route("**/recommend", lambda route: route.abort())
        opened.page.click("#question .main")
        opened.page.get_by_text("The service cannot be reached.").wait_for()


def test_titles_cannot_become_markup(headless, pages):
    with tab(headless, pages.base_url) as opened:
        answer = pages.answer(history=[], k=1)
        answer["items"][0] |= {"title": "<img src=x onerror=alert(1)>", "reason": "<b>bold</b>"}
        opened.page.route("**/recommend", lambda route: route.fulfill(json=answer))
        opened.open("/", ".chip")
        opened.page.click("#question .main")
        opened.page.locator(".item h3").wait_for()
        assert opened.page.locator(".item h3").inner_text() == "<img src=x onerror=alert(1)>"
        assert opened.page.locator(".item img, .item b").count() == 0


def test_every_control_has_a_name(listen):
    unnamed = listen.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select")].filter((element) =>
          !(element.labels?.length || element.textContent.trim() || element.getAttribute("aria-label"))
        ).map((element) => element.outerHTML)"""
    )
    assert unnamed == []
    assert listen.page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize(("viewport", "scheme"), [(NARROW, "light"), (NARROW, "dark"), (WIDE, "dark")])
def test_it_fits(headless, pages, viewport, scheme):
    with tab(headless, pages.base_url, viewport, scheme) as opened:
        opened.open("/", ".chip")
        opened.page.click("#surprise")
        recommend(opened)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        opened.shot(f"listen-{viewport['width']}-{scheme}")
        opened.check()
