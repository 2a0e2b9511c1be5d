# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of this host for guests' consoles over TCP, as nova.console.serial hands them out."""

from __future__ import annotations

import socket

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError


def free_ports(address: str, port_range: str, count: int) -> list[int]:
    """Find free ports.

    :param address: where the consoles listen
    :param port_range: ``[serial_console] port_range``, e.g. ``10000:20000``
    :raises StackmoveError: when there are not that many
    """
    first, last = port_range.split(":")
    found: list[int] = []
    for port in range(int(first), int(last)):
        if len(found) == count:
            break
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
        found.append(port)
    if len(found) < count:
        raise StackmoveError(
            f"find {count} console ports on {address}",
            f"only {len(found)} of {port_range} are free.",
            "Widen [serial_console] port_range on this host.",
        )
    return found
