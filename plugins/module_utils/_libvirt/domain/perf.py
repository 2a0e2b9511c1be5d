# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Performance events that the host counts for a guest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import append, child, drop

if TYPE_CHECKING:
    from lxml.etree import _Element


def events(root: _Element, wanted: Sequence[str] | None) -> list[str]:
    """Count these events and no others (``[libvirt] enabled_perf_events``), for example ``cmt``; None: as it is."""
    from lxml import etree

    if wanted is None:
        return []
    present = root.xpath("perf/event")
    before = [str(event.get("name")) for event in present if event.get("enabled") == "yes"]
    if before == list(wanted) and len(before) == len(present):
        return []
    for element in present:
        drop(element)
    for name in wanted:
        append(child(root, "perf"), etree.Element("event", enabled="yes", name=name))
    if not wanted:
        for perf in root.findall("perf"):
            drop(perf)
    return [f"performance events: {', '.join(before) or 'none'} → {', '.join(wanted) or 'none'}"]
