# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill a module of a run in the middle of its work. Runs on whichever machine the module does, on Python 3.9.

``watch.py MODULE SERVER CONTROLLER DELAY``: waits for the process of that module, which either mentions the server in
its own file or descends from the process CONTROLLER; then until it has begun with something outside itself, which is a
connection or the server's lock; then DELAY seconds; then SIGKILL. Prints a line for each of these.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 180
POLL_S = 0.002
PROC = Path("/proc")
STREAMS = ("0", "1", "2")  # which ssh may have made sockets


def arguments(pid: str) -> list[str]:
    """The command line of a process; empty when it is gone."""
    try:
        return (PROC / pid / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def ancestors(pid: str) -> Iterator[str]:
    """The process itself, its parent, and so on."""
    while pid not in ("0", ""):
        yield pid
        try:
            pid = (PROC / pid / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
        except OSError:
            return


def is_ours(pid: str, file: str, server: str, controller: str) -> bool:
    """Whether the module works for the run that is watched: others may work beside it."""
    if controller in ancestors(pid):
        return True
    try:
        return server in Path(file).read_text(errors="replace")
    except OSError:
        return False


def find(module: str, server: str, controller: str) -> str:
    """The process id of the module; empty as long as there is none."""
    name = f"AnsiballZ_{module}.py"
    for entry in PROC.iterdir():
        words = arguments(entry.name) if entry.name.isdigit() else []
        # The interpreter, not the shell that has started it.
        if "python" in Path(words[0] if words else "").name:
            for word in words[1:]:
                if word.endswith(name) and is_ours(entry.name, word, server, controller):
                    return entry.name
    return ""


def at_work(pid: str) -> bool:
    """Whether it has a connection to anything, or the lock of a server."""
    for link in (PROC / pid / "fd").iterdir():
        if link.name not in STREAMS:
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith(("socket:", "/run/lock/stackmove-")):
                return True
    return False


def main() -> int:
    """Watch and kill; the status is 1 when nothing was killed."""
    module, server, controller, delay = sys.argv[1:]
    print("watching", flush=True)
    deadline = time.monotonic() + PATIENCE_S
    pid = ""
    while not pid and time.monotonic() < deadline:
        time.sleep(POLL_S)
        pid = find(module, server, controller)
    try:
        while not at_work(pid):
            time.sleep(POLL_S)
        time.sleep(float(delay))
        os.kill(int(pid), signal.SIGKILL)
    except (OSError, ValueError):
        print(f"missed {pid}", flush=True)
        return 1
    print(f"killed {pid}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
