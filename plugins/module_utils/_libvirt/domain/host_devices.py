# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices of the host that a guest has been given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    Need,
    require,
    set_attribute,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_ADDRESS = re.compile(r"(?P<domain>[0-9a-f]{4}):(?P<bus>[0-9a-f]{2}):(?P<slot>[0-9a-f]{2})\.(?P<function>[0-7])")
_PCI = (
    "devices/hostdev[@type='pci']/source/address"
    "|devices/interface[@type='hostdev']/source/address[not(@type) or @type='pci']"
)


def mediated(root: _Element, uuids: Mapping[str, str]) -> list[str]:
    """Give the guest the destination's mediated devices (vGPUs).

    :param uuids: of the source → of the destination
    :raises IncompleteError: naming each that has none there
    """
    known = {source.lower(): wanted for source, wanted in uuids.items()}
    changes, needs = [], []
    for address in root.xpath("devices/hostdev[@type='mdev']/source/address"):
        before = str(address.get("uuid"))
        if before.lower() in known:
            changes += set_attribute(address, "uuid", known[before.lower()], "mediated device")
        else:
            device = f"its mediated device {before} has none there"
            needs.append(Need(device, "Pass mdevs with the destination's uuid for each of the source."))
    require(root, needs)
    return changes


def pci(root: _Element, addresses: Mapping[str, str]) -> list[str]:
    """Give the guest the destination's PCI devices; where it sees them stays.

    :param addresses: of the source → of the destination, as ``0000:3b:00.1``
    :raises IncompleteError: naming each that has none there
    :raises StackmoveError: for an address in another form
    """
    changes, needs = [], []
    known = {source.lower(): wanted.lower() for source, wanted in addresses.items()}
    for address in root.xpath(_PCI):
        before = _read(address)
        wanted = known.get(before)
        if wanted is None:
            device = f"its PCI device {before} has none there"
            needs.append(Need(device, "Pass pci_devices with the destination's address for each of the source."))
        elif wanted != before:
            for name, value in _parts(wanted).items():
                address.set(name, f"0x{value}")
            changes.append(f"PCI device: {before} → {wanted}")
    require(root, needs)
    return changes


def _read(address: _Element) -> str:
    domain, bus, slot, function = (int(address.get(name, "0"), 0) for name in ("domain", "bus", "slot", "function"))
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _parts(address: str) -> dict[str, str]:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise StackmoveError(
            f"give the guest PCI device {address}", "that is no address of one.", "Write it as 0000:3b:00.1."
        )
    return found.groupdict()
