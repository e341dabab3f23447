from concurrent.futures import ThreadPoolExecutor

from model.vision.image import Image
from model.vision.last_answer import LastAnswer
from tests.model.vision.tiny_parts import solid_image


def test_an_image_is_looked_at_once_until_another_comes() -> None:
    asked: list[str] = []

    def look(image: Image) -> str:
        asked.append(image.sha256[0])
        return image.sha256

    last = LastAnswer(look)
    answers = [last.of(solid_image(name=name))[0] for name in "aabba"]
    assert answers == list("aabba")
    assert asked == ["a", "b", "a"]


def test_threads_do_not_get_each_others_answers() -> None:
    last = LastAnswer(lambda image: image.sha256)
    images = [solid_image(name=name) for name in "abcd"] * 50
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(last.of, images)) == [image.sha256 for image in images]
