# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's consoles over TCP, which Nova gives a port of the host each (nova.console.serial)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    EVERY_HOST,
    Need,
    require,
    set_attribute,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

# With mode='connect' QEMU is the client of a server elsewhere, which stays where it is.
_SOURCES = "devices/*[self::serial or self::console][@type='tcp']/source[not(@mode='connect')]"


def count(root: _Element) -> int:
    """Return how many ports of the host the guest's consoles need."""
    return len({source.get("service") for source in root.xpath(_SOURCES)})


def move(root: _Element, address: str, ports: Sequence[int]) -> list[str]:
    """Give each console a port of the destination; one that mirrors a serial port has the same.

    :param address: where they listen; empty: not known
    :param ports: free ports there, in the order of the guest's serial ports
    :raises IncompleteError: naming each console for which there is no port or no address
    """
    moved: dict[str | None, int] = {}
    changes, needs = [], []
    for source in root.xpath(_SOURCES):
        host, service = source.get("host"), source.get("service")
        if service not in moved:
            if len(moved) == len(ports):
                device = f"it has a console over TCP ({host}:{service}), and the destination has no port for it"
                needs.append(Need(device, "Enable [serial_console] at the destination, or pass serial_ports."))
                continue
            moved[service] = ports[len(moved)]
        if not address and host not in EVERY_HOST:
            device = f"its console over TCP listens on {host}, an address of the source"
            needs.append(Need(device, "Pass serial_address."))
        changes += set_attribute(source, "service", str(moved[service]), "console port")
        if address:
            changes += set_attribute(source, "host", address, "console address")
    require(root, needs)
    return changes
