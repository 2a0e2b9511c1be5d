# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's XML, made ready for another host: changed where the host decides, and nowhere else.

Each part is a function of its own, in the folder ``domain``, that changes the tree and says in words what it changed.
What we don't know survives untouched and in its place. Everything that would get lost is refused, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    StackmoveError,
    UnsupportedError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import (
    consoles,
    graphics,
    host_devices,
    interfaces,
    local_disks,
    machine,
    memory,
    names,
    numa,
    perf,
    processors,
    volumes,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    IncompleteError,
    Need,
    require,
    uuid_of,
)

if TYPE_CHECKING:
    from lxml.etree import _Element


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
    """What the destination decides of a guest that is off.

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


@dataclass(frozen=True)
class LiveTarget:
    """What is known of the destination of a guest that goes on running: what Nova's LiveMigrateData carries, and more.

    Nothing of it is needed by every guest. What a guest needs and is not known is refused by name.

    :param name: the domain's name there; empty: as at the source
    :param source_path: the server's folder on the source host; empty: files keep their paths
    :param path: the server's folder on the destination
    :param listen: ``vnc`` or ``spice`` → address of the destination's consoles
    :param serial_address: address of the destination's TCP consoles
    :param serial_ports: free ports there, in the order of the guest's serial ports
    :param volumes: connection_info of each volume with its serial, and device_path where the host connected it, and
        encryption_secret_uuid for one that the host encrypts. A guest of Nova's needs all of them.
    :param rbd_user: user of the destination's nova.conf, for disks in Ceph and connections that name none
    :param rbd_secret_uuid: likewise
    :param rbd_monitors: ``address:port`` of each of Ceph's monitors, for local disks there; none: they stay
    :param perf_events: those that the destination counts; None: they stay
    :param file_backed_memory: whether the destination backs memory by files; None: it stays as it is
    :param cpu_shares: False: the flavor sets no ``quota:cpu_shares``, so that Nova's own weight is taken away
    :param interfaces: for each port its mac, and what changes: type, bridge (or source, the attributes of
        ``<source>``), device, openvswitch_id. A guest of Nova's needs all of them. The guest keeps its MTU.
    :param cpu_shared_set: the destination's ``[compute] cpu_shared_set``; empty for every processor; None: not known
    :param pins: the guest's place at the destination; None: not known
    :param mdevs: uuid of a mediated device of the source → of the destination
    :param pci_devices: address of a PCI device of the source → of the destination, as ``0000:3b:00.1``
    :param vpmems: devices of the destination for persistent memory, in the guest's order
    :param emulators: architecture → the destination's QEMU; an architecture that is not in it: as at the source
    :param machine_types: those that the destination's QEMU has; empty: not checked
    :param nova_release: of the Nova that the guest belongs to from now on; empty: as it is noted
    """

    name: str = ""
    source_path: str = ""
    path: str = ""
    listen: Mapping[str, str] = field(default_factory=dict)
    serial_address: str = ""
    serial_ports: Sequence[int] = ()
    volumes: Sequence[Mapping[str, Any]] = ()
    rbd_user: str = ""
    rbd_secret_uuid: str = ""
    rbd_monitors: Sequence[str] = ()
    perf_events: Sequence[str] | None = None
    file_backed_memory: bool | None = None
    cpu_shares: bool = True
    interfaces: Sequence[Mapping[str, Any]] = ()
    cpu_shared_set: str | None = None
    pins: numa.Pins | None = None
    mdevs: Mapping[str, str] = field(default_factory=dict)
    pci_devices: Mapping[str, str] = field(default_factory=dict)
    vpmems: Sequence[str] = ()
    emulators: Mapping[str, str] = field(default_factory=dict)
    machine_types: Sequence[str] = ()
    nova_release: str = ""


@dataclass(frozen=True)
class LiveXml:
    """A running guest's XML for its destination.

    :param destination_xml: for VIR_MIGRATE_PARAM_DEST_XML; it has the source's name, as libvirt wants it. The new one
        is VIR_MIGRATE_PARAM_DEST_NAME.
    :param persistent_xml: for VIR_MIGRATE_PARAM_PERSIST_XML: the same with the new name. Without it the destination
        starts the guest with the source's definition next time (LP 1890501).
    :param name: the guest's name there
    :param changes: what differs from the source, in words
    """

    # They have passwords of consoles, which no traceback shall show.
    destination_xml: str = field(repr=False)
    persistent_xml: str = field(repr=False)
    name: str
    changes: list[str]


def live_xml(domain_xml: str, target: LiveTarget) -> LiveXml:
    """Return the XML with which a running guest arrives, and each change in words.

    Only what the guest cannot see is changed: libvirt refuses everything else (ABI stability). It does all that
    nova.virt.libvirt.migration.get_updated_guest_xml does, in its order.

    :param domain_xml: as libvirt gives it with VIR_DOMAIN_XML_MIGRATABLE, and with VIR_DOMAIN_XML_SECURE when a
        console has a password, which it would lose
    :raises IncompleteError: naming everything that the guest needs there and that is not known
    :raises StackmoveError: a port or a volume is not the guest's, or the destination cannot run it
    """
    root = xml.parse(domain_xml)
    before, novas = root.findtext("name") or "", names.is_novas(root)
    machine.require_type(root, target.machine_types)
    changes = _apply(
        root,
        [
            lambda: names.files_named_after_it(root, before, target.name or before),
            lambda: names.nova_release(root, target.nova_release),
            lambda: machine.emulator(root, target.emulators),
            lambda: local_disks.paths(root, target.source_path, target.path),
            lambda: graphics.listen(root, target.listen, complete=True),
            lambda: consoles.move(root, target.serial_address, target.serial_ports),
            lambda: volumes.connect(root, target.volumes, target.rbd_user, target.rbd_secret_uuid, complete=novas),
            lambda: local_disks.rbd(root, target.rbd_monitors, target.rbd_user, target.rbd_secret_uuid),
            lambda: perf.events(root, target.perf_events),
            lambda: memory.backing(root, file_backed=target.file_backed_memory),
            lambda: processors.shares(root, keep=target.cpu_shares),
            lambda: interfaces.plug(root, target.interfaces, complete=novas, keep_mtu=True),
            lambda: processors.shared_set(root, target.cpu_shared_set),
            lambda: numa.pin(root, target.pins or numa.Pins()),
            lambda: host_devices.mediated(root, target.mdevs),
            lambda: host_devices.pci(root, target.pci_devices),
            lambda: memory.persistent(root, target.vpmems),
        ],
    )
    destination_xml = xml.text_of(root)
    changes += names.name(root, target.name or before)
    return LiveXml(destination_xml, xml.text_of(root), target.name or before, changes)


def for_destination(domain_xml: str, target: Target) -> tuple[str, list[str]]:
    """Return the XML for the destination of a guest that is off, and each change in words.

    :raises UnsupportedError: when the guest has something that cannot come along
    :raises StackmoveError: when a port or volume of the guest has no counterpart at the destination
    """
    root = xml.parse(domain_xml)
    flavor, before = target.flavor, root.findtext("name") or ""
    noted = {
        "memory": flavor.memory_mb,
        "disk": flavor.root_gb,
        "swap": flavor.swap,
        "ephemeral": flavor.ephemeral_gb,
        "vcpus": flavor.vcpus,
    }
    _refuse(root, flavor)
    machine.require_type(root, target.machine_types)
    changes = _apply(
        root,
        [
            lambda: names.name(root, target.name),
            lambda: names.files_named_after_it(root, before, target.name),
            lambda: names.flavor(root, flavor.name, noted),
            lambda: memory.size(root, flavor.memory_mb),
            # LP 1869804: the source's cpuset names processors that may not exist here.
            lambda: processors.shared_set(root, target.cpu_shared_set),
            lambda: processors.count(root, flavor.vcpus),
            lambda: machine.virtualization(root, target.virt_type),
            lambda: machine.emulator(root, target.emulators),
            lambda: local_disks.paths(root, target.source_path, target.path),
            lambda: local_disks.formats(root, target.disk_formats),
            lambda: volumes.connect(root, target.volumes, target.rbd_user, target.rbd_secret_uuid, complete=True),
            lambda: interfaces.plug(root, target.interfaces, complete=True),
            lambda: graphics.listen(root, target.listen, complete=False),
            lambda: consoles.move(root, target.serial_address, target.serial_ports),
        ],
    )
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
    return consoles.count(xml.parse(domain_xml))


def with_volumes(domain_xml: str, connections: Sequence[Mapping[str, Any]]) -> str:
    """Return the XML with the volumes' present connections, for a guest that stays where it is."""
    root = xml.parse(domain_xml)
    volumes.connect(root, connections, complete=False)
    return xml.text_of(root)


def _apply(root: _Element, parts: Iterable[Callable[[], list[str]]]) -> list[str]:
    """Apply each part, and tell at once what all of them need to know."""
    changes: list[str] = []
    needs: list[Need] = []
    for part in parts:
        try:
            changes += part()
        except IncompleteError as error:
            needs += error.needs
    require(root, needs)
    return changes


def _refuse(root: _Element, flavor: Flavor) -> None:
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
        "a disk that the host encrypts": "devices/disk[encryption or source/encryption]",
    }
    found = [name for name, path in lost.items() if root.xpath(path)]
    if found:
        raise UnsupportedError(
            f"make guest {uuid_of(root)} ready for another host",
            f"it has {', '.join(found)}, which cannot come along.",
            "Move it with Nova or rebuild it there.",
        )
    resized = memory.resized(root, flavor.memory_mb) or int(root.findtext("vcpu") or 0) != flavor.vcpus
    if resized and root.xpath("cpu/numa|numatune"):
        raise UnsupportedError(
            f"resize guest {uuid_of(root)}",
            "it has a NUMA topology, which Nova computes anew for each flavor.",
            "Move it with its own flavor, then resize it with Nova.",
        )
