# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's processors: how many, and on which of the host's they may run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    Need,
    drop,
    drop_empty,
    require,
    set_attribute,
    set_text,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

# Nova before 2023.1 gave every guest 1024 shares a processor (LP 1978489).
_SHARES_EACH = 1024


def shared_set(root: _Element, cpus: str | None) -> list[str]:
    """Let the guest run on the destination's shared processors (LP 1869804).

    The source's cpuset names processors that may not exist there. A pinned guest has none.

    :param cpus: ``[compute] cpu_shared_set`` of the destination; empty for every processor; None: not known
    :raises IncompleteError: when it is not known, and the guest is kept to some of the source's
    """
    vcpu = root.find("vcpu")
    before = vcpu.get("cpuset") if vcpu is not None else None
    if before is None and (cpus is None or root.find("cputune/vcpupin") is not None):
        return []
    if cpus is None:
        device = f"its processors run on {before} of the host's, and the destination's are not known"
        require(root, [Need(device, "Pass cpu_shared_set, or an empty one for every processor.")])
    return set_attribute(vcpu, "cpuset", cpus or None, "processors of the host")


def shares(root: _Element, *, keep: bool) -> list[str]:
    """Remove the weight that Nova gave every guest before 2023.1; control groups v2 refuse it (LP 1978489).

    :param keep: the flavor sets one (``quota:cpu_shares``)
    """
    if keep:
        return []
    tune = root.find("cputune")
    found = tune.findall("shares") if tune is not None else []
    for element in found:
        drop(element)
    drop_empty(tune)
    return [f"shares: {element.text} → none" for element in found]


def count(root: _Element, wanted: int) -> list[str]:
    """Give the guest so many processors; not while it runs."""
    vcpu = root.find("vcpu")
    before = int(vcpu.text or 1) if vcpu is not None else wanted
    if before == wanted:
        return []
    changes = set_text(vcpu, str(wanted), "vcpus")
    changes += set_attribute(vcpu, "current", None, "vcpus at first")
    weight = root.find(f"cputune/shares[.='{before * _SHARES_EACH}']")
    changes += set_text(weight, str(wanted * _SHARES_EACH), "shares")
    topology = root.find("cpu/topology")
    if topology is not None:
        # libvirt wants the product to be the number of processors. Nova prefers sockets (nova.virt.hardware).
        fixed = 1
        for name in ("dies", "clusters", "cores", "threads"):
            fixed *= int(topology.get(name, "1"))
        if wanted % fixed:
            for name in ("dies", "clusters", "cores", "threads"):
                if name in topology.attrib:
                    topology.set(name, "1")
            fixed = 1
        changes += set_attribute(topology, "sockets", str(wanted // fixed), "sockets")
    return changes
