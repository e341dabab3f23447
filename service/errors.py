"""Every error a client can get, as RFC 9457 problem documents.

ServiceError
├── BadJsonError               400 malformed_json        the body is not JSON
├── NotAcceptableError         406 not_acceptable        no form of the answer that the client accepts
├── BodyTimeoutError           408 body_timeout          the body did not arrive in time
├── BodyTooLargeError          413 body_too_large
├── UnsupportedMediaTypeError  415 unsupported_media_type
├── InvalidRequestError        422 invalid_request       `errors` names every field, each with a code of its own
├── NotFoundError              404 not_found
│   ├── UnknownItemError       404 unknown_item
│   ├── UnknownCoverError      404 unknown_cover
│   └── NoThumbnailError       404 no_thumbnail          the cover is known, a picture of it was not kept
├── MethodNotAllowedError      405 method_not_allowed    with Allow
├── ListenerOffError           403 listener_off          the operator takes nothing of listeners' faces
├── NoConsentError             409 no_consent            the listener did not agree, or does not any more
├── NotConfiguredError         503 not_configured        this process was not told to do that
│   ├── RecommenderNotConfiguredError  503 recommender_not_configured
│   ├── ArtworkNotConfiguredError      503 artwork_not_configured
│   ├── VisionNotConfiguredError       503 vision_not_configured
│   ├── FacesNotConfiguredError        503 faces_not_configured
│   ├── CoverFacesNotConfiguredError   503 cover_faces_not_configured
│   ├── DescriptionNotConfiguredError  503 description_not_configured
│   └── CoverImagesNotConfiguredError  503 cover_images_not_configured
├── AdditionsFullError         503 additions_full        a release of the covers has to be made first
├── UnavailableError           503 unavailable           with Retry-After
│   ├── NotReadyError          503 not_ready             no release is loaded and warmed up yet
│   ├── StoreUnavailableError  503 history_store_unavailable
│   │   └── StoreLateError     503 history_store_unavailable, it did not answer in time
│   ├── HandsUnavailableError  503 hands_unavailable     no hand-pose release is set, or it was refused
│   ├── MapNotReadyError       503 map_not_ready         the release in force is being laid out
│   └── OverloadedError        503 overloaded            more requests than permits
└── InternalError              500 internal_error        nothing of the cause is told
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from pydantic import ValidationError
from starlette.responses import Response

PROBLEM_JSON = "application/problem+json"
MAX_FIELD_ERRORS = 50
# What pydantic calls the same thing under another name than ours.
_CODES = {"extra_forbidden": "unknown_field"}


@dataclass(frozen=True)
class FieldError:
    """One fault of a request: `field` is a dotted path such as events.3.event_time_s."""

    field: str
    message: str
    code: str


class ServiceError(Exception):
    """What a client gets instead of an answer; `code` is stable."""

    status = 500
    code = "internal_error"
    title = "Internal error"

    def __init__(self, detail: str, errors: Sequence[FieldError] = (), headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers or {}


class InternalError(ServiceError):
    """Our fault; the log holds the cause under the same request id."""


class BadJsonError(ServiceError):
    """The body cannot be read as JSON."""

    status, code, title = 400, "malformed_json", "Malformed JSON"


class NotFoundError(ServiceError):
    """There is nothing at this path."""

    status, code, title = 404, "not_found", "Not found"


class UnknownItemError(NotFoundError):
    """The catalogue of the release in force has no such item."""

    code, title = "unknown_item", "Unknown item"


class UnknownCoverError(NotFoundError):
    """No cover of the release in force, and none that was added since, has this id."""

    code, title = "unknown_cover", "Unknown cover"


class NoThumbnailError(NotFoundError):
    """The cover is known; the release in force keeps no picture of it."""

    code, title = "no_thumbnail", "No thumbnail"


class MethodNotAllowedError(ServiceError):
    """The path exists, the method does not; Allow lists those that do."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class NotAcceptableError(ServiceError):
    """The accept header names no media type that the service can answer with."""

    status, code, title = 406, "not_acceptable", "Not acceptable"


class BodyTimeoutError(ServiceError):
    """The client sent its body too slowly."""

    status, code, title = 408, "body_timeout", "Body timeout"


class BodyTooLargeError(ServiceError):
    """The body is larger than max_body_bytes."""

    status, code, title = 413, "body_too_large", "Body too large"


class UnsupportedMediaTypeError(ServiceError):
    """The body is not declared as a media type that the path takes, or is compressed."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class InvalidRequestError(ServiceError):
    """The request was read and understood and cannot be served as it is."""

    status, code, title = 422, "invalid_request", "Invalid request"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        first, more = errors[0], len(errors) - 1
        place = f"{first.field}: " if first.field else ""
        super().__init__(place + first.message + (f" (and {more} more)" if more else ""), errors[:MAX_FIELD_ERRORS])


class NotConfiguredError(ServiceError):
    """The settings of this process leave out what the path needs; no use to try it again here."""

    status, code, title = 503, "not_configured", "Not configured"


class RecommenderNotConfiguredError(NotConfiguredError):
    """REC_RELEASE_ROOT is not set."""

    code, title = "recommender_not_configured", "Recommender not configured"


class ArtworkNotConfiguredError(NotConfiguredError):
    """REC_ARTWORK_ROOT is not set."""

    code, title = "artwork_not_configured", "Artwork not configured"


class VisionNotConfiguredError(NotConfiguredError):
    """REC_PARTS_DIR is not set, or its parts are not those that the networks in force were trained on."""

    code, title = "vision_not_configured", "Vision not configured"


class FacesNotConfiguredError(NotConfiguredError):
    """REC_FACES_ROOT is not set."""

    code, title = "faces_not_configured", "Faces not configured"


class CoverFacesNotConfiguredError(NotConfiguredError):
    """REC_COVER_FACES_ROOT is not set."""

    code, title = "cover_faces_not_configured", "Faces of covers not configured"


class DescriptionNotConfiguredError(NotConfiguredError):
    """REC_FACE_DESCRIPTION_ROOT is not set."""

    code, title = "description_not_configured", "Description not configured"


class CoverImagesNotConfiguredError(NotConfiguredError):
    """REC_COVER_IMAGES is not set."""

    code, title = "cover_images_not_configured", "Cover images not configured"


class ListenerOffError(ServiceError):
    """REC_LISTENER_FACES is off, as it is by default."""

    status, code, title = 403, "listener_off", "Listener mode off"


class NoConsentError(ServiceError):
    """There is no consent of this id and scope, never was or not any more."""

    status, code, title = 409, "no_consent", "No consent"


class AdditionsFullError(ServiceError):
    """As many covers were added as may be before another release is made."""

    status, code, title = 503, "additions_full", "Additions full"


class UnavailableError(ServiceError):
    """Not now; worth another try after Retry-After."""

    status, code, title = 503, "unavailable", "UnavailableError"
    retry_after_s = 1

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"retry-after": str(self.retry_after_s)})


class NotReadyError(UnavailableError):
    """No release is loaded and warmed up."""

    code, title, retry_after_s = "not_ready", "Not ready", 2


class StoreUnavailableError(UnavailableError):
    """The history store did not answer in time."""

    code, title = "history_store_unavailable", "History store unavailable"


class StoreLateError(StoreUnavailableError):
    """The history store may be well, but its answer was not there in time."""


class HandsUnavailableError(UnavailableError):
    """The operator has set no hand-pose release, or what is set cannot be served."""

    code, title, retry_after_s = "hands_unavailable", "Hand control unavailable", 60


class MapNotReadyError(UnavailableError):
    """The release in force is being laid out."""

    code, title = "map_not_ready", "Map not ready"


class OverloadedError(UnavailableError):
    """Every permit is taken."""

    code, title = "overloaded", "OverloadedError"


def invalid(field: str, message: str, code: str) -> InvalidRequestError:
    """An InvalidRequestError with one fault."""
    return InvalidRequestError([FieldError(field, message, code)])


def field_errors(error: ValidationError, tags: Iterable[str] = ()) -> list[FieldError]:
    """The faults pydantic found; `tags` are names of union members, which are no part of a client's path."""
    hidden = set(tags)
    return [
        FieldError(
            field=".".join(str(part) for part in fault["loc"] if part not in hidden),
            message=fault["msg"],
            code=_CODES.get(fault["type"], fault["type"]),
        )
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def problem_response(error: ServiceError, request_id: str) -> Response:
    """The error as application/problem+json."""
    document = {
        "type": f"urn:climber-pilot:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "errors": list(error.errors),
        "request_id": request_id,
    }
    return Response(orjson.dumps(document), error.status, headers=error.headers, media_type=PROBLEM_JSON)
