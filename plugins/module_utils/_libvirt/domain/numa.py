# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's place in the host: processors that it is pinned to, and the memory of which nodes it has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain.edit import (
    Need,
    append,
    child,
    drop,
    require,
    set_attribute,
)

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True)
class Pins:
    """The guest's place at the destination, as Nova's LibvirtLiveMigrateNUMAInfo has it.

    :param cpu_pins: processor of the guest → those of the host
    :param cell_pins: NUMA node of the guest → those of the host
    :param emulator_pins: processors of the host for QEMU's other threads
    :param sched_vcpus: the guest's real-time processors
    :param sched_priority: their priority
    """

    cpu_pins: Mapping[int, Collection[int]] = field(default_factory=dict)
    cell_pins: Mapping[int, Collection[int]] = field(default_factory=dict)
    emulator_pins: Collection[int] = ()
    sched_vcpus: Collection[int] = ()
    sched_priority: int | None = None


def pins(given: Mapping[str, Any]) -> Pins:
    """Read a place as JSON has it: keys are text, sets are lists, and what is left out may be None.

    :raises StackmoveError: when something that should be a number is none
    """
    try:
        priority = given.get("sched_priority")
        return Pins(
            cpu_pins={int(number): _numbers(ids) for number, ids in (given.get("cpu_pins") or {}).items()},
            cell_pins={int(number): _numbers(ids) for number, ids in (given.get("cell_pins") or {}).items()},
            emulator_pins=_numbers(given.get("emulator_pins") or ()),
            sched_vcpus=_numbers(given.get("sched_vcpus") or ()),
            sched_priority=None if priority is None else int(priority),
        )
    except (TypeError, ValueError) as error:
        raise StackmoveError(
            "read where the guest is to be pinned",
            f"{error}.",
            "Give numa as numbers: cpu_pins and cell_pins as lists of the host's by number of the guest's.",
        ) from error


def pin(root: _Element, pins: Pins) -> list[str]:
    """Pin processors, QEMU's threads and memory to the destination's.

    :raises IncompleteError: naming each pin of the guest for which there is none
    """
    needs = [*_unknown_processors(root, pins), *_unknown_nodes(root, pins), *_half_real_time(pins)]
    require(root, needs)
    return [*_pin_processors(root, pins), *_pin_memory(root, pins), *_real_time(root, pins)]


def cpuset(ids: Collection[int]) -> str:
    """Write numbers as libvirt does: ``0-2,5``."""
    runs: list[list[int]] = []
    for number in sorted(set(ids)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _numbers(given: Iterable[Any]) -> frozenset[int]:
    if isinstance(given, str):
        raise TypeError(f"{given} is no list")
    return frozenset(int(number) for number in given)


def _unknown_processors(root: _Element, pins: Pins) -> list[Need]:
    needs = []
    for element in root.xpath("cputune/vcpupin"):
        if not pins.cpu_pins.get(int(element.get("vcpu"))):
            device = f"its processor {element.get('vcpu')} is pinned to the source's {element.get('cpuset')}"
            needs.append(Need(device, "Pass numa.cpu_pins for it."))
    if not pins.emulator_pins:
        for element in root.xpath("cputune/emulatorpin|cputune/iothreadpin"):
            thread = "emulator" if element.tag == "emulatorpin" else f"I/O thread {element.get('iothread')}"
            device = f"its {thread} is pinned to the source's {element.get('cpuset')}"
            needs.append(Need(device, "Pass numa.emulator_pins."))
    return needs


def _unknown_nodes(root: _Element, pins: Pins) -> list[Need]:
    needs = []
    for element in root.xpath("numatune/memnode[@nodeset]"):
        if not pins.cell_pins.get(int(element.get("cellid"))):
            device = f"memory of its NUMA node {element.get('cellid')} is on the source's {element.get('nodeset')}"
            needs.append(Need(device, "Pass numa.cell_pins for it."))
    for element in root.xpath("numatune/memory[@nodeset]"):
        if not pins.cell_pins:
            device = f"its memory is on the source's NUMA nodes {element.get('nodeset')}"
            needs.append(Need(device, "Pass numa.cell_pins."))
    return needs


def _half_real_time(pins: Pins) -> list[Need]:
    if bool(pins.sched_vcpus) == (pins.sched_priority is not None):
        return []
    device = "of its real-time processors only one of two is known: which, and their priority"
    return [Need(device, "Pass numa.sched_vcpus and numa.sched_priority.")]


def _pin_processors(root: _Element, pins: Pins) -> list[str]:
    changes: list[str] = []
    if not pins.cpu_pins and not pins.emulator_pins:
        return changes
    tune = child(root, "cputune")
    for number, ids in sorted(pins.cpu_pins.items()):
        element = tune.find(f"vcpupin[@vcpu='{number}']")
        changes += set_attribute(
            _new(tune, "vcpupin", vcpu=str(number)) if element is None else element,
            "cpuset",
            cpuset(ids),
            f"processor {number} runs on",
        )
    if pins.emulator_pins:
        wanted = cpuset(pins.emulator_pins)
        changes += set_attribute(child(tune, "emulatorpin"), "cpuset", wanted, "emulator runs on")
        # Nova has none of its own for these: they follow the emulator (LP 2152697).
        for element in tune.findall("iothreadpin"):
            changes += set_attribute(element, "cpuset", wanted, f"I/O thread {element.get('iothread')} runs on")
    return changes


def _pin_memory(root: _Element, pins: Pins) -> list[str]:
    changes = []
    for element in root.xpath("numatune/memnode[@nodeset]"):
        number = int(element.get("cellid"))
        changes += set_attribute(element, "nodeset", cpuset(pins.cell_pins[number]), f"NUMA node {number} is on")
    everywhere = {node for nodes in pins.cell_pins.values() for node in nodes}
    for element in root.xpath("numatune/memory[@nodeset]"):
        changes += set_attribute(element, "nodeset", cpuset(everywhere), "memory is on")
    return changes


def _real_time(root: _Element, pins: Pins) -> list[str]:
    if pins.sched_priority is None:
        return []
    wanted = {"vcpus": cpuset(pins.sched_vcpus), "scheduler": "fifo", "priority": str(pins.sched_priority)}
    tune = child(root, "cputune")
    present = tune.findall("vcpusched")
    if [dict(element.attrib) for element in present] == [wanted]:
        return []
    for element in present:
        drop(element)
    _new(tune, "vcpusched", **wanted)
    return [f"real-time processors: {wanted['vcpus']} with priority {wanted['priority']}"]


def _new(parent: _Element, tag: str, **attributes: str) -> _Element:
    from lxml import etree

    element = etree.Element(tag, attributes)
    append(parent, element)
    return element
