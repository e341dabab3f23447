"""Alarm: wakes an event loop at exact moments; the loop's own timers are only as fine as a millisecond."""

import asyncio
import ctypes
import os
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Moment(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Moment), ("value", _Moment))


class Alarm:
    """One timer of the Linux kernel (timerfd) on the clock of time.monotonic()."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._file = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._setting = _Setting()
        self._pointer = ctypes.byref(self._setting)
        loop.add_reader(self._file, self._woken)

    def set(self, moment_s: float) -> None:
        """Ring once at a moment of time.monotonic(), at once where it has passed."""
        value = self._setting.value
        # Zero would switch the timer off.
        nanoseconds = max(1, int(moment_s * 1e9))
        value.seconds, value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        if _libc.timerfd_settime(self._file, _ABSOLUTE, self._pointer, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        """Give the timer back; it rings no more."""
        self._loop.remove_reader(self._file)
        os.close(self._file)

    def _woken(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return
        self._ring()
