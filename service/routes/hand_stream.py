"""WS /hands/stream: one frame a message in, one point a message out, over one cursor that lives with the connection."""

import asyncio

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from service.assembly import Service
from service.errors import HandsUnavailableError, InvalidRequestError, OverloadedError, ServiceError, field_errors
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
        cursor = service.hands.pose.cursor()
    except HandsUnavailableError as error:
        await _refuse(socket, service, error)
        await socket.close(TRY_LATER)
        return
    service.telemetry.hand_streams.inc()
    try:
        while True:
            text = await asyncio.wait_for(socket.receive_text(), IDLE_S)
            try:
                frame = HandFrame.model_validate_json(text)
                (point,) = await service.hands.run(
                    service.hands.pose.follow, [(frame.t, frame.landmark_frame())], cursor
                )
            except ValidationError as error:
                await _refuse(socket, service, InvalidRequestError(field_errors(error)))
                continue
            except OverloadedError as error:
                await _refuse(socket, service, error)
                continue
            service.hands.count(point.state)
            await socket.send_bytes(HandPoint.of(point).model_dump_json().encode())
    except TimeoutError:
        await socket.close(BAD_MESSAGE, f"expected a frame within {IDLE_S} s")
    except (WebSocketDisconnect, KeyError):
        # KeyError: Starlette's, for a message of bytes where text is expected.
        return
    finally:
        service.telemetry.hand_streams.dec()


async def _refuse(socket: WebSocket, service: Service, error: ServiceError) -> None:
    service.telemetry.problems.labels(error.code).inc()
    await socket.send_bytes(orjson.dumps({"code": error.code, "detail": error.detail, "errors": list(error.errors)}))
