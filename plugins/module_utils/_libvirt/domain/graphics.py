# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's graphical consoles: where they listen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    EVERY_HOST,
    Need,
    require,
    set_attribute,
)

if TYPE_CHECKING:
    from lxml.etree import _Element


def listen(root: _Element, addresses: Mapping[str, str], *, complete: bool) -> list[str]:
    """Let VNC and SPICE listen at the destination, in the attribute and in every ``<listen type='address'>``.

    A socket or a libvirt network, the other kinds of ``<listen>``, are the same on each host.

    :param addresses: ``vnc`` or ``spice`` → address of the destination
    :param complete: an address of the source for which none is given is refused
    :raises IncompleteError: naming each of them
    """
    changes, needs = [], []
    for graphics in root.xpath("devices/graphics"):
        kind = str(graphics.get("type"))
        address = addresses.get(kind)
        places = [graphics] if graphics.get("listen") is not None else []
        if address:
            changes += set_attribute(graphics, "listen", address, f"{kind} listens on") if places else []
            for element in graphics.xpath("listen[@type='address']"):
                changed = set_attribute(element, "address", address, f"{kind} listens on")
                changes += [] if places else changed  # libvirt says it twice; once is enough in words
        elif complete:
            found = graphics.xpath("@listen|listen[@type='address']/@address")
            needs += [
                Need(f"its {kind} console listens on {before}, an address of the source", f"Pass listen.{kind}.")
                for before in dict.fromkeys(map(str, found))
                if before not in EVERY_HOST
            ]
    require(root, needs)
    return changes
