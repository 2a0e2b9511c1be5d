# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let hosts of the lab see one folder of this machine: ``share.py FOLDER PLACE PID...``.

The lab's hosts are machines of systemd-nspawn with mounts of their own. open_tree(2) takes the folder here, and
move_mount(2) puts it into the machine that has the process PID. Nothing happens where it is in its place already.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

OPEN_TREE, MOVE_MOUNT = 428, 429  # the same on all architectures
HERE, CLONE, EMPTY_PATH, NEW_MOUNTS = -100, 1, 4, 0x20000


def share(folder: str, place: str, pid: str) -> None:
    """Mount the folder in the machine, in a process of its own: there is no way back from its mounts."""
    libc = ctypes.CDLL(None, use_errno=True)
    tree = libc.syscall(OPEN_TREE, HERE, folder.encode(), CLONE)
    with Path(f"/proc/{pid}/ns/mnt").open() as mounts:
        if tree < 0 or libc.setns(mounts.fileno(), NEW_MOUNTS):
            sys.exit(os.strerror(ctypes.get_errno()))
    Path(place).mkdir(exist_ok=True)
    if not os.path.ismount(place) and libc.syscall(MOVE_MOUNT, tree, b"", HERE, place.encode(), EMPTY_PATH):
        sys.exit(os.strerror(ctypes.get_errno()))


def main() -> None:
    """Do it for each machine."""
    folder, place, *pids = sys.argv[1:]
    failed = 0
    for pid in pids:
        child = os.fork()
        if not child:
            share(folder, place, pid)
            os._exit(0)
        failed |= os.waitpid(child, 0)[1]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
