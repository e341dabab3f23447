"""CoverImages: the pictures of covers, a folder with a file for each id."""

from pathlib import Path

from service.errors import CoverImagesNotConfiguredError, UnknownCoverError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class CoverImages:
    """Reads files of one folder and of none beside it."""

    def __init__(self, folder: Path | None, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes

    def read(self, cover_id: str) -> bytes:
        """The bytes of a cover, no more than one above the limit; not for the event loop.

        Raises UnknownCoverError, and CoverImagesNotConfiguredError where there is no folder.
        """
        if self._folder is None:
            raise CoverImagesNotConfiguredError("REC_COVER_IMAGES is not set: this process has no pictures of covers")
        for suffix in SUFFIXES:
            path = (self._folder / f"{cover_id}{suffix}").resolve()
            # An id that climbs out of the folder, or a link out of it, is no cover.
            if path.parent == self._folder.resolve() and path.is_file():
                with path.open("rb") as file:
                    return file.read(self._max_bytes + 1)
        raise UnknownCoverError("expected the id of a cover with a picture")
