# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that stands against a live migration, found before it begins: all of it at once, each with its remedy."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import (
    capabilities,
    domain_info,
    migration_disks,
    xml,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import refused, translated
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_disks import Disk
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import Side
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_options import Options

if TYPE_CHECKING:
    import libvirt

# QEMU 10.1: before it, a guest that switches to post-copy over several connections ends shut off at the destination.
_PARALLEL_POST_COPY = 10_001_000
_FAIL_INCOMPATIBLE = 1  # VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
_CPU_INCOMPATIBLE = 91  # VIR_ERR_CPU_INCOMPATIBLE


@dataclass(frozen=True)
class Host:
    """What is known of a host."""

    name: str
    uuid: str
    hypervisor_version: int
    machine_types: Sequence[str] = ()
    emulators: Sequence[str] = ()
    mtus: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """What the checks need to know of both hosts and of the guest.

    :param domain_xml: what the destination would be given
    :param shared: the paths at the destination that are one file for both hosts
    :param twin: a guest of the same uuid at the destination
    :param is_resolved: whether the source knows an address for the name of the destination
    :param files: by path, whether the destination has it; None where its folder is absent
    :param free_bytes: by folder of the destination, the room in it
    :param sizes_bytes: by target of a copied disk, what it takes at the source now
    """

    source: Host
    destination: Host
    domain_xml: str
    copied: Sequence[str]
    shared: Collection[str] = ()
    taken_name: bool = False
    twin: Side = field(default_factory=Side)
    is_resolved: bool = True
    cpu_refusal: str = ""
    snapshots: int = 0
    checkpoints: int = 0
    paused: bool = False
    files: Mapping[str, bool | None] = field(default_factory=dict)
    ours: Sequence[str] = ()
    free_bytes: Mapping[str, int] = field(default_factory=dict)
    sizes_bytes: Mapping[str, int] = field(default_factory=dict)


def blockers(found: Findings, options: Options) -> list[str]:
    """Return a sentence for each reason against a migration, with what to do about it."""
    return [
        *_of_hosts(found, options),
        *_of_networks(found),
        *_of_guest(found, options),
        *_of_volumes(found, options),
        *_of_disks(found, options),
    ]


def _of_hosts(found: Findings, options: Options) -> list[str]:
    source, destination = found.source, found.destination
    facts = domain_info.describe(found.domain_xml)
    emulator = xml.parse(found.domain_xml).findtext("devices/emulator") or ""
    reasons = []
    if source.uuid == destination.uuid:
        reasons.append(f"{destination.name} is the host on which the guest runs already (host_uuid {source.uuid}).")
    if destination.hypervisor_version < source.hypervisor_version:
        older, newer = (capabilities.version_text(host.hypervisor_version) for host in (destination, source))
        reasons.append(
            f"{destination.name} has QEMU {older}, older than {newer} of {source.name}, which only goes the other way."
        )
    if facts["machine"] not in destination.machine_types:
        reasons.append(f"{destination.name} does not know the machine type {facts['machine']}: its QEMU is too old.")
    if emulator and emulator not in destination.emulators:
        reasons.append(
            f"{destination.name} has no emulator {emulator}, but {', '.join(destination.emulators) or 'none'}:"
            " name that in destination_xml."
        )
    if found.cpu_refusal:
        reasons.append(f"The processor of {destination.name} lacks what the guest has: {found.cpu_refusal}.")
    if not found.is_resolved and not options.migrate_uri:
        reasons.append(f"{source.name} knows no address of {destination.name}: give one with migrate_uri.")
    if found.taken_name:
        reasons.append(f"{destination.name} has a guest of that name: give another one with destination_name.")
    if found.twin.is_active or not found.twin.known:
        reasons.append(
            f"{destination.name} must have no guest of the same uuid, and there: {found.twin.words()}. See what it is"
            " (virsh domstate --reason), and end neither before you know which one serves."
        )
    versions = (source.hypervisor_version, destination.hypervisor_version)
    if loses_guest(options.post_copy, options.parallel_connections, versions):
        reasons.append("post_copy with parallel_connections needs QEMU 10.1 on both hosts; the guest would be lost.")
    return reasons


def _of_networks(found: Findings) -> list[str]:
    """Look for the guest's bridges; a host whose libvirt has no driver for its interfaces tells of none."""
    name, mtus = found.destination.name, found.destination.mtus
    reasons = []
    for nic in xml.parse(found.domain_xml).xpath("devices/interface[source/@bridge]") if mtus else ():
        mac, bridge = (str(nic.xpath(f"string({path})")) for path in ("mac/@address", "source/@bridge"))
        needed = int(nic.xpath("sum(mtu/@size)"))  # the guest's own, which it keeps; 0 where it has none
        if bridge not in mtus:
            reasons.append(f"{name} has no bridge {bridge} for {mac}: make it, or name another in destination_xml.")
        # Open vSwitch keeps its bridge's own device at the least MTU of the bridge's ports (its FAQ).
        elif mtus[bridge] < needed and nic.find("virtualport[@type='openvswitch']") is None:
            reasons.append(f"Bridge {bridge} of {name} has an MTU of {mtus[bridge]}, and {mac} has {needed}: raise it.")
    return reasons


def _of_guest(found: Findings, options: Options) -> list[str]:
    root = xml.parse(found.domain_xml)
    facts = domain_info.describe(found.domain_xml)
    reasons = []
    if facts["hostdevs"]:
        reasons.append(f"It has devices of its host ({', '.join(facts['hostdevs'])}): detach them first.")
    if facts["filesystems"]:
        reasons.append(f"It has folders of its host ({', '.join(facts['filesystems'])}): detach them first.")
    if facts["has_launch_security"]:
        reasons.append("Its memory is encrypted (launchSecurity), and cannot leave the processor.")
    if root.xpath("devices/memory[@model='nvdimm']") and options.post_copy:
        reasons.append("Persistent memory (nvdimm) and post_copy don't go together: leave out post_copy.")
    if found.snapshots:
        reasons.append(
            f"It has {found.snapshots} snapshots in libvirt, which stay behind: delete them (virsh snapshot-delete)."
        )
    if found.checkpoints:
        reasons.append(
            f"It has {found.checkpoints} checkpoints in libvirt, which stay behind: delete them"
            " (virsh checkpoint-delete)."
        )
    return reasons


def _of_volumes(found: Findings, options: Options) -> list[str]:
    if options.copy_storage == "none":
        return []
    return [
        f"Disk {target} is of the type volume, and nobody can tell whether both hosts see the same one: set"
        " copy_storage to none if they do; else define the disk by its file or block device."
        for target in migration_disks.volumes(found.domain_xml)
    ]


def _of_disks(found: Findings, options: Options) -> list[str]:
    reasons = []
    needed: dict[str, int] = {}
    name = found.destination.name
    for disk in migration_disks.disks(found.domain_xml):
        is_there = found.files.get(disk.path)
        if options.copy_storage == "auto" and _may_be_shared(disk, options):
            reasons.append(
                f"Disk {disk.target} is the block device {disk.path}, and nobody can tell whether both hosts see the"
                " same one: if each has its own, name it in migrate_disks; if they see the same, set copy_storage to"
                " none, or to all with the other disks in migrate_disks."
            )
        elif disk.target in found.copied:
            if disk.path in found.shared:
                reasons.append(
                    f"{disk.path} of disk {disk.target} is one file for both hosts, and would be copied onto itself:"
                    " leave it out of migrate_disks, or set copy_storage to auto or none."
                )
            elif is_there is None and disk.kind == "file":
                reasons.append(f"{name} has no folder {disk.folder} for disk {disk.target}: make it.")
            elif options.create_disks and disk.kind == "file" and is_there and disk.path not in found.ours:
                reasons.append(
                    f"{name} has a file {disk.path} already: if the storage is shared, don't copy disk {disk.target};"
                    " else remove the file."
                )
            elif not options.create_disks and is_there is False:
                reasons.append(
                    f"{name} has no {disk.path} for disk {disk.target}: make it, or set create_disks; for a server of"
                    " Nova, run the playbook again, which makes it."
                )
            needed[disk.folder] = needed.get(disk.folder, 0) + found.sizes_bytes.get(disk.target, 0)
            if options.copy_storage == "incremental" and disk.backing_path and not found.files.get(disk.backing_path):
                reasons.append(f"{name} has no {disk.backing_path}, on which disk {disk.target} stands: copy it there.")
        elif disk.kind == "file" and not is_there:
            reasons.append(
                f"{name} does not see {disk.path} of disk {disk.target}: copy it (copy_storage), or detach it."
            )
    for folder, size_bytes in needed.items():
        free = found.free_bytes.get(folder)
        if free is not None and free < size_bytes:
            reasons.append(f"{name} has {free} bytes free in {folder}, and the copies take {size_bytes}: free space.")
    return reasons


def needed(
    created: Sequence[str], own: Sequence[str] | None, there: Side, is_shared: Callable[[str, str], bool]
) -> str:
    """Return why files that a migration has made at its destination may be in use; nothing where they are not.

    :param own: the guest's files at its source, or None where it is not there
    :param there: how the guest is at the destination
    :param is_shared: tells whether a folder of this host and one of the destination are one
    """
    if own is None:
        return "the guest is not defined at its source, so they may be its disks."
    if not there.known or there.state is not None:
        return f"they may be what the guest has there ({there.words()})."
    shared = [path for path in created if any(migration_disks.is_same(file, path, is_shared) for file in own)]
    if shared:
        return f"both hosts see {', '.join(shared)} by now, which the guest uses here."
    return ""


def _may_be_shared(disk: Disk, options: Options) -> bool:
    return disk.kind == "block" and disk.is_written and disk.target not in (options.migrate_disks or ())


def describe_host(connection: libvirt.virConnect, arch: str) -> Host:
    """Return what the checks need to know of a host.

    :param arch: the guest's architecture
    """
    with translated("read the capabilities of libvirt"):
        text = connection.getCapabilities()
        name, version = connection.getHostname(), connection.getVersion()
    return Host(
        name=name,
        uuid=xml.parse(text).findtext("host/uuid") or "",
        hypervisor_version=version,
        machine_types=capabilities.machine_types(text, arch),
        emulators=sorted(set(capabilities.emulators(text).values())),
        mtus=_mtus(connection),
    )


def _mtus(connection: libvirt.virConnect) -> dict[str, int]:
    import libvirt

    try:
        found = [xml.parse(interface.XMLDesc()) for interface in connection.listAllInterfaces()]
    except libvirt.libvirtError:  # built without a driver for them
        return {}
    return {
        str(root.get("name")): int(root.xpath("number(mtu/@size)") or 0)
        for root in found
        if root.find("mtu") is not None
    }


def is_resolved(name: str) -> bool:
    """Tell whether this host knows an address for another's name: QEMU sends the guest there if told no other."""
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return False
    return True


def name_taken_by(connection: libvirt.virConnect, name: str, guest: str) -> str:
    """Return the uuid of another guest of that name on a host; nothing where there is none.

    :param guest: the uuid of the guest that is to have the name
    """
    import libvirt

    try:
        uuid = connection.lookupByName(name).UUIDString()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return ""
        raise refused(f"look for guest {name}", error) from error
    return "" if uuid == guest else uuid


def loses_guest(post_copy: bool, parallel_connections: int, versions: Sequence[int]) -> bool:
    """Tell whether a switch to post-copy over several connections would end the guest.

    :param versions: of QEMU on both hosts, as libvirt numbers them
    """
    return post_copy and parallel_connections > 1 and min(versions) < _PARALLEL_POST_COPY


def cpu_refusal(connection: libvirt.virConnect, domain_xml: str) -> str:
    """Return what the processor of a host lacks for a guest, in libvirt's words; nothing where it fits.

    The XML of a running guest names each feature, whatever its definition says; so this does not err for host-model as
    a comparison of hosts does (LP 1913716, LP 2039803). A guest with the host's own processor names none.
    """
    import libvirt

    root = xml.parse(domain_xml)
    cpu, system = root.find("cpu"), root.find("os/type")
    if cpu is None or system is None or cpu.get("mode") not in (None, "custom") or cpu.find("model") is None:
        return ""
    try:
        connection.compareHypervisorCPU(
            root.findtext("devices/emulator"),
            system.get("arch"),
            system.get("machine"),
            root.get("type"),
            xml.text_of(cpu),
            _FAIL_INCOMPATIBLE,
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() == _CPU_INCOMPATIBLE:
            return error.get_error_message()
        # Not every libvirt compares for every architecture: then the migration itself will tell.
    return ""


def files_at(
    connection: libvirt.virConnect, disks: Sequence[Disk], backing: bool
) -> tuple[dict[str, bool | None], dict[str, int]]:
    """Look for files on a host: by path, whether it is there (None: no such folder); by folder, the bytes free.

    :param backing: look for what the disks stand on, too
    """
    wanted = [disk.path for disk in disks if disk.kind == "file"]
    if backing:
        wanted += [disk.backing_path for disk in disks if disk.backing_path]
    files: dict[str, bool | None] = {}
    free: dict[str, int] = {}
    for folder in sorted({str(PurePosixPath(path).parent) for path in wanted}):
        inside = [path for path in wanted if str(PurePosixPath(path).parent) == folder]
        try:
            names, free[folder] = migration_disks.names_and_room(connection, folder)
            files.update({path: PurePosixPath(path).name in names for path in inside})
        except NotFoundError:
            files.update(dict.fromkeys(inside))
    return files, free
