"""Body: reads a bounded JSON body and validates it straight from its bytes."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.types import Receive

from service.errors import (
    BadJsonError,
    BodyTimeoutError,
    BodyTooLargeError,
    InvalidRequestError,
    UnsupportedMediaTypeError,
    field_errors,
)
from service.media_types import JSON
from service.settings import Settings

BodyModel = TypeVar("BodyModel", bound=BaseModel)
RawHeaders = Sequence[tuple[bytes, bytes]]


async def read_body(
    request: Request, model: type[BodyModel], settings: Settings, tags: Iterable[str] = ()
) -> BodyModel:
    """The body as `model`; raises the ServiceError that says what is wrong with it.

    `tags`: names of union members of the model, left out of field paths.
    """
    return await read_either_body(request, {JSON: model}, settings, tags)


async def read_either_body(
    request: Request, models: Mapping[str, type[BodyModel]], settings: Settings, tags: Iterable[str] = ()
) -> BodyModel:
    """As read_body, with a model for each media type that a client may send."""
    media_type = _media_type(_declared(request.scope["headers"], b"content-type"), tuple(models))
    body = await read_bytes(request, settings.max_body_bytes, settings.body_timeout_ms)
    try:
        return models[media_type].model_validate_json(body)
    except ValidationError as error:
        faults = field_errors(error, tags)
        if any(fault.code == "json_invalid" for fault in faults):
            raise BadJsonError(faults[0].message) from None
        raise InvalidRequestError(faults) from None


async def read_bytes(request: Request, max_body_bytes: int, timeout_ms: int) -> bytes:
    """The body as it is; raises the ServiceError of one that is compressed, too large or too slow."""
    headers = request.scope["headers"]
    encoding, length = _declared(headers, b"content-encoding", b"identity"), _declared(headers, b"content-length")
    if encoding.strip().lower() != b"identity":
        raise UnsupportedMediaTypeError(f"expected no content-encoding, got {encoding.decode('latin-1')}")
    if length.isdigit() and int(length) > max_body_bytes:
        raise BodyTooLargeError(f"expected at most {max_body_bytes} bytes, got {length.decode()}", headers=_CLOSE)
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await _read(request.receive, max_body_bytes)
    except TimeoutError:
        raise BodyTimeoutError(f"expected the whole body within {timeout_ms} ms", headers=_CLOSE) from None


# The rest of a body that is not read must not be taken for the next request.
_CLOSE = {"connection": "close"}


def _declared(headers: RawHeaders, name: bytes, otherwise: bytes = b"") -> bytes:
    """The last header of a name."""
    found = otherwise
    for known, value in headers:
        if known == name:
            found = value
    return found


@lru_cache(maxsize=256)
def _media_type(content_type: bytes, media_types: tuple[str, ...]) -> str:
    media_type, _, parameters = content_type.decode("latin-1").partition(";")
    found = media_type.strip().lower()
    if found not in media_types:
        expected = " or ".join(media_types)
        raise UnsupportedMediaTypeError(f"expected content-type {expected}, got {media_type.strip() or 'none'}")
    charset = dict(part.strip().lower().partition("=")[::2] for part in parameters.split(";")).get("charset", "utf-8")
    if charset.strip('"') not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaTypeError(f"expected charset utf-8, got {charset}")
    return found


async def _read(receive: Receive, max_body_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadJsonError("the client closed the connection before the body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_body_bytes:
            raise BodyTooLargeError(f"expected at most {max_body_bytes} bytes, got more", headers=_CLOSE)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)
