# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import interfaces
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    LIVE,
    applied,
    guest,
    missing,
    one,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

SAME = {
    "mac": "fa:16:3e:00:00:01",
    "type": "bridge",
    "bridge": "br-int",
    "device": "tap0b8d1e7f-11",
    "mtu": 1450,
    "openvswitch_id": "0b8d1e7f-1111-4000-8000-000000000001",
}


def plugging(*wanted: dict[str, Any], complete: bool = True, live: bool = True) -> Callable[[_Element], list[str]]:
    return lambda root: interfaces.plug(root, wanted, complete=complete, keep_mtu=live)


def test_the_same_binding_changes_nothing() -> None:
    assert applied(LIVE, plugging(SAME))[1] == []
    assert applied(LIVE, plugging({"mac": SAME["mac"]}))[1] == []


def test_macs_are_compared_without_their_case() -> None:
    """LP 1945646."""
    root, changes = applied(LIVE, plugging({**SAME, "mac": "Fa:16:3E:00:00:01", "bridge": "br-new"}))
    assert one(root, "devices/interface/source/@bridge") == "br-new"
    assert one(root, "devices/interface/mac/@address") == "FA:16:3E:00:00:01"
    assert changes == ["interface Fa:16:3E:00:00:01: tap0b8d1e7f-11 in br-new"]


def test_a_mac_that_is_absent_from_the_map_is_named() -> None:
    message = missing(LIVE, plugging())
    assert "its interface fa:16:3e:00:00:01 has no port binding there" in message
    assert "Pass the bindings of all its ports (interfaces" in message
    assert applied(LIVE, plugging(complete=False))[1] == []


def test_a_port_that_the_guest_has_not() -> None:
    with pytest.raises(StackmoveError, match="no interface for the port with MAC fa:16:3e:00:00:02"):
        plugging(SAME, {**SAME, "mac": "fa:16:3e:00:00:02"})(xml.parse(LIVE))


def test_all_that_the_guest_sees_stays() -> None:
    """MTU, alias, boot order, link state, filter, queues, model and address, all of which Nova may lose."""
    other = {**SAME, "type": "ethernet", "bridge": None, "device": "tapnew", "mtu": 9000, "openvswitch_id": None}
    root, changes = applied(LIVE, plugging(other))
    interface = one(root, "devices/interface")
    assert interface.get("type") == "ethernet"
    kept = ["mac", "target", "model", "driver", "filterref", "boot", "link", "mtu", "alias", "address"]
    assert [child.tag for child in interface] == kept
    assert interface.find("mtu").get("size") == "1450"
    assert interface.find("boot").get("order") == "1"
    assert interface.find("link").get("state") == "down"
    assert interface.find("alias").get("name") == "ua-net0"
    assert interface.find("driver").get("queues") == "2"
    assert changes == ["interface fa:16:3e:00:00:01: tapnew in no bridge"]


def test_a_guest_without_an_mtu_gets_none_while_it_runs() -> None:
    text = LIVE.replace("<mtu size='1450'/>", "")
    assert applied(text, plugging(SAME))[1] == []
    root, _changes = applied(text, plugging(SAME, live=False))
    assert one(root, "devices/interface/mtu/@size") == "1450"


def test_an_interface_without_an_address() -> None:
    """Nova inserts at the place of the address, and fails with a TypeError when there is none."""
    text = LIVE.replace("<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>", "")
    root, _changes = applied(text, plugging({**SAME, "bridge": "br-new"}))
    assert one(root, "devices/interface/source/@bridge") == "br-new"


def test_an_interface_that_has_next_to_nothing() -> None:
    text = guest("", "    <interface type='user'><mac address='fa:16:3e:00:00:01'/></interface>\n")
    root, _changes = applied(text, plugging(SAME))
    interface = one(root, "devices/interface")
    assert [child.tag for child in interface] == ["mac", "source", "target", "virtualport"]
    assert missing(guest("", "    <interface type='user'/>\n"), plugging()).count("without a MAC") == 1


def test_a_virtual_port_is_changed_in_its_place() -> None:
    text = LIVE.replace("<parameters interfaceid", "<parameters profileid='p' interfaceid")
    root, _changes = applied(text, plugging({**SAME, "openvswitch_id": "new"}))
    interface = one(root, "devices/interface")
    assert [child.tag for child in interface][:4] == ["mac", "source", "virtualport", "target"]
    assert dict(interface.find("virtualport/parameters").attrib) == {"profileid": "p", "interfaceid": "new"}


def test_any_source_that_libvirt_has() -> None:
    direct = {"mac": SAME["mac"], "type": "direct", "source": {"dev": "eth1", "mode": "bridge"}, "openvswitch_id": None}
    root, changes = applied(LIVE, plugging(direct))
    assert one(root, "devices/interface").get("type") == "direct"
    assert dict(one(root, "devices/interface/source").attrib) == {"dev": "eth1", "mode": "bridge"}
    assert changes == ["interface fa:16:3e:00:00:01: direct in eth1 bridge"]


def test_a_bridge_in_the_place_of_a_network() -> None:
    mac = "<mac address='52:54:00:00:00:01'/>"
    text = guest("", f"    <interface type='network'>{mac}<source network='default' portid='x'/></interface>\n")
    root, _changes = applied(text, plugging({"mac": "52:54:00:00:00:01", "bridge": "br0"}, complete=False))
    assert one(root, "devices/interface").get("type") == "bridge"
    assert dict(one(root, "devices/interface/source").attrib) == {"bridge": "br0"}
