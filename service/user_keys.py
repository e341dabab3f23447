"""UserKeys: the names under which the store holds what belongs to one user."""

from hashlib import blake2b
from typing import NamedTuple


class UserKeys(NamedTuple):
    """The Redis keys of one user; the braces keep them in one slot of a cluster.

    version: the stream entry id of the newest stored event; it changes with every change of the history.
    """

    history: str
    window: str
    standing: str
    version: str

    @classmethod
    def of(cls, user_id: str) -> "UserKeys":
        """The keys of a user."""
        prefix = _prefix(user_id)
        return cls(prefix + "history", prefix + "window", prefix + "standing", prefix + "version")


class ExposureKeys(NamedTuple):
    """The Redis keys about what was logged of one user.

    entries: a list of stream entry ids; erased: there for a while after an erasure, so that nothing that was under way
    is logged behind it, and under a hash, so that the id itself is gone at once.
    """

    entries: str
    erased: str

    @classmethod
    def of(cls, user_id: str) -> "ExposureKeys":
        """The keys of a user."""
        mark = blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return cls(_prefix(user_id) + "exposures", f"rec:erased:{mark}")


def _prefix(user_id: str) -> str:
    return f"rec:user:{{{user_id}}}:"
