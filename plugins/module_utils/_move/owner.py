# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which run of a playbook works on a server, and whether it still lives.

The server's rows name the run that has taken it, so that of two runs exactly one proceeds. A run that was killed can't
say so any more; but on the machine where it ran anybody can see that its process is gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

_PROGRAMS = ("ansible-playbook", "ansible")
_PROC = Path("/proc")
_ARGUMENTS = 4  # an interpreter with options, then the program


@dataclass(frozen=True)
class Run:
    """A run of a playbook.

    :param machine: what tells one set of process ids from another: the boot and the process id namespace
    :param pid: of the process that runs the playbook; 0 when that is not known
    :param began: when it began, in clock ticks since the machine has booted
    """

    id: str
    host: str
    machine: str
    pid: int
    began: int

    def text(self) -> str:
        """As the server's rows keep it; the column holds 255 characters."""
        return json.dumps({**asdict(self), "host": self.host[:63]}, sort_keys=True)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}" if self.pid else f"on {self.host}"


def parse(text: str) -> Run | None:
    """Read what :meth:`Run.text` has written; None when nobody has taken the server."""
    return Run(**json.loads(text)) if text else None


def this_run(proc: Path = _PROC) -> Run:
    """The run that this process is a part of."""
    pid = _playbook(proc)
    return Run(uuid.uuid4().hex[:12], platform.node(), _machine(proc), pid, _began(proc, pid) or 0)


def is_alive(run: Run, proc: Path = _PROC) -> bool | None:
    """Whether a run is still at work; None when that can't be seen from here."""
    if not run.pid or run.machine != _machine(proc):
        return None
    return _began(proc, run.pid) == run.began


def describe(text: str) -> Mapping[str, Any] | None:
    """Who holds the server, for a plan: id, host and pid of the run, and whether it is alive."""
    run = parse(text)
    return {"text": text, "id": run.id, "who": str(run), "alive": is_alive(run)} if run else None


def idle_s(touched: str) -> int:
    """For how many seconds nobody has touched a row.

    :param touched: when somebody did, in UTC, as MySQL writes it
    """
    then = datetime.fromisoformat(touched).replace(tzinfo=timezone.utc)
    return max(0, int((datetime.now(timezone.utc) - then).total_seconds()))


def _machine(proc: Path) -> str:
    boot = (proc / "sys/kernel/random/boot_id").read_text("ascii")
    return hashlib.sha256(f"{boot}{(proc / 'self/ns/pid').readlink()}".encode()).hexdigest()[:16]


def _stat(proc: Path, pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` after the program's name, which may hold spaces (proc(5))."""
    try:
        return (proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def _began(proc: Path, pid: int) -> int | None:
    fields = _stat(proc, pid)
    if not fields or fields[0] == "Z":  # a zombie is dead, and only waits to be reaped
        return None
    return int(fields[19])


def _runs_playbook(proc: Path, pid: int) -> bool:
    try:
        arguments = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")[:_ARGUMENTS]
    except OSError:
        return False
    return any(Path(argument.decode("utf-8", "replace")).name in _PROGRAMS for argument in arguments)


def _playbook(proc: Path) -> int:
    """The nearest of our ancestors that runs a playbook: a worker; and its like above it, up to the first of them."""
    pid, found = os.getpid(), 0
    while pid > 1:
        if _runs_playbook(proc, pid):
            found = pid
        elif found:
            break
        fields = _stat(proc, pid)
        pid = int(fields[1]) if fields else 0
    return found
