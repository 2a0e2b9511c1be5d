# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.domain import memory, perf
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._libvirt.guests import (
    LIVE,
    applied,
    guest,
    missing,
    one,
)

FILE_BACKED = (
    "    <source type='file'/>\n    <access mode='shared'/>\n    <allocation mode='immediate'/>\n    <discard/>\n"
)


def backed(inner: str) -> str:
    return f"  <memoryBacking>\n{inner}  </memoryBacking>\n"


def test_memory_becomes_backed_by_files() -> None:
    root, changes = applied(LIVE, lambda root: memory.backing(root, file_backed=True))
    assert [(item.tag, dict(item.attrib)) for item in one(root, "memoryBacking")] == [
        ("nosharepages", {}),
        ("locked", {}),
        ("source", {"type": "file"}),
        ("access", {"mode": "shared"}),
        ("allocation", {"mode": "immediate"}),
        ("discard", {}),
    ]
    assert changes == ["memory: backed by files"]
    assert applied(guest(), lambda root: memory.backing(root, file_backed=True))[1] == ["memory: backed by files"]


def test_memory_is_no_longer_backed_by_files() -> None:
    text = guest(backed(f"    <locked/>\n{FILE_BACKED}"))
    root, changes = applied(text, lambda root: memory.backing(root, file_backed=False))
    assert [item.tag for item in one(root, "memoryBacking")] == ["locked"]
    assert changes == ["memory: no longer backed by files"]


def test_an_element_that_would_be_empty_goes() -> None:
    root, _changes = applied(guest(backed(FILE_BACKED)), lambda root: memory.backing(root, file_backed=False))
    assert root.find("memoryBacking") is None


@pytest.mark.parametrize("tag", ["source type='file'", "access mode='shared'", "allocation mode='immediate'"])
def test_each_of_duplicates_goes(tag: str) -> None:
    text = guest(backed(f"{FILE_BACKED}    <{tag}/>\n"))
    root, _changes = applied(text, lambda root: memory.backing(root, file_backed=True))
    assert len(one(root, "memoryBacking")) == 4
    twice = guest(backed(FILE_BACKED) + backed(f"    <locked/>\n{FILE_BACKED}"))
    root, _changes = applied(twice, lambda root: memory.backing(root, file_backed=False))
    assert [item.tag for item in one(root, "memoryBacking")] == ["locked"]


@pytest.mark.parametrize(
    "inner",
    [
        "    <source type='memfd'/>\n    <access mode='shared'/>\n",
        "    <hugepages><page size='2048' unit='KiB'/></hugepages>\n    <access mode='shared'/>\n",
        "    <allocation mode='immediate' threads='4'/>\n",
    ],
)
def test_memory_that_vhost_user_and_virtiofs_share_stays_shared(inner: str) -> None:
    assert applied(guest(backed(inner)), lambda root: memory.backing(root, file_backed=False))[1] == []


def test_sharing_survives_without_the_file() -> None:
    devices = "    <interface type='vhostuser'/>\n"
    root, _changes = applied(guest(backed(FILE_BACKED), devices), lambda root: memory.backing(root, file_backed=False))
    assert [(item.tag, dict(item.attrib)) for item in one(root, "memoryBacking")] == [
        ("source", {"type": "memfd"}),
        ("access", {"mode": "shared"}),
    ]


def test_what_is_right_or_not_known_stays() -> None:
    text = guest(backed(FILE_BACKED))
    assert applied(text, lambda root: memory.backing(root, file_backed=True))[1] == []
    assert applied(text, lambda root: memory.backing(root, file_backed=None))[1] == []
    assert applied(guest(), lambda root: memory.backing(root, file_backed=False))[1] == []


def test_persistent_memory_in_order() -> None:
    second = LIVE[LIVE.index("    <memory model='nvdimm'") : LIVE.index("  </devices>")]
    text = LIVE.replace("  </devices>", f"{second.replace('dax0.0', 'dax0.7')}  </devices>")
    paths = ["/dev/dax1.0", "/dev/dax1.1"]
    root, changes = applied(text, lambda root: memory.persistent(root, paths))
    assert [path.text for path in root.xpath("devices/memory/source/path")] == paths
    assert changes == [
        "persistent memory: /dev/dax0.0 → /dev/dax1.0",
        "persistent memory: /dev/dax0.7 → /dev/dax1.1",
    ]
    message = missing(text, lambda root: memory.persistent(root, paths[:1]))
    assert "its persistent memory /dev/dax0.7 has no device there" in message
    assert "Pass vpmems" in message
    dimm = text.replace("model='nvdimm'", "model='dimm'")
    assert applied(dimm, lambda root: memory.persistent(root, []))[1] == []


def test_performance_events_are_the_destinations() -> None:
    root, changes = applied(LIVE, lambda root: perf.events(root, ["cmt", "cpu_cycles"]))
    assert [dict(event.attrib) for event in one(root, "perf")] == [
        {"enabled": "yes", "name": "cmt"},
        {"enabled": "yes", "name": "cpu_cycles"},
    ]
    assert changes == ["performance events: cmt, mbmt → cmt, cpu_cycles"]


def test_no_performance_event_is_skipped_while_they_are_removed() -> None:
    many = "".join(f"<event name='e{number}' enabled='{'yes' if number % 2 else 'no'}'/>" for number in range(9))
    text = guest(f"  <perf>{many}</perf>\n")
    root, changes = applied(text, lambda root: perf.events(root, []))
    assert root.find("perf") is None
    assert changes == ["performance events: e1, e3, e5, e7 → none"]
    root, _changes = applied(text, lambda root: perf.events(root, ["cmt"]))
    assert root.xpath("perf/event/@name") == ["cmt"]


def test_performance_events_of_a_guest_without_any() -> None:
    root, changes = applied(guest(), lambda root: perf.events(root, ["cmt"]))
    assert root.xpath("perf/event/@name") == ["cmt"]
    assert changes == ["performance events: none → cmt"]
    assert applied(guest(), lambda root: perf.events(root, []))[1] == []
    assert applied(LIVE, lambda root: perf.events(root, None))[1] == []


def test_the_rest_is_as_it_was() -> None:
    before = xml.text_of(xml.parse(LIVE)).splitlines()
    root, _changes = applied(LIVE, lambda root: memory.backing(root, file_backed=True))
    after = xml.text_of(root).splitlines()
    assert [line for line in after if line not in before] == [
        '    <source type="file"/>',
        '    <access mode="shared"/>',
        '    <allocation mode="immediate"/>',
        "    <discard/>",
    ]
