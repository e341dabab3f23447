"""Upload: an image and what is asked of it, in one HTTP body."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from model.vision.image import MEDIA_TYPES, Image, ImageError, ImageLimits, decode_image
from service.body import read_bytes
from service.errors import (
    BadJsonError,
    BodyTooLargeError,
    InvalidRequestError,
    ServiceError,
    UnsupportedMediaTypeError,
    field_errors,
    invalid,
)
from service.openapi import reference
from service.settings import Settings

MULTIPART = "multipart/form-data"
RAW = (*MEDIA_TYPES.values(), "application/octet-stream")
IMAGE, REQUEST = "image", "request"
# Of the JSON part, and of what a multipart body has around its parts.
MAX_REQUEST_BYTES = 64 << 10
Asked = TypeVar("Asked", bound=BaseModel)


@dataclass(frozen=True)
class Upload:
    """The bytes of an image, not decoded yet, and the JSON text that came with it; empty where none did."""

    image: bytes
    request: bytes

    def asked(self, model: type[Asked]) -> Asked:
        """The JSON text as a model; raises the ServiceError that says what is wrong with it."""
        try:
            return model.model_validate_json(self.request or b"{}")
        except ValidationError as error:
            faults = field_errors(error, ("[key]",))
            if any(fault.code == "json_invalid" for fault in faults):
                raise BadJsonError(f"{REQUEST}: {faults[0].message}") from None
            raise InvalidRequestError(faults) from None


async def read_upload(request: Request, settings: Settings) -> Upload:
    """A body that is an image, its request in the query parameter `request`; or a form with the parts image, request.

    Raises the ServiceError that says what is wrong with it. Nothing is decoded here.
    """
    declared = request.headers.get("content-type", "")
    media_type = declared.partition(";")[0].strip().lower()
    if media_type not in (MULTIPART, *RAW):
        expected = ", ".join((MULTIPART, *RAW))
        raise UnsupportedMediaTypeError(f"expected content-type {expected}, got {media_type or 'none'}")
    body = await read_bytes(request, settings.max_image_bytes + MAX_REQUEST_BYTES, settings.body_timeout_ms)
    if media_type in RAW:
        return Upload(body, request.query_params.get(REQUEST, "").encode())
    form = await _form(request, body, settings)
    try:
        unknown = sorted(set(form) - {IMAGE, REQUEST})
        if unknown:
            raise invalid(unknown[0], f"expected the parts {IMAGE} and {REQUEST} alone", "unknown_field")
        return Upload(await _content(form, IMAGE, required=True), await _content(form, REQUEST, required=False))
    finally:
        await form.close()


def decoded(content: bytes, settings: Settings) -> Image:
    """The image in an upload; raises the ServiceError that says why there is none. Not for the event loop."""
    try:
        return decode_image(content, ImageLimits(settings.max_image_bytes, settings.max_image_pixels))
    except ImageError as error:
        raise _problem(error) from None


def upload_body(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of an operation that takes an upload."""
    form = {
        "type": "object",
        "required": [IMAGE],
        "additionalProperties": False,
        "properties": {IMAGE: {"type": "string", "format": "binary"}, REQUEST: reference(model)["schema"]},
    }
    image = {"schema": {"type": "string", "format": "binary"}}
    content = {MULTIPART: {"schema": form, "encoding": {REQUEST: {"contentType": "application/json"}}}}
    parameter = {
        "name": REQUEST,
        "in": "query",
        "required": False,
        "description": f"beside a body that is an image: the JSON text of {model.__name__}",
        "content": {"application/json": reference(model)},
    }
    return {
        "requestBody": {"required": True, "content": content | {media_type: image for media_type in RAW}},
        "parameters": [parameter],
    }


def _problem(error: ImageError) -> ServiceError:
    if error.code in ("too_large", "too_many_pixels"):
        return BodyTooLargeError(str(error))
    if error.code == "unsupported_type":
        return UnsupportedMediaTypeError(str(error))
    return invalid(IMAGE, str(error), error.code)


async def _form(request: Request, body: bytes, settings: Settings) -> FormData:
    async def stream() -> AsyncGenerator[bytes]:
        yield body

    limits = {"max_files": 2, "max_fields": 2, "max_part_size": settings.max_image_bytes}
    try:
        return await MultiPartParser(request.headers, stream(), **limits).parse()
    except MultiPartException as error:
        raise invalid("", error.message, "malformed_form") from None


async def _content(form: FormData, name: str, required: bool) -> bytes:
    """The bytes of a part, whether it came with a file name or without."""
    parts = form.getlist(name)
    if len(parts) > 1 or (required and not parts):
        raise invalid(name, f"expected one part {name}, got {len(parts)}", "missing" if not parts else "too_long")
    if not parts:
        return b""
    part = parts[0]
    return await part.read() if isinstance(part, UploadFile) else part.encode()
