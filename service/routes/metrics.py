"""GET /metrics: Prometheus text."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.assembly import service_of

router = APIRouter()


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Metrics for Prometheus",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "metrics"}},
    response_class=Response,
)
async def metrics(request: Request) -> Response:
    """Every counter, gauge and histogram of this process."""
    service, _ = service_of(request)
    return Response(generate_latest(service.telemetry.registry), media_type=CONTENT_TYPE_LATEST)
