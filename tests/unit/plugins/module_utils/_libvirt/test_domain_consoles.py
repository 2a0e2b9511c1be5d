# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import consoles, graphics
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    LIVE,
    applied,
    guest,
    missing,
    one,
)

THERE = {"vnc": "192.0.2.21", "spice": "192.0.2.22"}


def test_graphics_listen_at_the_destination() -> None:
    root, changes = applied(LIVE, lambda root: graphics.listen(root, THERE, complete=True))
    assert root.xpath("devices/graphics/@listen") == ["192.0.2.21", "192.0.2.22"]
    assert root.xpath("devices/graphics/listen/@address") == ["192.0.2.21", "192.0.2.22"]
    assert one(root, "devices/graphics/@passwd") == "hunter2"
    assert changes == [
        "vnc listens on: 192.0.2.11 → 192.0.2.21",
        "spice listens on: 192.0.2.11 → 192.0.2.22",
    ]


def test_without_listen_data_the_console_is_named() -> None:
    message = missing(LIVE, lambda root: graphics.listen(root, {}, complete=True))
    assert "its vnc console listens on 192.0.2.11" in message
    assert "its spice console listens on 192.0.2.11" in message
    assert message.endswith("Remedy: Pass listen.vnc. Pass listen.spice.")


def test_one_type_unset_is_named_alone() -> None:
    message = missing(LIVE, lambda root: graphics.listen(root, {"vnc": "192.0.2.21"}, complete=True))
    assert "spice" in message
    assert "vnc" not in message
    root, _changes = applied(LIVE, lambda root: graphics.listen(root, {"vnc": "192.0.2.21"}, complete=False))
    assert root.xpath("devices/graphics/@listen") == ["192.0.2.21", "192.0.2.11"]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "127.0.0.1", "::1"])
def test_an_address_of_every_host_stays(address: str) -> None:
    text = LIVE.replace("192.0.2.11", address)
    assert applied(text, lambda root: graphics.listen(root, {}, complete=True))[1] == []


def test_only_listen_elements_with_an_address_are_changed() -> None:
    devices = """    <graphics type='vnc' autoport='yes'>
      <listen type='network' network='default'/>
      <listen type='address' address='192.0.2.11'/>
      <listen type='address' address='192.0.2.12'/>
    </graphics>
    <graphics type='spice'><listen type='socket' socket='/run/x'/></graphics>
    <graphics type='egl-headless'/>
"""
    root, changes = applied(guest("", devices), lambda root: graphics.listen(root, THERE, complete=True))
    assert [dict(item.attrib) for item in root.xpath("devices/graphics/listen")] == [
        {"type": "network", "network": "default"},
        {"type": "address", "address": "192.0.2.21"},
        {"type": "address", "address": "192.0.2.21"},
        {"type": "socket", "socket": "/run/x"},
    ]
    assert changes == ["vnc listens on: 192.0.2.11 → 192.0.2.21", "vnc listens on: 192.0.2.12 → 192.0.2.21"]


def test_consoles_get_the_destinations_ports() -> None:
    assert consoles.count(xml.parse(LIVE)) == 2
    root, changes = applied(LIVE, lambda root: consoles.move(root, "192.0.2.21", [10000, 10001]))
    assert root.xpath("devices/serial/source/@service") == ["10000", "10001"]
    assert root.xpath("devices/console/source/@service") == ["10000"]
    assert set(root.xpath("devices/*[@type='tcp']/source/@host")) == {"192.0.2.21"}
    assert changes[:2] == ["console port: 10003 → 10000", "console address: 192.0.2.11 → 192.0.2.21"]


def test_too_few_ports_leave_no_old_one() -> None:
    message = missing(LIVE, lambda root: consoles.move(root, "192.0.2.21", [10000]))
    assert "it has a console over TCP (192.0.2.11:10007), and the destination has no port for it" in message
    assert "10003" not in message
    assert "pass serial_ports" in message


def test_no_host_is_no_type_error() -> None:
    message = missing(LIVE, lambda root: consoles.move(root, "", [10000, 10001]))
    assert "its console over TCP listens on 192.0.2.11" in message
    assert message.endswith("Remedy: Pass serial_address.")
    local = LIVE.replace("host='192.0.2.11'", "host='127.0.0.1'")
    root, _changes = applied(local, lambda root: consoles.move(root, "", [10000, 10001]))
    assert set(root.xpath("devices/*[@type='tcp']/source/@host")) == {"127.0.0.1"}


def test_a_console_that_is_a_client_stays_with_its_server() -> None:
    devices = "    <serial type='tcp'><source mode='connect' host='log.example' service='514'/></serial>\n"
    assert applied(guest("", devices), lambda root: consoles.move(root, "192.0.2.21", []))[1] == []
    assert consoles.count(xml.parse(guest("", devices))) == 0


def test_a_console_without_a_source() -> None:
    assert applied(guest("", "    <serial type='tcp'/>\n"), lambda root: consoles.move(root, "", []))[1] == []
