# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disks that a live migration copies, and their files at the destination.

libvirt makes such files itself where a storage pool covers them, but at their full size, and leaves them behind when
the migration fails (measured with libvirt 9.0). So they are made here: sparse, and removed again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError, StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import refused

if TYPE_CHECKING:
    import libvirt
    from lxml.etree import _Element

T = TypeVar("T")
_PATIENCE_S = 20.0
_POLL_S = 0.3


@dataclass(frozen=True)
class Disk:
    """A disk with a file or a block device of its own."""

    target: str
    kind: str
    path: str
    format: str
    is_written: bool
    is_shareable: bool
    is_cached: bool
    backing_path: str | None = None
    backing_format: str | None = None

    @property
    def folder(self) -> str:
        """The folder of its file."""
        return str(PurePosixPath(self.path).parent)


def disks(domain_xml: str) -> list[Disk]:
    """Return the disks of a domain that are files or block devices; an empty drive is none."""
    root = xml.parse(domain_xml)
    return [
        _disk(element)
        for element in root.xpath("devices/disk[@type='file' or @type='block'][source/@file or source/@dev]")
    ]


def _disk(element: _Element) -> Disk:
    driver = element.find("driver")
    backing = element.find("backingStore/source")
    backing_format = element.find("backingStore/format")
    path = str(element.xpath("string(source/@file | source/@dev)"))
    return Disk(
        target=str(element.xpath("string(target/@dev)")),
        # libvirt takes a device that is given as a file, and so do people.
        kind="block" if path.startswith("/dev/") else str(element.get("type")),
        path=path,
        format=str(driver.get("type", "raw")) if driver is not None else "raw",
        is_written=element.find("readonly") is None and element.get("device", "disk") in ("disk", "lun"),
        is_shareable=element.find("shareable") is not None,
        is_cached=driver is None or driver.get("cache") not in ("none", "directsync"),
        backing_path=backing.get("file") if backing is not None else None,
        backing_format=backing_format.get("type") if backing_format is not None else None,
    )


def copied(
    found: Sequence[Disk], copy_storage: str, migrate_disks: Sequence[str] | None, shared: Collection[str] = ()
) -> list[str]:
    """Return the targets of the disks to copy: those that are named, else all that the guest alone writes to.

    As LibvirtDriver._live_migration_copy_disk_paths of Nova, which leaves out disks of the network, read-only ones and
    those that several guests share.

    :param shared: the paths that both hosts see
    :raises StackmoveError: when a disk is named that is not there
    """
    if copy_storage == "none":
        return []
    if migrate_disks is None:
        own = [disk for disk in found if disk.is_written and not disk.is_shareable]
        return [disk.target for disk in own if disk.path not in shared]
    absent = sorted(set(migrate_disks) - {disk.target for disk in found})
    if absent:
        raise StackmoveError(
            f"copy disks {', '.join(absent)}",
            f"the guest's files and block devices are {', '.join(disk.target for disk in found) or 'none'}.",
            "Name disks by their target (virsh domblklist).",
        )
    return list(migrate_disks)


def written(domain_xml: str) -> list[str]:
    """Return the targets of all disks that a guest writes to, of whatever kind they are."""
    root = xml.parse(domain_xml)
    found = root.xpath("devices/disk[source][not(readonly)][not(@device) or @device='disk' or @device='lun']")
    return [str(element.xpath("string(target/@dev)")) for element in found]


def volumes(domain_xml: str) -> list[str]:
    """Return the targets of the written disks that are given by a storage pool and a name in it."""
    root = xml.parse(domain_xml)
    targets = {str(target) for target in root.xpath("devices/disk[@type='volume']/target/@dev")}
    return [target for target in written(domain_xml) if target in targets]


def are_safe(domain_xml: str, shared: Collection[str]) -> bool:
    """Tell whether all that a guest writes to is known as files that both hosts see and neither caches.

    :param shared: the paths of the files that both hosts see
    """
    safe = {disk.target for disk in disks(domain_xml) if disk.path in shared and not disk.is_cached}
    targets = written(domain_xml)
    return bool(targets) and safe.issuperset(targets)


def volume_xml(disk: Disk, size_bytes: int, with_backing: bool) -> str:
    """Return the XML of a storage volume for a copy: nothing of it is allocated yet."""
    from lxml import etree

    volume = etree.Element("volume")
    etree.SubElement(volume, "name").text = PurePosixPath(disk.path).name
    etree.SubElement(volume, "capacity", unit="bytes").text = str(size_bytes)
    etree.SubElement(volume, "allocation", unit="bytes").text = "0"
    target = etree.SubElement(volume, "target")
    etree.SubElement(target, "format", type=disk.format)
    if disk.format == "qcow2":
        etree.SubElement(target, "compat").text = "1.1"
    if with_backing and disk.backing_path:
        backing = etree.SubElement(volume, "backingStore")
        etree.SubElement(backing, "path").text = disk.backing_path
        etree.SubElement(backing, "format", type=disk.backing_format or "raw")
    return xml.text_of(volume)


def is_same(here: str, there: str, is_shared: Callable[[str, str], bool]) -> bool:
    """Tell whether a file of this host and one of the other are one. A link of this host is followed.

    :param here: its path on this host
    :param there: its path on the other
    :param is_shared: tells whether a folder of this host and one of the other are one
    """
    real, other = Path(here).resolve(), PurePosixPath(there)
    places = {str(other.parent)} if other.name == PurePosixPath(here).name else set()
    if here == there:
        places.add(str(real.parent))
    return any(is_shared(str(real.parent), place) for place in sorted(places))


def shared_paths(
    here: Sequence[Disk], there: Sequence[Disk], named: Collection[str], is_shared: Callable[[str, str], bool]
) -> set[str]:
    """Return the paths at the other host of the files that are one for both, among those that may be copied.

    Of block devices nobody can tell.

    :param here: the guest's disks as this host has them
    :param there: the same as the other host will have them
    :param named: the targets that are to be copied though the guest does not write to them
    :param is_shared: tells whether a folder of this host and one of the other are one
    """
    paths = {disk.target: disk.path for disk in here if disk.kind == "file"}
    asked = [disk for disk in there if disk.kind == "file" and (disk.is_written or disk.target in named)]
    return {disk.path for disk in asked if disk.target in paths and is_same(paths[disk.target], disk.path, is_shared)}


def is_shared(connection: libvirt.virConnect, here: str, there: str) -> bool:
    """Tell whether a folder of this host and one of another are one. Names and identifiers of file systems only hint.

    A file is made in it for a moment, and looked for at the other.

    :param connection: to the other host
    :raises StackmoveError: when no file can be made
    """
    probe = Path(here, f".stackmove-{uuid.uuid4()}")
    try:
        probe.touch(mode=0o644, exist_ok=False)
    except OSError as error:
        raise StackmoveError(
            f"see whether both hosts share {here}",
            f"no file can be made there: {error}.",
            "Make it writable, or set copy_storage to none if both hosts see the guest's disks.",
        ) from error
    try:
        return probe.name in names_and_room(connection, there)[0]
    except NotFoundError:
        return False
    finally:
        probe.unlink(missing_ok=True)


def in_pool(
    connection: libvirt.virConnect, folder: str, what: str, remedy: str, work: Callable[[libvirt.virStoragePool], T]
) -> T:
    """Do something in the storage pool of a folder, with a fresh list of its files.

    Where the host has none, there is one for the moment; it is not defined, so nothing of it stays. Another run may
    take it away while we use it, or stand in the way with its own (measured: errors 49 and 9): then it is tried again.

    :param work: what to do, at once; done again after an error of the pool's
    :raises NotFoundError: when the folder does not exist
    :raises StackmoveError: when libvirt refuses
    """
    import libvirt

    passing = {libvirt.VIR_ERR_NO_STORAGE_POOL, libvirt.VIR_ERR_OPERATION_FAILED}
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return _in_pool(connection, folder, work)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_SYSTEM_ERROR:
                raise NotFoundError(what, f"libvirt says: {error.get_error_message()}.", remedy) from error
            if error.get_error_code() not in passing or time.monotonic() > deadline:
                raise refused(what, error, remedy) from error
            time.sleep(_POLL_S)


def _in_pool(connection: libvirt.virConnect, folder: str, work: Callable[[libvirt.virStoragePool], T]) -> T:
    import libvirt

    existing = next((pool for pool in connection.listAllStoragePools() if _covers(pool, folder)), None)
    pool = existing or connection.storagePoolCreateXML(_pool_xml(folder))
    try:
        pool.refresh()
        return work(pool)
    finally:
        if existing is None:
            with suppress(libvirt.libvirtError):  # a host that is gone keeps no such pool either
                pool.destroy()


def _covers(pool: libvirt.virStoragePool, folder: str) -> bool:
    import libvirt

    try:
        target = xml.parse(pool.XMLDesc()).findtext("target/path") or ""
        return bool(pool.isActive()) and target.rstrip("/") == folder.rstrip("/")
    except libvirt.libvirtError:  # it went away since it was listed
        return False


def _pool_xml(folder: str) -> str:
    from lxml import etree

    pool = etree.Element("pool", type="dir")
    etree.SubElement(pool, "name").text = f"stackmove-{uuid.uuid4()}"
    etree.SubElement(etree.SubElement(pool, "target"), "path").text = folder
    return xml.text_of(pool)


def names_and_room(connection: libvirt.virConnect, folder: str) -> tuple[set[str], int]:
    """Return the names of the files in a folder of a host, and the bytes that are free there.

    :raises NotFoundError: when the folder does not exist
    """
    what = f"look into {folder} at {connection.getHostname()}"
    remedy = "Make that folder there, or name another place in destination_xml."
    return in_pool(connection, folder, what, remedy, lambda pool: (set(pool.listVolumes()), int(pool.info()[3])))


def create(connection: libvirt.virConnect, disk: Disk, size_bytes: int, with_backing: bool) -> None:
    """Make an empty file for a copy.

    :raises StackmoveError: when libvirt refuses, as it does when the file exists
    """
    what = f"create {disk.path} at {connection.getHostname()}"
    description = volume_xml(disk, size_bytes, with_backing)
    in_pool(
        connection,
        disk.folder,
        what,
        "Remove what is there if nobody needs it.",
        lambda pool: pool.createXML(description),
    )


def delete(connection: libvirt.virConnect, path: str) -> None:
    """Delete a file that was made for a copy, if it is there.

    :raises StackmoveError: when libvirt refuses
    """
    place = PurePosixPath(path)

    def work(pool: libvirt.virStoragePool) -> None:
        if place.name in pool.listVolumes():
            pool.storageVolLookupByName(place.name).delete()

    what = f"delete {path} at {connection.getHostname()}"
    in_pool(connection, str(place.parent), what, "Delete it there by hand.", work)
