"""UserKeys: the names under which the store holds what belongs to one user."""

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
        prefix = f"rec:user:{{{user_id}}}:"
        return cls(prefix + "history", prefix + "window", prefix + "standing", prefix + "version")
