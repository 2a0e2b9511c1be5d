# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's XML, made ready for another host: changed where the host decides, and nowhere else.

Each part is a function of its own that changes the tree and says in words what it changed. What we don't know survives
untouched and in its place. Everything that would get lost is refused, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    StackmoveError,
    UnsupportedError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml

if TYPE_CHECKING:
    from lxml.etree import _Element

# nova.virt.libvirt.config: the namespace of what Nova notes about the server.
_NOVA = "{http://openstack.org/xmlns/libvirt/nova/1.1}"

_KIB_IN_MIB = 1024
# Nova before 2023.1 gave every guest 1024 shares a processor (LP 1978489).
_SHARES_EACH = 1024


@dataclass(frozen=True)
class Flavor:
    """The flavor that the guest shall have. Memory and swap in MiB, disks in GiB, as Nova has them."""

    name: str
    memory_mb: int
    vcpus: int
    root_gb: int
    ephemeral_gb: int = 0
    swap: int = 0


@dataclass(frozen=True)
class Target:
    """What the destination decides.

    :param name: the domain's name, from the row's id in the new cell
    :param source_path: the server's folder on the source host
    :param path: the server's folder on the destination
    :param interfaces: for each port: mac, type, bridge, device, mtu, openvswitch_id
    :param volumes: connection_info of each volume, with device_path where the host connected it
    :param disk_formats: file name → format of local disks at the destination
    :param listen: ``vnc`` or ``spice`` → address of the destination's consoles
    :param machine_types: those that the destination's QEMU has; empty: not checked
    :param emulators: architecture → the destination's QEMU
    :param cpu_shared_set: the destination's ``[compute] cpu_shared_set``; empty for every processor
    :param virt_type: kvm or qemu; empty: as at the source
    :param rbd_user: user and secret of the destination's nova.conf, for connections that name none
    :param serial_address: address of the destination's TCP consoles, and free ports for them
    """

    name: str
    source_path: str
    path: str
    flavor: Flavor
    interfaces: Sequence[Mapping[str, Any]] = ()
    volumes: Sequence[Mapping[str, Any]] = ()
    disk_formats: Mapping[str, str] = field(default_factory=dict)
    listen: Mapping[str, str] = field(default_factory=dict)
    machine_types: Sequence[str] = ()
    emulators: Mapping[str, str] = field(default_factory=dict)
    cpu_shared_set: str = ""
    virt_type: str = ""
    rbd_user: str = ""
    rbd_secret_uuid: str = ""
    serial_address: str = ""
    serial_ports: Sequence[int] = ()


def for_destination(domain_xml: str, target: Target) -> tuple[str, list[str]]:
    """Return the XML for the destination, and each change in words.

    :raises UnsupportedError: when the guest has something that cannot come along
    :raises StackmoveError: when a port or volume of the guest has no counterpart at the destination
    """
    root = xml.parse(domain_xml)
    _refuse(root, target)
    parts: tuple[Callable[[_Element, Target], list[str]], ...] = (
        _name,
        _nova_metadata,
        _memory,
        _processors,
        _machine,
        _local_files,
        _volumes,
        _interfaces,
        _graphics,
        _serial_ports,
    )
    changes = [change for part in parts for change in part(root, target)]
    return xml.text_of(root), changes


def flavor(given: Mapping[str, Any]) -> Flavor:
    """Read a flavor as the API or Nova's database has it; an empty swap is none.

    :raises StackmoveError: when it lacks what a guest is made of
    """
    try:
        return Flavor(
            name=str(given["name"]),
            memory_mb=int(given["memory_mb"]),
            vcpus=int(given["vcpus"]),
            root_gb=int(given["root_gb"]),
            ephemeral_gb=int(given.get("ephemeral_gb") or 0),
            swap=int(given.get("swap") or 0),
        )
    except (KeyError, ValueError) as error:
        raise StackmoveError(
            "read the flavor", f"its {error} is missing or no number.", "Pass on the flavor as the plan has it."
        ) from error


def tcp_consoles(domain_xml: str) -> int:
    """Return how many ports of the host a guest's consoles need."""
    found = xml.parse(domain_xml).xpath("devices/*[self::serial or self::console][@type='tcp']")
    return len({str(item.find("source").get("service")) for item in found})


def with_volumes(domain_xml: str, volumes: Sequence[Mapping[str, Any]]) -> str:
    """Return the XML with the volumes' present connections, for a guest that stays where it is."""
    root = xml.parse(domain_xml)
    for info in volumes:
        _volume(root, info, "", "")
    return xml.text_of(root)


def _refuse(root: _Element, target: Target) -> None:
    # What lives in the host and not in the XML or the disks that we carry.
    lost = {
        "a TPM": "devices/tpm",
        "firmware variables (UEFI)": "os/nvram|os[@firmware='efi']|os/loader[@type='pflash']",
        "a device of the host": "devices/hostdev|devices/interface[@type='hostdev']",
        "a folder of the host": "devices/filesystem",
        "memory encryption": "launchSecurity",
        "persistent memory": "devices/memory",
        "a kernel outside of its disk": "os/kernel",
        "pinned processors": "cputune/vcpupin",
    }
    found = [name for name, path in lost.items() if root.xpath(path)]
    if found:
        raise UnsupportedError(
            f"make guest {root.findtext('uuid')} ready for another host",
            f"it has {', '.join(found)}, which cannot come along.",
            "Move it with Nova or rebuild it there.",
        )
    resized = _resized(root, target.flavor)
    if resized and root.xpath("cpu/numa|numatune"):
        raise UnsupportedError(
            f"resize guest {root.findtext('uuid')}",
            "it has a NUMA topology, which Nova computes anew for each flavor.",
            "Move it with its own flavor, then resize it with Nova.",
        )


def _resized(root: _Element, flavor: Flavor) -> bool:
    memory = int(root.findtext("memory") or 0)
    return memory != flavor.memory_mb * _KIB_IN_MIB or int(root.findtext("vcpu") or 0) != flavor.vcpus


def _set_text(element: _Element | None, text: str, what: str) -> list[str]:
    if element is None or element.text == text:
        return []
    before, element.text = element.text, text
    return [f"{what}: {before} → {text}"]


def _set(element: _Element | None, name: str, value: str | None, what: str) -> list[str]:
    if element is None or element.get(name) == value:
        return []
    before = element.get(name)
    if value is None:
        del element.attrib[name]
    else:
        element.set(name, value)
    return [f"{what}: {before} → {value}"]


def _child(element: _Element, tag: str) -> _Element:
    """Return the child of that name, made when it is not there."""
    from lxml import etree

    found = element.find(tag)
    return etree.SubElement(element, tag) if found is None else found


def _drop(element: _Element) -> None:
    """Remove an element but not the white space behind it, so that the rest stays as it was."""
    parent = element.getparent()
    if parent is not None:
        previous = element.getprevious()
        if previous is not None and parent[-1] is element:
            previous.tail = element.tail
        parent.remove(element)


def _name(root: _Element, target: Target) -> list[str]:
    before = root.findtext("name") or ""
    changes = _set_text(root.find("name"), target.name, "name")
    if changes:
        # Sockets are named after the domain, e.g. org.qemu.guest_agent.0.instance-0000000a.sock
        for source in root.xpath("devices/channel/source[@path]"):
            path = str(source.get("path"))
            changes += _set(source, "path", path.replace(before, target.name), "channel")
    return changes


def _nova_metadata(root: _Element, target: Target) -> list[str]:
    # LibvirtDriver._get_guest_config_meta; it is what a person sees in virsh dumpxml.
    found = root.find(f"metadata/{_NOVA}instance/{_NOVA}flavor")
    if found is None:
        return []
    flavor = target.flavor
    changes = _set(found, "name", flavor.name, "flavor")
    for tag, value in (
        ("memory", flavor.memory_mb),
        ("disk", flavor.root_gb),
        ("swap", flavor.swap),
        ("ephemeral", flavor.ephemeral_gb),
        ("vcpus", flavor.vcpus),
    ):
        changes += _set_text(found.find(f"{_NOVA}{tag}"), str(value), f"flavor's {tag}")
    return changes


def _memory(root: _Element, target: Target) -> list[str]:
    wanted = str(target.flavor.memory_mb * _KIB_IN_MIB)
    changes = []
    for tag in ("memory", "currentMemory"):
        element = root.find(tag)
        # The inactive XML has KiB always; without currentMemory it is the same as memory.
        if element is not None and element.get("unit", "KiB") == "KiB":
            changes += _set_text(element, wanted, f"{tag} (KiB)")
    return changes


def _processors(root: _Element, target: Target) -> list[str]:
    vcpu = root.find("vcpu")
    if vcpu is None:
        return []
    before, wanted = int(vcpu.text or 1), target.flavor.vcpus
    # LP 1869804: the source's cpuset names processors that may not exist here.
    changes = _set(vcpu, "cpuset", target.cpu_shared_set or None, "processors of the host")
    if before == wanted:
        return changes
    changes += _set_text(vcpu, str(wanted), "vcpus")
    changes += _set(vcpu, "current", None, "vcpus at first")
    changes += _set_text(
        root.find(f"cputune/shares[.='{before * _SHARES_EACH}']"),
        str(wanted * _SHARES_EACH),
        "shares",
    )
    topology = root.find("cpu/topology")
    if topology is not None:
        # libvirt wants the product to be the number of processors. Nova prefers sockets (nova.virt.hardware).
        fixed = 1
        for name in ("dies", "clusters", "cores", "threads"):
            fixed *= int(topology.get(name, "1"))
        if wanted % fixed:
            for name in ("dies", "clusters", "cores", "threads"):
                if name in topology.attrib:
                    topology.set(name, "1")
            fixed = 1
        changes += _set(topology, "sockets", str(wanted // fixed), "sockets")
    return changes


def _machine(root: _Element, target: Target) -> list[str]:
    kind = root.find("os/type")
    machine = kind.get("machine") if kind is not None else None
    if machine and target.machine_types and machine not in target.machine_types:
        raise UnsupportedError(
            f"make guest {root.findtext('uuid')} ready for another host",
            f"the destination's QEMU has no machine type {machine}.",
            "Choose a destination with the same or a newer QEMU.",
        )
    changes = _set(root, "type", target.virt_type or root.get("type"), "virtualization")
    arch = str(kind.get("arch")) if kind is not None else ""
    emulator = root.find("devices/emulator")
    if arch in target.emulators:
        changes += _set_text(emulator, target.emulators[arch], "emulator")
    return changes


def _local_files(root: _Element, target: Target) -> list[str]:
    """Everything below the server's folder: disks, config drive, console log."""
    changes = []
    prefix = f"{target.source_path.rstrip('/')}/"
    for element in root.iter():
        for name in ("file", "path"):
            value = element.get(name) if isinstance(element.tag, str) else None
            if value and value.startswith(prefix):
                moved = f"{target.path.rstrip('/')}/{value[len(prefix) :]}"
                changes += _set(element, name, moved, f"{name} of {element.tag!s}")
    for disk in root.xpath("devices/disk[source/@file]"):
        file_name = str(disk.find("source").get("file")).rpartition("/")[2]
        wanted = target.disk_formats.get(file_name)
        if wanted and not disk.findtext("serial"):
            changes += _set(_child(disk, "driver"), "type", wanted, f"format of {file_name}")
            _drop_backing_store(disk)
    return changes


def _drop_backing_store(disk: _Element) -> None:
    # It names the source host's base image; libvirt finds the new one by itself.
    for element in disk.findall("backingStore"):
        _drop(element)


def _volumes(root: _Element, target: Target) -> list[str]:
    user, secret = target.rbd_user, target.rbd_secret_uuid
    changes = [change for info in target.volumes for change in _volume(root, info, user, secret)]
    known = {str(info["serial"]) for info in target.volumes}
    for disk in root.xpath("devices/disk[serial]"):
        serial = str(disk.findtext("serial"))
        if serial not in known:
            raise StackmoveError(
                f"make guest {root.findtext('uuid')} ready for another host",
                f"its disk with serial {serial} has no volume connection there.",
                "Give the connections of all its volumes.",
            )
    return changes


def _volume(root: _Element, info: Mapping[str, Any], rbd_user: str, rbd_secret_uuid: str) -> list[str]:
    """Put one volume's connection into its disk: what nova.virt.libvirt.volume makes of it."""
    serial = str(info["serial"])
    found = [disk for disk in root.xpath("devices/disk") if disk.findtext("serial") == serial]
    if not found:
        raise StackmoveError(
            f"connect volume {serial} to guest {root.findtext('uuid')}",
            "the guest's XML has no disk with that serial.",
            "Detach and attach the volume with Nova, or hard-reboot the server, then run again.",
        )
    disk = found[0]
    kind, data = str(info["driver_volume_type"]), info["data"]
    if disk.find("source/encryption") is not None or disk.find("encryption") is not None:
        raise UnsupportedError(
            f"connect volume {serial}",
            "it is encrypted by the host.",
            "Detach it, or move the server with Nova.",
        )
    fresh = deepcopy(disk)
    if kind == "rbd":
        _network_source(fresh, data, rbd_user, rbd_secret_uuid)
    elif kind == "nfs":
        _path_source(fresh, "file", "file", data)
        _set(_child(fresh, "driver"), "type", str(data.get("format") or "raw"), "format")
    else:
        _path_source(fresh, "block", "dev", data)
    _drop_backing_store(fresh)
    parent = disk.getparent()
    if parent is None or _meaning(fresh) == _meaning(disk):
        return []
    parent.replace(disk, fresh)
    return [f"volume {serial}: connected as {kind}"]


def _meaning(element: _Element) -> tuple[Any, ...]:
    """Return what an element says, whatever its white space and the order of its children."""
    children = sorted(repr(_meaning(child)) for child in element)
    return (element.tag, sorted(element.attrib.items()), (element.text or "").strip(), children)


def _fresh_source(disk: _Element, kind: str) -> _Element:
    """Empty ``<source>``, so that nothing of the old connection stays; its place in the disk is kept."""
    disk.set("type", kind)
    source = _child(disk, "source")
    for child in list(source):
        source.remove(child)
    source.attrib.clear()
    source.text = None
    for auth in disk.findall("auth"):
        _drop(auth)
    return source


def _path_source(disk: _Element, kind: str, name: str, data: Mapping[str, Any]) -> None:
    path = data.get("device_path")
    if not path:
        raise StackmoveError(
            f"connect volume {disk.findtext('serial')}",
            "its connection has no device path.",
            "Connect the volume on the host first.",
        )
    _fresh_source(disk, kind).set(name, str(path))


def _network_source(disk: _Element, data: Mapping[str, Any], rbd_user: str, rbd_secret_uuid: str) -> None:
    from lxml import etree

    source = _fresh_source(disk, "network")
    source.set("protocol", "rbd")
    source.set("name", str(data["name"]))
    ports = list(data.get("ports") or [])
    for position, name in enumerate(data.get("hosts") or []):
        host = etree.SubElement(source, "host", name=str(name))
        if position < len(ports):
            host.set("port", str(ports[position]))
    # LibvirtNetVolumeDriver._set_auth_config_rbd: what Cinder says comes before nova.conf.
    if data.get("auth_enabled"):
        user = data.get("auth_username")
        secret = data.get("secret_uuid") or rbd_secret_uuid
    else:
        user, secret = rbd_user, rbd_secret_uuid
    if user and secret:
        auth = etree.Element("auth", username=str(user))
        etree.SubElement(auth, "secret", type="ceph", uuid=str(secret))
        source.addnext(auth)


def _interfaces(root: _Element, target: Target) -> list[str]:
    wanted = {str(item["mac"]).lower(): item for item in target.interfaces}
    changes, seen = [], set()
    for element in root.xpath("devices/interface"):
        mac_element = element.find("mac")
        mac = str(mac_element.get("address")).lower() if mac_element is not None else ""
        if mac not in wanted:
            raise StackmoveError(
                f"make guest {root.findtext('uuid')} ready for another host",
                f"its interface {mac or 'without a MAC'} has no port binding there.",
                "Give the bindings of all its ports.",
            )
        seen.add(mac)
        changes += _interface(element, wanted[mac])
    absent = sorted(set(wanted) - seen)
    if absent:
        raise StackmoveError(
            f"make guest {root.findtext('uuid')} ready for another host",
            f"its XML has no interface for the port with MAC {', '.join(absent)}.",
            "Detach and attach the port with Nova, then run again.",
        )
    return changes


def _interface(element: _Element, wanted: Mapping[str, Any]) -> list[str]:
    """Change what the binding decides; model, address, boot order, queues, and filters stay."""
    from lxml import etree

    before = xml.text_of(element)
    element.set("type", str(wanted["type"]))
    bridge = wanted.get("bridge")
    source = element.find("source")
    if bridge:
        source = _child(element, "source")
        source.attrib.clear()
        source.set("bridge", str(bridge))
    elif source is not None:
        _drop(source)
    _child(element, "target").set("dev", str(wanted["device"]))
    for old in element.findall("virtualport"):
        _drop(old)
    port_id = wanted.get("openvswitch_id")
    if port_id:
        virtual = etree.SubElement(element, "virtualport", type="openvswitch")
        etree.SubElement(virtual, "parameters", interfaceid=str(port_id))
    # The guest's MTU follows the network's, which is the same on both hosts unless one is misconfigured.
    if wanted.get("mtu"):
        _child(element, "mtu").set("size", str(wanted["mtu"]))
    if xml.text_of(element) == before:
        return []
    return [f"interface {wanted['mac']}: {wanted['device']} in {bridge or 'no bridge'}"]


def _graphics(root: _Element, target: Target) -> list[str]:
    changes = []
    for graphics in root.xpath("devices/graphics"):
        kind = str(graphics.get("type"))
        address = target.listen.get(kind)
        if not address:
            continue
        if graphics.get("listen") is not None:
            changes += _set(graphics, "listen", address, f"{kind} listens on")
        for listen in graphics.xpath("listen[@type='address']"):
            if listen.get("address") != address:
                listen.set("address", address)
                if graphics.get("listen") is None:
                    changes.append(f"{kind} listens on: {address}")
    return changes


def _serial_ports(root: _Element, target: Target) -> list[str]:
    """Consoles over TCP, which Nova gives a port of the host each (nova.console.serial)."""
    devices = root.xpath("devices/serial[@type='tcp']|devices/console[@type='tcp']")
    ports: dict[str, int] = {}
    changes = []
    for device in devices:
        source = device.find("source")
        old = str(source.get("service")) if source is not None else ""
        if old not in ports:  # a console that mirrors a serial port has the same one
            if len(ports) == len(target.serial_ports):
                raise StackmoveError(
                    f"make guest {root.findtext('uuid')} ready for another host",
                    "it has a console over TCP, and the destination has no port for it.",
                    "Enable [serial_console] at the destination, or disable it at the source.",
                )
            ports[old] = target.serial_ports[len(ports)]
        changes += _set(source, "service", str(ports[old]), "console port")
        changes += _set(source, "host", target.serial_address, "console address")
    return changes
