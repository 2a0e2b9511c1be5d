# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import numa, processors
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    LIVE,
    applied,
    guest,
    missing,
    one,
)

PINS = numa.Pins(cpu_pins={0: {6}, 1: [7, 12]}, cell_pins={0: {1}}, emulator_pins={6, 7})


def test_pins_are_the_destinations() -> None:
    root, changes = applied(LIVE, lambda root: numa.pin(root, PINS))
    assert [dict(pin.attrib) for pin in root.xpath("cputune/vcpupin")] == [
        {"vcpu": "0", "cpuset": "6"},
        {"vcpu": "1", "cpuset": "7,12"},
    ]
    assert one(root, "cputune/emulatorpin/@cpuset") == "6-7"
    assert one(root, "numatune/memnode/@nodeset") == "1"
    assert one(root, "numatune/memory/@nodeset") == "1"
    assert one(root, "numatune/memory/@mode") == "strict"
    assert changes[:2] == ["processor 0 runs on: 2 → 6", "processor 1 runs on: 3 → 7,12"]


def test_every_iothread_is_pinned() -> None:
    """Nova changes the first one only (LP 2152697)."""
    root, _changes = applied(LIVE, lambda root: numa.pin(root, PINS))
    assert root.xpath("cputune/iothreadpin/@cpuset") == ["6-7", "6-7"]


def test_memory_is_on_the_nodes_of_all_cells() -> None:
    text = LIVE.replace("</numatune>", "<memnode cellid='1' mode='strict' nodeset='0'/></numatune>")
    pins = replace(PINS, cell_pins={0: {0}, 1: {2, 3}})
    root, _changes = applied(text, lambda root: numa.pin(root, pins))
    assert root.xpath("numatune/memnode/@nodeset") == ["0", "2-3"]
    assert one(root, "numatune/memory/@nodeset") == "0,2-3"


def test_pins_that_the_guest_has_not_raise_no_error() -> None:
    """A guest without cputune, vcpupin, emulatorpin, memnode or memory; Nova fails with an AttributeError."""
    root, changes = applied(guest(), lambda root: numa.pin(root, PINS))
    assert root.xpath("cputune/vcpupin/@cpuset") == ["6", "7,12"]
    assert one(root, "cputune/emulatorpin/@cpuset") == "6-7"
    assert root.find("numatune") is None
    assert len(changes) == 3
    assert applied(guest(), lambda root: numa.pin(root, numa.Pins()))[1] == []


def test_every_pin_that_is_not_known_is_named() -> None:
    message = missing(LIVE, lambda root: numa.pin(root, numa.Pins()))
    for device in (
        "its processor 0 is pinned to the source's 2",
        "its processor 1 is pinned to the source's 3",
        "its emulator is pinned to the source's 2-3",
        "its I/O thread 1 is pinned to the source's 2-3",
        "its I/O thread 2 is pinned",
        "memory of its NUMA node 0 is on the source's 0",
        "its memory is on the source's NUMA nodes 0",
    ):
        assert device in message
    assert "Pass numa.cpu_pins for it. Pass numa.emulator_pins. Pass numa.cell_pins for it." in message


def test_real_time_needs_both_who_and_how() -> None:
    """Nova asks ``'sched_vcpus' and 'sched_priority' in info``, which looks for the second only."""
    for half in (replace(PINS, sched_priority=2), replace(PINS, sched_vcpus={1})):
        message = missing(LIVE, lambda root, pins=half: numa.pin(root, pins))
        assert "Pass numa.sched_vcpus and numa.sched_priority." in message
    root, changes = applied(LIVE, lambda root: numa.pin(root, replace(PINS, sched_vcpus={0, 1}, sched_priority=2)))
    assert [dict(item.attrib) for item in root.xpath("cputune/vcpusched")] == [
        {"vcpus": "0-1", "scheduler": "fifo", "priority": "2"}
    ]
    assert "real-time processors: 0-1 with priority 2" in changes


def test_real_time_that_is_not_told_stays() -> None:
    root, _changes = applied(LIVE, lambda root: numa.pin(root, PINS))
    assert one(root, "cputune/vcpusched/@vcpus") == "1"


def test_sets_as_libvirt_writes_them() -> None:
    assert numa.cpuset([3, 1, 2, 5, 9, 10, 2]) == "1-3,5,9-10"
    assert numa.cpuset([]) == ""


def test_the_shared_set_is_the_destinations() -> None:
    """LP 1869804."""
    text = guest().replace("<vcpu>", "<vcpu placement='static' cpuset='0-63'>")
    root, changes = applied(text, lambda root: processors.shared_set(root, "4-7"))
    assert dict(one(root, "vcpu").attrib) == {"placement": "static", "cpuset": "4-7"}
    assert changes == ["processors of the host: 0-63 → 4-7"]
    root, _changes = applied(text, lambda root: processors.shared_set(root, ""))
    assert dict(one(root, "vcpu").attrib) == {"placement": "static"}
    message = missing(text, lambda root: processors.shared_set(root, None))
    assert "its processors run on 0-63 of the host's" in message
    assert "Pass cpu_shared_set" in message


def test_the_shared_set_of_a_guest_that_had_none() -> None:
    root, _changes = applied(guest(), lambda root: processors.shared_set(root, "4-7"))
    assert one(root, "vcpu/@cpuset") == "4-7"
    assert applied(guest(), lambda root: processors.shared_set(root, None))[1] == []
    assert applied(guest(), lambda root: processors.shared_set(root, ""))[1] == []
    assert applied(LIVE, lambda root: processors.shared_set(root, "4-7"))[1] == []  # it is pinned


def test_shares_go_unless_the_flavor_sets_them() -> None:
    """LP 1978489."""
    root, changes = applied(LIVE, lambda root: processors.shares(root, keep=False))
    assert root.find("cputune/shares") is None
    assert root.find("cputune/vcpupin") is not None
    assert changes == ["shares: 2048 → none"]
    alone = guest("  <cputune>\n    <shares>2048</shares>\n  </cputune>\n")
    root, _changes = applied(alone, lambda root: processors.shares(root, keep=False))
    assert root.find("cputune") is None
    assert applied(LIVE, lambda root: processors.shares(root, keep=True))[1] == []
    assert applied(guest(), lambda root: processors.shares(root, keep=False))[1] == []
