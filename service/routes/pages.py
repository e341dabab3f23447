"""GET /, /browse and /web/{name}: the pages a person opens, and the files they are made of."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from service.assembly import service_of
from service.errors import NotFoundError

router = APIRouter(include_in_schema=False)
FOLDER = Path(str(files("service"))) / "web"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
}
# Nothing is fetched from elsewhere, and nothing can be: what the camera sees stays on the page.
HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


@router.get("/")
async def listen() -> Response:
    """Ask for lists and see where they come from."""
    return _file(FOLDER, "listen.html")


@router.get("/browse")
async def browse() -> Response:
    """The map of items, moved over by hand, mouse or keyboard."""
    return _file(FOLDER, "browse.html")


@router.get("/web/tracker/{name:path}")
async def tracker_file(request: Request, name: str) -> Response:
    """A file of the hand tracker that the operator offers to browsers."""
    service, _ = service_of(request)
    folder = service.settings.hands_tracker_dir
    if folder is None:
        raise NotFoundError("no hand tracker is offered")
    return _file(folder, name)


@router.get("/web/{name}")
async def web_file(name: str) -> Response:
    """A style sheet or a script."""
    return _file(FOLDER, name)


def _file(folder: Path, name: str) -> Response:
    """A file that lies in the folder, whatever the name tries."""
    # A path with a null character cannot even be looked for.
    path = (folder / name.replace("\0", "")).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise NotFoundError("there is nothing at this path")
    media_type = TYPES.get(path.suffix, "application/octet-stream")
    return FileResponse(path, headers=HEADERS, media_type=media_type)
