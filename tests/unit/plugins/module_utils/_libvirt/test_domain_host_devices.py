# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import host_devices
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    LIVE,
    applied,
    guest,
    missing,
    one,
)

MDEV = "6d646576-0000-4163-8b6d-6f7665210001"
OTHER = "6d646576-0000-4163-8b6d-6f7665210002"
PCI = "0000:3b:02.1"


def test_a_mediated_device_of_the_destination() -> None:
    root, changes = applied(LIVE, lambda root: host_devices.mediated(root, {MDEV.upper(): OTHER, OTHER: OTHER}))
    assert one(root, "devices/hostdev[@type='mdev']/source/address/@uuid") == OTHER
    assert one(root, "devices/hostdev[@type='mdev']/address/@bus") == "0x07"
    assert changes == [f"mediated device: {MDEV} → {OTHER}"]


def test_a_mediated_device_that_is_missing_there() -> None:
    message = missing(LIVE, lambda root: host_devices.mediated(root, {OTHER: MDEV}))
    assert f"its mediated device {MDEV} has none there" in message
    assert "Pass mdevs" in message


def test_a_pci_device_of_the_destination() -> None:
    wanted = "0001:AF:1f.7"
    root, changes = applied(LIVE, lambda root: host_devices.pci(root, {PCI: wanted, wanted: wanted}))
    assert dict(one(root, "devices/hostdev[@type='pci']/source/address").attrib) == {
        "domain": "0x0001",
        "bus": "0xaf",
        "slot": "0x1f",
        "function": "0x7",
    }
    assert one(root, "devices/hostdev[@type='pci']/address/@bus") == "0x08"
    assert changes == [f"PCI device: {PCI} → 0001:af:1f.7"]
    assert applied(LIVE, lambda root: host_devices.pci(root, {PCI: PCI}))[1] == []


def test_a_pci_device_that_is_missing_there() -> None:
    message = missing(LIVE, lambda root: host_devices.pci(root, {}))
    assert f"its PCI device {PCI} has none there" in message
    assert "Pass pci_devices" in message


def test_two_devices_that_change_places() -> None:
    devices = "".join(
        f"    <hostdev mode='subsystem' type='pci'><source><address bus='0x3b' slot='{slot}'/></source></hostdev>\n"
        for slot in (1, "0x02")
    )
    root = xml.parse(guest("", devices))
    host_devices.pci(root, {"0000:3b:01.0": "0000:3b:02.0", "0000:3b:02.0": "0000:3b:01.0"})
    assert root.xpath("devices/hostdev/source/address/@slot") == ["0x02", "0x01"]


def test_an_interface_that_is_a_pci_device() -> None:
    devices = """    <interface type='hostdev' managed='yes'>
      <source>
        <address type='pci' domain='0x0000' bus='0x3b' slot='0x02' function='0x1'/>
      </source>
    </interface>
    <hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>
"""
    there = {PCI: "0000:3c:00.0", "0000:3c:00.0": "0000:3c:00.0"}
    root, _changes = applied(guest("", devices), lambda root: host_devices.pci(root, there))
    address = one(root, "devices/interface/source/address")
    assert (address.get("type"), address.get("bus"), address.get("slot")) == ("pci", "0x3c", "0x00")
