# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One at a time on this host for one server: what a killed run has left working here, and the run that goes on."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError

FOLDER = Path("/run/lock")
_POLL_S = 0.2


@contextmanager
def held(server: str, timeout_s: float) -> Iterator[None]:
    """Hold a server's lock for the length of a ``with`` block; the kernel drops it when the holder dies (flock(2)).

    The programs that we start don't inherit it: what they go on writing when we are killed, the next run replaces.

    :param timeout_s: seconds to wait for whoever holds it
    :raises ConflictError: when it is still held then
    """
    path = FOLDER / f"stackmove-{server}.lock"
    with _taken(path, server, time.monotonic() + timeout_s) as file:
        file.truncate(0)
        file.write(f"{os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S %Z')}")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _taken(path: Path, server: str, deadline: float) -> TextIO:
    while True:
        # Not through a link: others may write to this folder, too.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _has_its_name(file, path):
                return file
        except BlockingIOError:
            if time.monotonic() >= deadline:
                with file:
                    holder = file.read(100)
                raise ConflictError(
                    f"work on server {server} on this host",
                    f"another module works on it: process {holder}.",
                    "Wait until that is done and run again; or end that process on this host, if its run is dead.",
                ) from None
            time.sleep(_POLL_S)
        file.close()


def _has_its_name(file: TextIO, path: Path) -> bool:
    """Tell whether an open file is still the one at a path: whoever held its lock removes it in the end."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
