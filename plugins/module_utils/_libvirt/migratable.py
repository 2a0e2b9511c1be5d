# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's XML as a migration starts from it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import refused

if TYPE_CHECKING:
    import libvirt


def migratable_xml(connection: libvirt.virConnect, domain: str) -> str:
    """Return the XML without what libvirt would make anew at the destination, and with console passwords.

    Without VIR_DOMAIN_XML_SECURE a console would arrive without its password.

    :param domain: the guest's uuid or name
    :raises NotFoundError: when it is not on this host
    :raises StackmoveError: when libvirt refuses
    """
    import libvirt

    try:
        found = connection.lookupByUUIDString(domain) if _is_uuid(domain) else connection.lookupByName(domain)
        return found.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise refused(f"read the XML of guest {domain}", error) from error
        raise NotFoundError(
            f"read the XML of guest {domain}",
            "libvirt on this host has no domain of that name or uuid.",
            "See virsh list --all on the host that it is to leave.",
        ) from error


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
