# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of a domain, read from its XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import consoles

if TYPE_CHECKING:
    from lxml.etree import _Element


def redacted(domain_xml: str) -> str:
    """Return a domain's XML with its console passwords blanked out."""
    root = xml.parse(domain_xml)
    for graphics in root.xpath("devices/graphics[@passwd]"):
        graphics.set("passwd", "REDACTED")
    return xml.text_of(root)


def local_disk_formats(domain_xml: str, folder: str) -> dict[str, str]:
    """Return file name → format of each disk that is a file in a folder, as its ``<driver>`` has it.

    libvirt never probes a format that is not declared; it takes raw.
    """
    root = xml.parse(domain_xml)
    found = {}
    for disk in root.xpath("devices/disk[source/@file]"):
        place, _slash, name = str(disk.find("source").get("file")).rpartition("/")
        if place == folder.rstrip("/"):
            found[name] = _attribute(disk, "driver", "type") or "raw"
    return found


def processor(domain_xml: str) -> str:
    """Return the part of a running guest's XML that tells which processor it has: a domain of that and nothing else."""
    from lxml import etree

    root = xml.parse(domain_xml)
    made = etree.Element("domain", type=root.get("type") or "")
    for path in ("os/type", "cpu", "devices/emulator"):
        place, _slash, _name = path.rpartition("/")
        found = root.find(path)
        if found is not None:
            (etree.SubElement(made, place) if place else made).append(found)
    return xml.text_of(made)


def describe(domain_xml: str) -> dict[str, Any]:
    """Return what a move has to know of a domain beside its XML."""
    root = xml.parse(domain_xml)
    return {
        "type": root.get("type"),
        "arch": _attribute(root, "os/type", "arch"),
        "machine": _attribute(root, "os/type", "machine"),
        "cpu_mode": _attribute(root, "cpu", "mode"),
        "has_tpm": bool(root.xpath("devices/tpm")),
        "has_nvram": bool(root.xpath("os/nvram|os[@firmware='efi']|os/loader[@type='pflash']")),
        "has_pinned_cpus": bool(root.xpath("cputune/vcpupin")),
        "has_numa": bool(root.xpath("cpu/numa|numatune")),
        "has_launch_security": bool(root.xpath("launchSecurity")),
        "has_kernel": bool(root.xpath("os/kernel")),
        "tcp_consoles": consoles.count(root),
        "hostdevs": [str(item.get("type")) for item in root.xpath("devices/hostdev")],
        "filesystems": [str(_attribute(item, "target", "dir")) for item in root.xpath("devices/filesystem")],
        "interfaces": [_interface(item) for item in root.xpath("devices/interface")],
        "disks": [_disk(item) for item in root.xpath("devices/disk")],
    }


def _interface(element: _Element) -> dict[str, Any]:
    mac = _attribute(element, "mac", "address")
    return {
        "mac": mac.lower() if mac else None,
        "type": element.get("type"),
        "target": _attribute(element, "target", "dev"),
        "bridge": _attribute(element, "source", "bridge"),
        "port": _attribute(element, "virtualport/parameters", "interfaceid"),
        "model": _attribute(element, "model", "type"),
    }


def _disk(element: _Element) -> dict[str, Any]:
    source = element.find("source")
    places = ("file", "dev", "name", "volume")
    return {
        "type": element.get("type"),
        "device": element.get("device"),
        "target": _attribute(element, "target", "dev"),
        "format": _attribute(element, "driver", "type"),
        "serial": element.findtext("serial"),
        "source": next((source.get(key) for key in places if source.get(key)), None) if source is not None else None,
    }


def _attribute(element: _Element, path: str, name: str) -> str | None:
    found = element.find(path)
    return found.get(name) if found is not None else None
