# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file system that holds a host's servers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError


def describe(path: Path) -> dict[str, Any]:
    """Describe the file system of a folder: space in bytes, its type and source, and an identifier.

    The identifier is only a hint: two hosts with the same one may share storage, but only a file written on one
    and seen on the other proves it.
    """
    nearest = _existing(path)
    numbers = os.statvfs(nearest)
    mount = _mount_of(nearest)
    return {
        "path": str(path),
        "exists": path.is_dir(),
        "free_bytes": numbers.f_bavail * numbers.f_frsize,
        "total_bytes": numbers.f_blocks * numbers.f_frsize,
        "filesystem": f"{mount['type']}:{mount['source']}:{numbers.f_fsid:x}",
        "type": mount["type"],
    }


def require_space(path: Path, needed_bytes: int, what: str) -> None:
    """Refuse to begin what cannot fit.

    :param what: what would be written, for the error's message
    :raises StackmoveError: when fewer bytes than needed are free
    """
    free = int(describe(path)["free_bytes"])
    if free < needed_bytes:
        raise StackmoveError(
            what,
            f"{path} has {free} bytes free, and {needed_bytes} are needed.",
            "Free space there or choose another destination.",
        )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _mount_of(path: Path) -> dict[str, str]:
    # proc_pid_mountinfo(5): fields up to " - " vary in number; field 5 is the mount point, then type and source.
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    found = {"type": "unknown", "source": "unknown"}
    for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
        before, _dash, after = line.partition(" - ")
        if before.split()[2] == wanted:
            kind, source = after.split()[:2]
            found = {"type": kind, "source": source}
    return found
