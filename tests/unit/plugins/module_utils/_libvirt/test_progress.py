# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import progress

MIB = 1024**2
DISK = {
    "phase": "disk",
    "elapsed_s": 12.0,
    "disk_total_bytes": 200 * MIB,
    "disk_remaining_bytes": 150 * MIB,
    "disk_rate_bytes": 5 * MIB,
}
MEMORY = {
    "phase": "memory",
    "elapsed_s": 80.4,
    "memory_total_bytes": 4096 * MIB,
    "memory_remaining_bytes": 512 * MIB,
    "memory_rate_bytes": 100 * MIB,
    "dirty_rate_bytes": 20 * MIB,
    "iteration": 3,
    "expected_downtime_ms": 900,
    "allowed_downtime_ms": 95,
}

SENT = "memory 512 MiB left at 100 MiB/s"
WRITTEN = "the guest writes 20 MiB/s · pass 3 · pause 900 of 95 ms"


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ({"phase": "starting", "elapsed_s": 0.0}, "starting"),
        ({**DISK, "estimate_s": 30.0}, "disk 150 MiB left at 5.0 MiB/s · disks about 30 s, then memory · since 12 s"),
        ({**DISK, "disk_rate_bytes": 0, "estimate_s": None}, "disk 150 MiB left · since 12 s"),
        (
            {**MEMORY, "estimate_s": 6.4},
            f"{SENT}, {WRITTEN} · about 6 s · since 1 min 20 s",
        ),
        (
            {**MEMORY, "throttle_percent": 30, "estimate_s": None, "does_not_converge": True},
            f"{SENT}, {WRITTEN} · guest slowed by 30 % · no end in sight at this rate · since 1 min 20 s",
        ),
        (
            {**MEMORY, "phase": "post_copy", "dirty_rate_bytes": 0, "estimate_s": 5},
            f"{SENT} · runs at the destination, its memory follows · about 5 s · since 1 min 20 s",
        ),
    ],
)
def test_a_line(record: dict[str, Any], line: str) -> None:
    assert progress.line(record) == line


STALLED = {
    **MEMORY,
    "source": "kvm1",
    "destination": "kvm2",
    "stalled_s": 35.2,
    "timeout_s": 1600,
    "timeout_action": "abort",
}
SEE = "nothing has moved for 35 s: see to the link between kvm1 and kvm2"
ABORT = ", or abort it (domain_migration_control, state aborted); by itself it "


@pytest.mark.parametrize(
    ("before", "record", "turn"),
    [
        ({}, MEMORY, ""),
        (MEMORY, STALLED, f"{SEE}{ABORT}is aborted 26 min 40 s after its begin"),
        (
            MEMORY,
            {**STALLED, "timeout_action": "force_complete"},
            f"{SEE}{ABORT}is forced to its end 26 min 40 s after its begin",
        ),
        (MEMORY, {**STALLED, "timeout_s": 0}, f"{SEE}{ABORT}waits"),
        (
            MEMORY,
            {**STALLED, "phase": "post_copy"},
            f"{SEE}; the guest's memory is on both hosts, so it cannot be aborted",
        ),
        (STALLED, {**STALLED, "stalled_s": 40.2}, ""),
        (STALLED, {**STALLED, "stalled_s": 0.0}, "it moves again; nothing had moved for about 35 s"),
    ],
)
def test_a_stall_is_told_once_and_so_is_its_end(before: dict[str, Any], record: dict[str, Any], turn: str) -> None:
    assert progress.turn(before, record) == turn


def test_a_line_of_a_stall() -> None:
    assert progress.line(STALLED).endswith("· nothing has moved for 35 s · since 1 min 20 s")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (20 * MIB, "20 MiB"), (3 * 1024**4, "3.0 TiB")],
)
def test_a_size(count: int, text: str) -> None:
    assert progress.size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (3725, "1 h 02 min")])
def test_a_duration(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.progress.json"
    progress.write(path, DISK)
    progress.write(path, MEMORY)
    assert progress.read(path.read_text("utf-8")) == MEMORY
    assert [entry.name for entry in path.parent.iterdir()] == ["x.progress.json"]


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_no_record(text: str) -> None:
    assert progress.read(text) == {}
