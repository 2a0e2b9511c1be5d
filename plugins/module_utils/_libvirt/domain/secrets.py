# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a guest's XML nobody should read."""

from __future__ import annotations

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml

_BLANK = "REDACTED"


def redacted(domain_xml: str) -> str:
    """Return the XML without console passwords, cookies of network disks, and keys of encrypted memory.

    The rest that libvirt calls secret is only named in it, by uuids.
    """
    root = xml.parse(domain_xml)
    for graphics in root.xpath("devices/graphics[@passwd]"):
        graphics.set("passwd", _BLANK)
    for element in root.xpath("//source/cookies/cookie|launchSecurity/session|launchSecurity/dhCert"):
        element.text = _BLANK
    return xml.text_of(root)
