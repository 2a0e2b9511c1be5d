# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's network interfaces: plugged where it goes, and the same to the guest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    Need,
    child,
    drop,
    require,
    uuid_of,
)

if TYPE_CHECKING:
    from lxml.etree import _Element


def plug(root: _Element, wanted: Sequence[Mapping[str, Any]], *, complete: bool, keep_mtu: bool = False) -> list[str]:
    """Plug the guest's interfaces, which are found by their MAC, in upper or lower case (LP 1945646).

    Model, address, alias, boot order, link state, queues and filters stay.

    :param wanted: of each interface its mac, and what the destination decides: type, bridge (or source, the
        attributes of ``<source>``), device, openvswitch_id, mtu; what is not in it stays, and None takes it away
    :param complete: an interface that is not in it is refused
    :param keep_mtu: the guest's MTU stays, as it must while it runs
    :raises StackmoveError: one is wanted that the guest has not
    :raises IncompleteError: naming each interface that the destination knows nothing of
    """
    by_mac = {str(item["mac"]).lower(): item for item in wanted}
    changes, needs, seen = [], [], set()
    for element in root.xpath("devices/interface"):
        found = element.find("mac")
        mac = str(found.get("address")).lower() if found is not None else ""
        if mac in by_mac:
            seen.add(mac)
            changes += _plug(element, by_mac[mac], keep_mtu)
        elif complete:
            device = f"its interface {mac or 'without a MAC'} has no port binding there"
            needs.append(Need(device, "Pass the bindings of all its ports (interfaces, or vifs and bindings)."))
    absent = sorted(set(by_mac) - seen)
    if absent:
        raise StackmoveError(
            f"make guest {uuid_of(root)} ready for another host",
            f"its XML has no interface for the port with MAC {', '.join(absent)}.",
            "Detach and attach the port with Nova, then run again.",
        )
    require(root, needs)
    return changes


def _plug(element: _Element, wanted: Mapping[str, Any], keep_mtu: bool) -> list[str]:
    before = xml.text_of(element)
    source = wanted["source"] if wanted.get("source") else {"bridge": wanted["bridge"]} if wanted.get("bridge") else {}
    kind = wanted.get("type") or ("bridge" if wanted.get("bridge") else element.get("type"))
    element.set("type", str(kind))
    if source or "bridge" in wanted or "source" in wanted:
        _set_source(element, {key: str(value) for key, value in source.items()})
    if wanted.get("device"):
        child(element, "target").set("dev", str(wanted["device"]))
    if "openvswitch_id" in wanted:
        _set_port(element, wanted["openvswitch_id"])
    # The guest's MTU follows the network's, which is the same on both hosts unless one is misconfigured.
    if wanted.get("mtu") and not keep_mtu:
        child(element, "mtu").set("size", str(wanted["mtu"]))
    if xml.text_of(element) == before:
        return []
    place = source.get("bridge") or " ".join(str(value) for value in source.values())
    return [f"interface {wanted['mac']}: {wanted.get('device') or kind} in {place or 'no bridge'}"]


def _set_source(element: _Element, attributes: Mapping[str, str]) -> None:
    if not attributes:
        for source in element.findall("source"):
            drop(source)
        return
    source = child(element, "source")
    for name in [name for name in source.attrib if name not in attributes]:
        del source.attrib[name]
    for name, value in attributes.items():
        source.set(name, value)


def _set_port(element: _Element, port_id: str | None) -> None:
    if not port_id:
        for virtual in element.findall("virtualport"):
            drop(virtual)
        return
    virtual = child(element, "virtualport")
    virtual.set("type", "openvswitch")
    child(virtual, "parameters").set("interfaceid", str(port_id))
