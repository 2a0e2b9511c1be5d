# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's volumes: connected anew where it goes, and the same to the guest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    Need,
    append,
    child,
    drop,
    meaning,
    replace_all,
    require,
    uuid_of,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

# nova.virt.libvirt.volume.volume.LibvirtBaseVolumeDriver.get_config: what it takes from a volume's qos_specs.
_LIMITS = (
    *(
        f"{direction}_{unit}_sec{burst}"
        for unit in ("bytes", "iops")
        for burst in ("", "_max", "_max_length")
        for direction in ("total", "read", "write")
    ),
    "size_iops_sec",
)
# QEMU's asynchronous reads need a cache that it does not keep itself.
_UNCACHED = ("none", "directsync")


def connect(
    root: _Element,
    connections: Sequence[Mapping[str, Any]],
    rbd_user: str = "",
    rbd_secret_uuid: str = "",
    *,
    complete: bool,
) -> list[str]:
    """Connect the guest's volumes, which are found by their serial.

    The address, the alias, the target and whatever else the guest sees stay.

    :param connections: connection_info of each volume with its serial; with device_path where the host connected it;
        with encryption_secret_uuid, libvirt's secret there, for one that is encrypted by the host
    :param rbd_user: user of the destination's nova.conf, for connections that name none
    :param rbd_secret_uuid: likewise
    :param complete: a disk with a serial is a volume, and one without a connection is refused
    :raises StackmoveError: a connection has no disk
    :raises IncompleteError: naming each disk that has no connection, and each connection that says too little
    """
    disks = {str(disk.findtext("serial")): disk for disk in root.xpath("devices/disk[serial]")}
    changes, needs = [], []
    for info in connections:
        serial = str(info["serial"])
        if serial not in disks:
            raise StackmoveError(
                f"connect volume {serial} to guest {uuid_of(root)}",
                "the guest's XML has no disk with that serial.",
                "Detach and attach the volume with Nova, or hard-reboot the server, then run again.",
            )
        lacking = _lacking(disks[serial], info)
        needs += lacking
        if not lacking:
            changes += _connect(disks[serial], info, rbd_user, rbd_secret_uuid)
    if complete:
        needs += [
            Need(f"its disk with serial {serial} has no volume connection there", "Pass volumes with all of them.")
            for serial in sorted(set(disks) - {str(info["serial"]) for info in connections})
        ]
    require(root, needs)
    return changes


def _lacking(disk: _Element, info: Mapping[str, Any]) -> list[Need]:
    serial, needs = str(info["serial"]), []
    if info["driver_volume_type"] == "rbd" and not info["data"].get("name"):
        needs.append(Need(f"the connection of volume {serial} names no image", "Pass it as Cinder gives it."))
    if info["driver_volume_type"] != "rbd" and not info["data"].get("device_path"):
        needs.append(Need(f"the connection of volume {serial} has no device path", "Connect it on the host first."))
    if disk.xpath("encryption|source/encryption") and not info.get("encryption_secret_uuid"):
        device = f"volume {serial} is encrypted by the host, and which of libvirt's secrets has its key is not known"
        needs.append(Need(device, "Pass encryption_secret_uuid with it."))
    return needs


def _connect(disk: _Element, info: Mapping[str, Any], rbd_user: str, rbd_secret_uuid: str) -> list[str]:
    """Put one volume's connection into its disk: what nova.virt.libvirt.volume makes of it."""
    kind, data = str(info["driver_volume_type"]), info["data"]
    fresh = deepcopy(disk)
    _settle(fresh)
    before = meaning(fresh)
    if kind == "rbd":
        _rbd(fresh, data, rbd_user, rbd_secret_uuid)
    elif kind == "nfs":
        _path(fresh, "file", "file", str(data["device_path"]))
        child(fresh, "driver").set("type", str(data.get("format") or "raw"))
    else:
        _path(fresh, "block", "dev", str(data["device_path"]))
        child(fresh, "driver").set("type", "raw")
    if data.get("discard") is True:
        child(fresh, "driver").set("discard", "unmap")
    if "qos_specs" in data:
        _limit(fresh, data["qos_specs"] or {})
    _key(fresh, info.get("encryption_secret_uuid"))
    parent = disk.getparent()
    if parent is None or meaning(fresh) == before:
        return []
    # Its images are the source host's; libvirt finds the new ones by itself.
    for backing in fresh.findall("backingStore"):
        drop(backing)
    parent.replace(disk, fresh)
    return [f"volume {info['serial']}: connected as {kind}"]


def _settle(disk: _Element) -> None:
    """Put encryption into the source and the login beside it: libvirt takes both in both places."""
    source = child(disk, "source")
    for encryption in disk.findall("encryption"):
        drop(encryption)
        append(source, encryption)
    for auth in source.findall("auth"):
        drop(auth)
        source.addnext(auth)


def _source(disk: _Element, kind: str, protocol: str | None = None) -> _Element:
    """Return ``<source>`` for a kind of disk; of another kind's nothing stays but the key."""
    source = child(disk, "source")
    if disk.get("type") != kind or source.get("protocol") != protocol:
        for other in list(source):
            if other.tag != "encryption":
                drop(other)
        source.attrib.clear()
        if not len(source):
            source.text = None
    disk.set("type", kind)
    return source


def _path(disk: _Element, kind: str, name: str, path: str) -> None:
    driver = child(disk, "driver")
    if disk.get("type") == "network" and driver.get("cache") in _UNCACHED:
        driver.set("io", "native")  # as each of Nova's volume drivers for devices and files has it
    _source(disk, kind).set(name, path)
    login(disk, None, None)


def _rbd(disk: _Element, data: Mapping[str, Any], rbd_user: str, rbd_secret_uuid: str) -> None:
    from lxml import etree

    driver = child(disk, "driver")
    if disk.get("type") != "network":
        driver.attrib.pop("io", None)  # librbd has none
    driver.set("type", "raw")
    source = _source(disk, "network", "rbd")
    source.set("protocol", "rbd")
    source.set("name", str(data["name"]))
    ports = list(data.get("ports") or [])
    monitors = []
    for position, name in enumerate(data.get("hosts") or []):
        monitor = etree.Element("host", name=str(name))
        if position < len(ports):
            monitor.set("port", str(ports[position]))
        monitors.append(monitor)
    replace_all(source, "host", monitors)
    # LibvirtNetVolumeDriver._set_auth_config_rbd: what Cinder says comes before nova.conf.
    if data.get("auth_enabled"):
        login(disk, data.get("auth_username"), data.get("secret_uuid") or rbd_secret_uuid)
    else:
        login(disk, rbd_user, rbd_secret_uuid)


def login(disk: _Element, user: str | None, secret_uuid: str | None) -> None:
    """Let QEMU log in to Ceph with a key that libvirt has as a secret, or without any."""
    from lxml import etree

    wanted = []
    if user and secret_uuid:
        auth = etree.Element("auth", username=str(user))
        etree.SubElement(auth, "secret", type="ceph", uuid=str(secret_uuid))
        wanted.append(auth)
    if wanted and disk.find("auth") is None:
        child(disk, "source").addnext(wanted[0])
    replace_all(disk, "auth", wanted)


def _limit(disk: _Element, specs: Mapping[str, Any]) -> None:
    """Limit the volume to its quality of service; the source's limits don't stay."""
    from lxml import etree

    wanted = etree.Element("iotune")
    for name in _LIMITS:
        if int(specs.get(name) or 0):
            etree.SubElement(wanted, name).text = str(int(specs[name]))
    replace_all(disk, "iotune", [wanted] if len(wanted) else [])


def _key(disk: _Element, secret_uuid: str | None) -> None:
    """Name libvirt's secret with the volume's key (LUKS, which QEMU opens)."""
    if secret_uuid:
        encryption = child(child(disk, "source"), "encryption", format="luks")
        child(encryption, "secret", type="passphrase").set("uuid", secret_uuid)
