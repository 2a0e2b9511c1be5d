# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's own disks and files, which are no volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    child,
    drop,
    replace_all,
    set_attribute,
    set_text,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.volumes import login

if TYPE_CHECKING:
    from lxml.etree import _Element


def paths(root: _Element, source_path: str, path: str) -> list[str]:
    """Move everything below the server's folder: disks, config drive, console log, kernel.

    :param source_path: the folder at the source; empty: nothing moves
    :param path: the folder at the destination
    """
    if not source_path or not path:
        return []
    prefix, wanted = f"{source_path.rstrip('/')}/", f"{path.rstrip('/')}/"
    changes = []
    for element in root.iter():
        for name in ("file", "path"):
            value = element.get(name) if isinstance(element.tag, str) else None
            if value and value.startswith(prefix):
                changes += set_attribute(element, name, f"{wanted}{value[len(prefix) :]}", f"{name} of {element.tag!s}")
    for element in root.xpath("os/kernel|os/initrd|os/dtb|os/nvram"):
        if element.text and element.text.startswith(prefix):
            changes += set_text(element, f"{wanted}{element.text[len(prefix) :]}", str(element.tag))
    return changes


def formats(root: _Element, wanted: Mapping[str, str]) -> list[str]:
    """Declare the formats of local disks, which libvirt never probes.

    :param wanted: file name → format
    """
    changes = []
    for disk in root.xpath("devices/disk[source/@file]"):
        file_name = str(disk.find("source").get("file")).rpartition("/")[2]
        if file_name in wanted and not disk.findtext("serial"):
            what = f"format of {file_name}"
            changes += set_attribute(child(disk, "driver"), "type", wanted[file_name], what)
            # It names the source host's base image; libvirt finds the new one by itself.
            for backing in disk.findall("backingStore"):
                drop(backing)
    return changes


def rbd(root: _Element, monitors: Sequence[str], user: str = "", secret_uuid: str = "") -> list[str]:
    """Point disks in Ceph to its present monitors (LP 1741364), unless they are volumes, which have their own.

    :param monitors: ``address``, ``address:port`` or ``[address]:port`` of each; none: not known, so that they stay
    :param user: of the destination's nova.conf
    :param secret_uuid: likewise; without both the login stays
    """
    from lxml import etree

    changes = []
    # A volume has a serial, and since Nova 2023.1 an alias too.
    for disk in root.xpath("devices/disk[source/@protocol='rbd'][not(serial)][not(starts-with(alias/@name, 'ua-'))]"):
        source = disk.find("source")
        before = _ceph(disk)
        if monitors:
            replace_all(source, "host", [etree.Element("host", _host(monitor)) for monitor in monitors])
        if user and secret_uuid:
            login(disk, user, secret_uuid)
        after = _ceph(disk)
        if after != before:
            changes.append(f"Ceph of {source.get('name')}: {before} → {after}")
    return changes


def _host(monitor: str) -> dict[str, str]:
    """Split an address from its port; an IPv6 address has brackets then."""
    name, colon, port = monitor.rpartition(":")
    if not colon or (":" in name and not name.endswith("]")):
        return {"name": monitor.strip("[]")}
    return {"name": name.strip("[]"), "port": port}


def _ceph(disk: _Element) -> str:
    """Write a disk's login and monitors in one line."""
    users = [f"{auth.get('username')}@" for auth in disk.findall("auth")]
    monitors = []
    for host in disk.findall("source/host"):
        name, port = str(host.get("name")), host.get("port")
        monitors.append(name if port is None else f"[{name}]:{port}" if ":" in name else f"{name}:{port}")
    return "".join(users) + ",".join(monitors)
