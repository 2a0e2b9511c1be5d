# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest says by its agent, without any network: ``agent.py NAME`` reads what it has written, and

``agent.py NAME COMMAND`` runs a command first.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from typing import Any

import libvirt
import libvirt_qemu

PATIENCE_S = 120


def ask(domain: libvirt.virDomain, command: str, **arguments: Any) -> Any:
    """Ask the agent, again while it does not answer: it may not be up yet."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            question = json.dumps({"execute": command, "arguments": arguments})
            return json.loads(libvirt_qemu.qemuAgentCommand(domain, question, 5, 0))["return"]
        except libvirt.libvirtError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def run(domain: libvirt.virDomain, command: str) -> str:
    """Run a command in the guest, and return what it prints."""
    started = ask(domain, "guest-exec", path="/bin/sh", arg=["-c", command], **{"capture-output": True})
    while True:
        status = ask(domain, "guest-exec-status", pid=started["pid"])
        if status["exited"]:
            return base64.b64decode(status.get("out-data", "")).decode()
        time.sleep(0.2)


def main() -> None:
    """Print how often it has booted, and whether a number is missing among those that it writes."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    domain = libvirt.open("qemu:///system").lookupByName(sys.argv[1])
    for command in sys.argv[2:]:
        run(domain, command)
    first = run(domain, "tail -n 1 /data/seq")
    deadline = time.monotonic() + PATIENCE_S
    while run(domain, "tail -n 1 /data/seq") == first and time.monotonic() < deadline:
        time.sleep(0.5)
    lines = [line.split() for line in run(domain, "cat /data/seq").splitlines()]
    numbers = [int(line[0]) for line in lines if len(line) == 3]
    print(
        json.dumps(
            {
                "boots": int(run(domain, "cat /data/boots")),
                "last": numbers[-1],
                "complete": numbers == list(range(1, len(lines) + 1)),
                "writes_on": numbers[-1] > int(first.split()[0]),
            }
        )
    )


if __name__ == "__main__":
    main()
