# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a program of the host, and say clearly why it failed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    NotFoundError,
    StackmoveError,
)

#: Debian's package for each program and Python module that is needed on a hypervisor.
PROGRAMS = {"qemu-img": "qemu-utils", "qemu-nbd": "qemu-utils"}
PYTHON_MODULES = {
    "libvirt": "python3-libvirt",
    "lxml": "python3-lxml",
    "nbd": "python3-libnbd",
    "os_brick": "python3-os-brick",
    "os_vif": "python3-os-vif",
    "requests": "python3-requests",
}


def run(command: Sequence[str], what: str) -> str:
    """Run a program without a shell and return its output.

    :param what: what it is done for, for the error's message
    :raises NotFoundError: when the program is not installed
    :raises StackmoveError: when it returns anything but 0, with what it wrote to stderr
    """
    if shutil.which(command[0]) is None:
        raise NotFoundError(
            what,
            f"the program {command[0]} is not installed on this host.",
            f"Install the package {PROGRAMS.get(command[0], command[0])}.",
        )
    result = subprocess.run(
        list(command),
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if result.returncode:
        said = (result.stderr or result.stdout).strip() or f"exit status {result.returncode}"
        raise StackmoveError(
            what,
            f"{command[0]} says: {said}",
            f"Run it by hand on this host: {shlex.join(command)}",
        )
    return result.stdout
