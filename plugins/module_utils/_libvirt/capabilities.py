# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host's libvirt and QEMU can run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import translated

if TYPE_CHECKING:
    import libvirt


def version_text(number: int) -> str:
    """Write libvirt's version number, major * 1,000,000 + minor * 1,000 + release, as text."""
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def version_number(text: str) -> int:
    """Return libvirt's version number from text."""
    major, minor, release = (int(part) for part in text.split("."))
    return major * 1_000_000 + minor * 1_000 + release


def machine_types(capabilities: str, arch: str) -> list[str]:
    """Return the machine types of virConnectGetCapabilities for one architecture, aliases included."""
    root = xml.parse(capabilities)
    names = root.xpath("guest[os_type='hvm']/arch[@name=$arch]//machine", arch=arch)
    return sorted({str(element.text) for element in names})


def emulators(capabilities: str) -> dict[str, str]:
    """Return architecture → QEMU's path, as virConnectGetCapabilities has them."""
    root = xml.parse(capabilities)
    return {
        str(arch.get("name")): str(arch.findtext("emulator"))
        for arch in root.xpath("guest[os_type='hvm']/arch[emulator]")
    }


def describe(connection: libvirt.virConnect) -> dict[str, Any]:
    """Describe this host's libvirt: versions, names, processor, machine types."""
    with translated("read the capabilities of libvirt"):
        capabilities = connection.getCapabilities()
        versions = (connection.getLibVersion(), connection.getVersion())
        hostname = connection.getHostname()
    root = xml.parse(capabilities)
    arch = root.findtext("host/cpu/arch") or ""
    return {
        "version": version_text(versions[0]),
        "hypervisor_version": version_text(versions[1]),
        "hostname": hostname,
        "host_uuid": root.findtext("host/uuid") or "",
        "arch": arch,
        "cpu_model": root.findtext("host/cpu/model") or "",
        "cpu_vendor": root.findtext("host/cpu/vendor") or "",
        "emulators": emulators(capabilities),
        "machine_types": machine_types(capabilities, arch),
    }
