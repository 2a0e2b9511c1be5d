# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's name, what is named after it, and what Nova notes about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import set_attribute, set_text

if TYPE_CHECKING:
    from lxml.etree import _Element

# nova.virt.libvirt.config: what Nova notes about the server. The namespace ends in 1.1 today, and in 1.0 where an older
# Nova has started the guest.
_NOVAS = (
    "metadata/*[local-name()='instance' and starts-with(namespace-uri(), 'http://openstack.org/xmlns/libvirt/nova/')]"
)


def is_novas(root: _Element) -> bool:
    """Tell whether Nova made the guest, so that each of its ports and volumes is one of Neutron and Cinder."""
    return bool(root.xpath(_NOVAS))


def name(root: _Element, wanted: str) -> list[str]:
    """Name the guest.

    Not for the XML with which a running guest arrives: libvirt wants the source's name there, and takes the new one
    as a parameter of its own (VIR_MIGRATE_PARAM_DEST_NAME).
    """
    return set_text(root.find("name"), wanted, "name")


def files_named_after_it(root: _Element, before: str, wanted: str) -> list[str]:
    """Rename sockets and firmware variables, for example ``org.qemu.guest_agent.0.instance-0000000a.sock``.

    Names of Nova's guests follow from rows' ids, so that a guest of the other cell may have files of the old name.
    """
    if before == wanted:
        return []
    # The whole name, in the last part of the path.
    place = re.compile(rf"(?<![A-Za-z0-9]){re.escape(before)}(?![A-Za-z0-9])(?=[^/]*$)")

    def renamed(path: str | None) -> str:
        return place.sub(lambda _match: wanted, path or "")

    changes = []
    for source in root.xpath("devices/channel/source[@path]"):
        changes += set_attribute(source, "path", renamed(source.get("path")), "channel")
    for source in root.xpath("os/nvram/source[@file]"):
        changes += set_attribute(source, "file", renamed(source.get("file")), "firmware variables")
    for nvram in root.xpath("os/nvram[not(*)]"):
        changes += set_text(nvram, renamed(nvram.text), "firmware variables") if nvram.text else []
    return changes


def flavor(root: _Element, wanted: str, numbers: dict[str, int]) -> list[str]:
    """Note the flavor as LibvirtDriver._get_guest_config_meta does; it is what a person sees in virsh dumpxml.

    :param wanted: the flavor's name
    :param numbers: element → number; memory in MiB, disks in GiB
    """
    changes = []
    for found in root.xpath(f"{_NOVAS}/*[local-name()='flavor']"):
        changes += set_attribute(found, "name", wanted, "flavor")
        for element in found:
            tag = element.xpath("local-name()")
            if tag in numbers:
                changes += set_text(element, str(numbers[tag]), f"flavor's {tag}")
    return changes


def nova_release(root: _Element, release: str) -> list[str]:
    """Note the release of the Nova that the guest belongs to from now on; empty: as it is."""
    if not release:
        return []
    found = root.xpath(f"{_NOVAS}/*[local-name()='package']")
    return set_attribute(found[0] if found else None, "version", release, "Nova's release")
