"""Turn: what a talk about an image has said so far, carried by the client, so that the service keeps nothing of it."""

import base64
import binascii
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from model.face_description.labels import NOT_SHOWN
from model.face_description.parsing import parse
from service.errors import invalid
from service.request import STRICT

MAX_TURNS = 4
MAX_TEXT = 600
MAX_TURN_CHARACTERS = 4_096
# Of descriptions, and of nothing that a language model would take for more than words.
_PLAIN = r"^[A-Za-z0-9 .,:()'\-]*$"
# 64 bits: enough to tell that an image is another one by mistake; nobody gains by passing one for another.
_IMAGE_DIGITS = 16


class Turn(BaseModel):
    """The image by the beginning of its hash, and what was said of it, oldest first."""

    model_config = STRICT
    image: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    said: Annotated[
        list[Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=_PLAIN)]], Field(max_length=MAX_TURNS)
    ]

    @classmethod
    def begin(cls, image_sha256: str) -> Self:
        """A talk in which nothing has been said."""
        return cls(image=image_sha256[:_IMAGE_DIGITS], said=[])

    @classmethod
    def of(cls, token: str, image_sha256: str) -> Self:
        """Read what a client sent back; InvalidRequestError where it is no turn, or of another image."""
        try:
            turn = cls.model_validate_json(base64.urlsafe_b64decode(token.encode("ascii")))
        except (ValidationError, binascii.Error, UnicodeError, ValueError):
            raise invalid("turn_of", "expected the `turn` of an answer, got something else", "not_a_turn") from None
        if turn.image != image_sha256[:_IMAGE_DIGITS]:
            raise invalid("turn_of", "expected a turn about the same image, got one of another", "another_image")
        return turn

    def told(self) -> set[str]:
        """Which of emotion and age some text has told."""
        labels = [parse(text) for text in self.said]
        untold = (None, NOT_SHOWN)
        emotion = {"emotion"} if any(one.emotion not in untold for one in labels) else set()
        return emotion | ({"age"} if any(one.age not in untold for one in labels) else set())

    def next(self, text: str) -> str:
        """The token after one more text; the oldest is forgotten beyond MAX_TURNS."""
        said = [*self.said, text[:MAX_TEXT]][-MAX_TURNS:]
        return base64.urlsafe_b64encode(self.model_copy(update={"said": said}).model_dump_json().encode()).decode()
