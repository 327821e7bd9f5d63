"""The end of a log that somebody else writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PAST = 64 * 1024
"""Octets of what was written before us that are read: why a call failed may stand there."""
_MOST = 16 * 1024 * 1024
"""Octets after which a log of ours begins anew."""


class Tail:
    """Reads what is new, and follows a log that was emptied or replaced.

    With ``ours`` it empties a log that has become too long, which its writer only appends to.
    """

    def __init__(self, path: Path, *, ours: bool) -> None:
        self._path = path
        self._ours = ours
        self._file = 0
        self._offset = -1  # nothing was read yet
        self._rest = b""

    def grown(self) -> bool:
        """Whether there is something to read."""
        try:
            now = self._path.stat()
        except OSError:  # whatever comes in its place is new
            self._offset, self._rest = 0, b""
            return False
        return now.st_size != self._offset or now.st_ino != self._file

    def lines(self) -> Iterator[str]:
        """Whole lines that were written since; none where the log cannot be read."""
        try:
            with self._path.open("rb") as log:
                now = os.fstat(log.fileno())
                if self._offset < 0:
                    self._offset = max(0, now.st_size - _PAST)
                elif now.st_ino != self._file or now.st_size < self._offset:
                    self._offset, self._rest = 0, b""
                self._file = now.st_ino
                log.seek(self._offset)
                new = log.read()
            self._offset += len(new)
            if self._ours and self._offset > _MOST:
                os.truncate(self._path, 0)
                self._offset = 0
        except OSError:  # whatever comes in its place is new
            self._offset, self._rest = 0, b""
            return
        *whole, self._rest = (self._rest + new).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
