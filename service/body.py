"""Body: reads a bounded JSON body and validates it straight from its bytes."""

import asyncio
from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.errors import (
    BadJsonError,
    BodyTimeoutError,
    BodyTooLargeError,
    InvalidRequestError,
    UnsupportedMediaTypeError,
    field_errors,
)
from service.settings import Settings

BodyModel = TypeVar("BodyModel", bound=BaseModel)


async def read_body(
    request: Request, model: type[BodyModel], settings: Settings, tags: Iterable[str] = ()
) -> BodyModel:
    """The body as `model`; raises the ServiceError that says what is wrong with it.

    `tags`: names of union members of the model, left out of field paths.
    """
    _check_headers(request, settings.max_body_bytes)
    try:
        async with asyncio.timeout(settings.body_timeout_ms / 1000):
            body = await _read(request, settings.max_body_bytes)
    except TimeoutError:
        raise BodyTimeoutError(
            f"expected the whole body within {settings.body_timeout_ms} ms", headers=_CLOSE
        ) from None
    except ClientDisconnect:
        raise BadJsonError("the client closed the connection before the body was complete") from None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = field_errors(error, tags)
        if any(fault.code == "json_invalid" for fault in faults):
            raise BadJsonError(faults[0].message) from None
        raise InvalidRequestError(faults) from None


# The rest of a body that is not read must not be taken for the next request.
_CLOSE = {"connection": "close"}


def _check_headers(request: Request, max_body_bytes: int) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaTypeError(f"expected content-type application/json, got {media_type.strip() or 'none'}")
    charset = dict(part.strip().lower().partition("=")[::2] for part in parameters.split(";")).get("charset", "utf-8")
    if charset.strip('"') not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaTypeError(f"expected charset utf-8, got {charset}")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise UnsupportedMediaTypeError(f"expected no content-encoding, got {encoding}")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_body_bytes:
        raise BodyTooLargeError(f"expected at most {max_body_bytes} bytes, got {length}", headers=_CLOSE)


async def _read(request: Request, max_body_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_body_bytes:
            raise BodyTooLargeError(f"expected at most {max_body_bytes} bytes, got more", headers=_CLOSE)
        chunks.append(chunk)
    return b"".join(chunks)
