"""WS /hands/stream: one frame a message in, one point a message out, over one cursor that lives with the connection."""

import asyncio

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from model.hand_pose.cursor import Cursor
from service.assembly import Service
from service.errors import InvalidRequestError, ServiceError, UnavailableError, field_errors
from service.hand_request import HandFrame, HandPoint

router = APIRouter()
MAX_FRAME_BYTES = 16_384
IDLE_S = 60
# RFC 6455: try again later; a message that breaks the rules.
TRY_LATER, BAD_MESSAGE = 1013, 1008


@router.websocket("/hands/stream")
async def hand_stream(socket: WebSocket) -> None:
    """Follow one hand. A frame that cannot be read is answered with a problem and passed over; an idle stream ends."""
    service: Service = socket.app.state.service
    await socket.accept()
    try:
        with service.hands.stream() as cursor:
            while (text := await _frame(socket)) is not None:
                await _answer(socket, service, cursor, text)
    except UnavailableError as error:
        await _refuse(socket, service, error)
        await socket.close(TRY_LATER)
    except WebSocketDisconnect:
        return


async def _frame(socket: WebSocket) -> str | None:
    """The next message; None once the stream is closed, by the client, or here where it does not keep to the rules."""
    try:
        message = await asyncio.wait_for(socket.receive(), IDLE_S)
    except TimeoutError:
        await socket.close(BAD_MESSAGE, f"expected a frame within {IDLE_S} s")
        return None
    if message["type"] == "websocket.disconnect":
        return None
    text: str | None = message.get("text")
    if text is None:
        await socket.close(BAD_MESSAGE, "expected text")
    return text


async def _answer(socket: WebSocket, service: Service, cursor: Cursor, text: str) -> None:
    hands = service.hands
    try:
        frame = HandFrame.model_validate_json(text)
        (point,) = await hands.run(hands.pose.follow, [(frame.t, frame.landmark_frame())], cursor)
    except ValidationError as error:
        await _refuse(socket, service, InvalidRequestError(field_errors(error)))
    except UnavailableError as error:
        await _refuse(socket, service, error)
    else:
        hands.count(point.state)
        await socket.send_bytes(HandPoint.of(point).model_dump_json().encode())


async def _refuse(socket: WebSocket, service: Service, error: ServiceError) -> None:
    service.telemetry.problems.labels(error.code).inc()
    await socket.send_bytes(orjson.dumps({"code": error.code, "detail": error.detail, "errors": list(error.errors)}))
