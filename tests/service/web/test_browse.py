import json

import numpy as np
import pytest

from model.hand_pose.inference import HandPose
from model.hand_pose.landmarks import LandmarkFrame
from model.release import current_release
from tests.service.hand_frames import moving_hand
from tests.service.running import serving, settings_for
from tests.service.web.browser import NARROW, tab

PARITY = 1e-5


def cursor_at(page):
    style = page.locator("#cursor").evaluate("element => [element.style.left, element.style.top]")
    return [float(value.removesuffix("%")) / 100 for value in style]


def recorded(tmp_path, frames):
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(frames))
    return path


def nearest_title(pages, place):
    asked = {"x": place[0], "y": place[1], "k": 1}
    (item,) = pages.client.get("/artwork/map/nearest", params=asked).json()["items"]
    return item["title"] or item["item_id"]


def test_the_browser_computes_what_the_server_computes(browse, hands_root):
    pose = HandPose.load(current_release(hands_root))
    frames = moving_hand(90) + [{**frame, "t": frame["t"] + 3.5} for frame in moving_hand(60, seed=8)]
    for frame in frames[40:44]:
        frame["landmarks"] = None
    for frame in frames[100:]:
        # A left hand, in an image of another shape.
        frame["handedness"], frame["height"] = "left", 480
        frame["landmarks"] = [[1 - x, y * 640 / 480, z] for x, y, z in frame["landmarks"]]
    found = browse.page.evaluate(
        """async (frames) => {
          const { HandPose, rightHand } = await import("/web/hand_pose.js");
          const { Cursor } = await import("/web/cursor.js");
          const pose = new HandPose(await (await fetch("/hands/model")).json());
          const cursor = new Cursor(pose.cursorSettings);
          return frames.map((frame) => {
            const place = frame.landmarks && pose.place(rightHand(frame));
            return place ? cursor.follow(frame.t, place, frame.confidence) : cursor.miss(frame.t);
          });
        }""",
        frames,
    )
    asked = [
        (
            frame["t"],
            frame["landmarks"]
            and LandmarkFrame(np.array(frame["landmarks"]), 640, frame["height"], frame["handedness"], False, 0.9),
        )
        for frame in frames
    ]
    expected = pose.follow(asked, pose.cursor())
    assert [point["state"] for point in found] == [point.state for point in expected]
    for kind in ("position", "raw"):
        pairs = [(own[kind], getattr(wanted, kind)) for own, wanted in zip(found, expected, strict=True)]
        assert all((own is None) == (wanted is None) for own, wanted in pairs)
        differences = [np.abs(np.subtract(own, wanted)).max() for own, wanted in pairs if own is not None]
        assert max(differences) <= PARITY


def test_the_browsers_guidance_is_the_servers(browse, hands_root):
    pose = HandPose.load(current_release(hands_root))
    places = np.random.default_rng(0).random((20, 2))
    found = browse.page.evaluate(
        """async (places) => {
          const { HandPose } = await import("/web/hand_pose.js");
          const pose = new HandPose(await (await fetch("/hands/model")).json());
          return places.map((place) => pose.guidance(place));
        }""",
        places.tolist(),
    )
    np.testing.assert_allclose(found, pose.guidance(places), atol=PARITY)


def test_the_mouse_moves_and_selects(browse, pages):
    box = browse.page.locator("#map").bounding_box()
    browse.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    assert cursor_at(browse.page) == pytest.approx([0.25, 0.75], abs=0.01)
    title = nearest_title(pages, cursor_at(browse.page))
    assert browse.page.locator("#under h3").inner_text() == title
    browse.page.mouse.down()
    browse.page.mouse.up()
    assert browse.page.locator("#selected li span").all_inner_texts() == [title]
    browse.page.get_by_role("button", name=f"Remove {title}").click()
    assert browse.page.locator("#selected li").count() == 0
    browse.shot("browse-mouse")


def test_the_keyboard_moves_and_selects(browse, pages):
    browse.page.locator("#map").focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "ArrowUp"):
        browse.page.keyboard.press(key)
    assert cursor_at(browse.page) == pytest.approx([0.52, 0.58])
    browse.page.keyboard.press("Enter")
    assert browse.page.locator("#selected li span").all_inner_texts() == [nearest_title(pages, [0.52, 0.58])]


def test_what_is_selected_becomes_a_history(browse):
    browse.page.locator("#map").focus()
    browse.page.keyboard.press("Enter")
    title = browse.page.locator("#selected li span").inner_text()
    browse.page.click("#use")
    browse.page.locator("#plays li").wait_for()
    browse.page.locator("#titles option").first.wait_for(state="attached")
    assert browse.page.locator("#plays li span").all_inner_texts() == [title]
    browse.page.click("#question .main")
    browse.page.locator(".item").first.wait_for()


def test_a_recorded_hand_moves_the_cursor_and_nothing_of_it_leaves_the_page(browse, pages, tmp_path):
    frames = moving_hand(45)
    browse.page.check("#consent")
    browse.page.set_input_files("#recording", recorded(tmp_path, frames))
    browse.page.get_by_text("The recording is over.").wait_for()
    end = pages.client.post("/hands/embed", json={"frames": frames}).json()["points"][-1]
    assert cursor_at(browse.page) == pytest.approx([end["x"], end["y"]], abs=PARITY)
    assert browse.sent() == []


def test_a_hand_that_keeps_still_selects(browse, tmp_path):
    (frame,) = moving_hand(1)
    browse.page.check("#consent")
    still = [{**frame, "t": number / 30} for number in range(40)]
    browse.page.set_input_files("#recording", recorded(tmp_path, still))
    browse.page.get_by_text("The recording is over.").wait_for()
    assert browse.page.locator("#selected li").count() == 1


def test_a_camera_is_told_and_stays_on_the_page(browse):
    browse.page.check("#consent")
    browse.page.click("#camera")
    browse.page.locator("#camera-on").wait_for()
    browse.page.get_by_text("hand seen, moving").wait_for()
    browse.shot("browse-camera")
    browse.page.uncheck("#consent")
    browse.page.locator("#camera-on").wait_for(state="hidden")
    assert browse.page.evaluate("localStorage.length") == 0
    assert browse.page.locator("#camera").is_disabled()
    assert browse.sent() == []


def test_without_consent_there_is_no_hand_control(browse):
    assert browse.page.locator("#camera").is_disabled()
    assert browse.page.locator("#recording").is_disabled()
    browse.page.check("#consent")
    given = json.loads(browse.page.evaluate("localStorage.getItem('hand-control-consent')"))
    assert (given["text_version"], given["scope"]) == (1, "hand control on this page")
    browse.page.reload()
    browse.page.locator("#hand-on").wait_for()
    assert browse.page.locator("#camera").is_enabled()


@pytest.mark.parametrize("text", ["not json", "[]", '[{"t": 0, "landmarks": [[0, 0]]}]', '{"frames": 3}'])
def test_a_recording_that_is_none_is_told(browse, tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    browse.page.check("#consent")
    browse.page.set_input_files("#recording", path)
    browse.page.get_by_text("The recording cannot be read").wait_for()


def test_guidance_is_drawn_and_follows_the_cursor(browse):
    def picture():
        return browse.page.locator("#guidance").evaluate("canvas => canvas.toDataURL()")

    def drawn():
        return browse.page.locator("#guidance").evaluate(
            """canvas => {
              const pen = canvas.getContext("2d");
              return pen.getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value);
            }"""
        )

    first = picture()
    assert drawn()
    browse.page.locator("#map").focus()
    for _ in range(3):
        browse.page.keyboard.press("Shift+ArrowLeft")
    assert picture() != first


def test_a_trial_is_recorded_and_can_be_saved(browse):
    page = browse.page
    page.click("#trial")
    for number in range(2):
        page.locator("#target:not([hidden])").wait_for()
        box = page.locator("#map").bounding_box()
        left, top = page.locator("#target").evaluate("element => [element.style.left, element.style.top]")
        place = [float(value.removesuffix("%")) / 100 for value in (left, top)]
        page.mouse.move(box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"], steps=5)
        page.locator(f"#trial-table tr:nth-child({number + 2})").wait_for()
    with page.expect_download() as download:
        page.click("#save")
    rows = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert len(rows) == 2
    for row in rows:
        assert (row["condition"], row["selected"]) == ("mouse", True)
        assert 0.5 <= row["time_s"] < 10
        assert row["final_distance"] <= 0.05
    browse.shot("browse-trial")


def test_a_trial_ends_after_its_targets_and_takes_the_unreached_for_missed(browse):
    log = browse.page.evaluate(
        """async () => {
          const { Trial } = await import("/web/trial.js");
          let seed = 1;
          const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
          const trial = new Trial(2, () => {}, random);
          trial.move([0.5, 0.5], 0, "keyboard");
          const first = trial.target;
          trial.move(first, 1, "keyboard");
          trial.move(first, 1.4, "keyboard");
          trial.move([first[0] + 0.2, first[1]], 1.45, "keyboard");
          trial.move(first, 1.6, "keyboard");
          const early = trial.log.length;
          trial.move(first, 2.2, "keyboard");
          trial.move(first, 2.3, "keyboard");
          for (let t = 2.3; t < 13; t += 0.5) trial.move(first, t, "keyboard");
          return { early, finished: trial.finished, log: trial.log };
        }"""
    )
    assert (log["early"], log["finished"]) == (0, True)
    assert [row["selected"] for row in log["log"]] == [True, False]
    assert log["log"][0]["time_s"] == pytest.approx(2.2)
    assert log["log"][1]["final_distance"] >= 0.3


def test_without_hands_the_map_still_works(headless, release_root, redis_server):
    with serving(settings_for(release_root, redis_server.url)) as service, tab(headless, service.base_url) as opened:
        opened.open("/browse", "#under h3")
        opened.page.locator("#hand-off").wait_for()
        assert "REC_HANDS_ROOT" in opened.page.locator("#hand-off").inner_text()
        assert opened.page.locator("#hand-on").is_hidden()
        opened.page.locator("#map").focus()
        opened.page.keyboard.press("Enter")
        assert opened.page.locator("#selected li").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone(headless, pages, scheme):
    with tab(headless, pages.base_url, NARROW, scheme) as opened:
        opened.open("/browse", "#under h3")
        opened.page.locator("#hand-on").wait_for()
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        opened.shot(f"browse-narrow-{scheme}")
        opened.check()
