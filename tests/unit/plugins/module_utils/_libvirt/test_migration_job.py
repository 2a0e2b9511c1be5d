# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_job
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import (
    Act,
    Done,
    Flow,
    Outcome,
    Progress,
    Side,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_options import Options

MIB = 1024**2
ABORTS = Options(destination_uri="qemu+ssh://root@kvm2/system")
FORCES = replace(ABORTS, timeout_action="force_complete")
SWITCHES = replace(FORCES, post_copy=True)
DISKS = Progress(elapsed_s=1601, disk_total=100 * MIB, disk_remaining=50 * MIB)
MEMORY = Progress(elapsed_s=1601, memory_total=128 * MIB, memory_remaining=MIB, iteration=3)

# virDomainGetJobStats of libvirt 9.0 while a guest's memory is sent
STATS = {
    "type": 2,
    "operation": 5,
    "time_elapsed": 4025,
    "downtime": 300,
    "memory_total": 152182784,
    "memory_processed": 12582912,
    "memory_remaining": 4096000,
    "memory_bps": 2097152,
    "memory_dirty_rate": 256,
    "memory_page_size": 4096,
    "memory_iteration": 2,
    "disk_total": 209715200,
    "disk_processed": 209715200,
    "disk_remaining": 0,
    "auto_converge_throttle": 20,
}


def test_what_libvirt_tells() -> None:
    assert migration_job.progress(STATS) == Progress(
        elapsed_s=4.025,
        memory_total=152182784,
        memory_remaining=4096000,
        memory_processed=12582912,
        memory_rate=2097152,
        dirty_rate=1048576,
        iteration=2,
        disk_total=209715200,
        disk_remaining=0,
        expected_downtime_ms=300,
        throttle_percent=20,
    )
    assert migration_job.progress({"type": 0}) == Progress()


@pytest.mark.parametrize(
    ("stats", "is_migration"),
    [
        (STATS, True),
        ({"type": 0}, False),
        ({}, False),
        ({"type": 3, "operation": 5}, False),
        ({"type": 2, "operation": 9}, False),  # a backup
        ({"type": 2, "operation": 4}, False),  # a guest that comes in
        ({"type": 2}, True),  # no statistics yet (LP 1982284)
    ],
)
def test_only_a_guest_that_leaves_is_a_migration(stats: dict[str, int], is_migration: bool) -> None:
    assert migration_job.is_migration(stats) is is_migration


def test_the_rate_of_disks_is_measured() -> None:
    first = Progress(elapsed_s=10, disk_total=100 * MIB, disk_remaining=90 * MIB)
    now = Progress(elapsed_s=20, disk_total=100 * MIB, disk_remaining=40 * MIB)
    assert migration_job.with_disk_rate(now, [first]).disk_rate == 5 * MIB
    assert migration_job.with_disk_rate(now, []).disk_rate == 0
    assert migration_job.with_disk_rate(replace(now, disk_rate=7), [first]).disk_rate == 7
    # The guest wrote more than was copied.
    assert migration_job.with_disk_rate(replace(first, elapsed_s=20), [now, first]).disk_rate == 0
    # Another disk was begun since.
    assert migration_job.with_disk_rate(replace(now, disk_total=200 * MIB), [first]).disk_rate == 0


def follow(*looks: Progress) -> Flow:
    flow = Flow()
    for now in looks:
        flow = migration_job.flow(flow, now)
    return flow


def test_a_job_of_which_nothing_moves_is_stalled() -> None:
    first = replace(MEMORY, elapsed_s=100, memory_processed=5 * MIB)
    assert [follow(first, replace(first, elapsed_s=at)).is_stalled(30) for at in (129, 130)] == [False, True]
    assert follow(first, replace(first, elapsed_s=145)).still_s == 45
    assert not follow(first, replace(first, elapsed_s=9999)).is_stalled(0)
    # What the guest writes meanwhile, or how much of its disks is left to be copied for that, is nothing that was sent.
    written = replace(first, elapsed_s=145, memory_remaining=9 * MIB, disk_total=8 * MIB, disk_remaining=8 * MIB)
    assert follow(first, written).still_s == 45
    again = replace(first, elapsed_s=145, memory_processed=5 * MIB + 1)
    assert follow(first, replace(first, elapsed_s=144), again) == Flow(5 * MIB + 1, 145)


def test_disks_that_move_are_no_stall() -> None:
    assert not follow(DISKS, replace(DISKS, elapsed_s=1700, disk_remaining=49 * MIB)).is_stalled(30)
    assert follow(DISKS, replace(DISKS, elapsed_s=1700)).is_stalled(30)


def test_a_job_that_has_nothing_to_send_yet_is_not_stalled() -> None:
    assert follow(Progress(elapsed_s=1), Progress(elapsed_s=500)) == Flow()


def test_a_job_of_which_libvirt_does_not_tell_goes_on_in_time() -> None:
    assert migration_job.later(MEMORY, 0.5) == replace(MEMORY, elapsed_s=MEMORY.elapsed_s + 0.5)
    assert migration_job.later(Progress(), 0.5) == Progress()  # it has not begun
    assert follow(MEMORY, migration_job.later(MEMORY, 31)).is_stalled(30)


@pytest.mark.parametrize(
    ("now", "bandwidth", "seconds"),
    [
        (Progress(), 0, None),
        (Progress(disk_total=9, disk_remaining=9), 0, None),
        (Progress(disk_total=90, disk_remaining=60, disk_rate=6), 0, 10),
        (Progress(memory_total=90, memory_remaining=60, memory_rate=6), 0, 10),
        (Progress(memory_total=90, memory_remaining=60, memory_rate=6, dirty_rate=4), 0, 30),
        (Progress(memory_total=90, memory_remaining=60, memory_rate=6, dirty_rate=6), 0, None),
        (Progress(memory_total=90, memory_remaining=60, memory_rate=60), 6, 10),
        (Progress(memory_total=90, memory_remaining=0, memory_rate=6), 0, 0),
    ],
)
def test_an_estimate_is_honest(now: Progress, bandwidth: int, seconds: float | None) -> None:
    assert migration_job.estimate_s(now, bandwidth) == seconds


def test_each_downtime_step_is_set_once() -> None:
    done = Done()
    now = Progress(elapsed_s=1, memory_total=1)
    assert migration_job.decide(ABORTS, 2, now, False, done) == [(Act.SET_DOWNTIME, 50)]
    done.downtime_ms = 50
    assert migration_job.decide(ABORTS, 2, now, False, done) == []
    assert migration_job.decide(ABORTS, 2, replace(now, elapsed_s=151), False, done) == [(Act.SET_DOWNTIME, 95)]


def test_a_downtime_that_was_refused_is_tried_again() -> None:
    now = Progress(elapsed_s=151)
    assert migration_job.decide(ABORTS, 2, now, False, Done(downtime_ms=50)) == [(Act.SET_DOWNTIME, 95)]


def test_the_timeout_aborts_once() -> None:
    assert migration_job.decide(ABORTS, 2, MEMORY, False, Done(downtime_ms=500)) == [(Act.ABORT, 0)]
    assert migration_job.decide(ABORTS, 2, MEMORY, False, Done(aborted=True)) == []


def test_just_in_time() -> None:
    assert migration_job.decide(ABORTS, 2, replace(MEMORY, elapsed_s=1600), False, Done(downtime_ms=500)) == []


def test_no_timeout() -> None:
    endless = replace(ABORTS, completion_timeout_s=0)
    assert migration_job.decide(endless, 2, replace(MEMORY, elapsed_s=10**6), False, Done(downtime_ms=500)) == []


@pytest.mark.parametrize("now", [DISKS, MEMORY])
def test_the_timeout_pauses_the_guest_once(now: Progress) -> None:
    assert migration_job.decide(FORCES, 2, now, False, Done(downtime_ms=500)) == [(Act.SUSPEND, 0)]
    assert migration_job.decide(FORCES, 2, now, False, Done(downtime_ms=500, forced=True)) == []


def test_the_timeout_switches_to_post_copy_where_that_is_allowed() -> None:
    assert migration_job.decide(SWITCHES, 2, MEMORY, False, Done(downtime_ms=500)) == [(Act.START_POST_COPY, 0)]


def test_nobody_switches_before_the_disks_are_there() -> None:
    assert migration_job.decide(SWITCHES, 2, DISKS, False, Done(downtime_ms=500)) == []


def test_a_refused_switch_is_not_tried_for_ever() -> None:
    done = Done(downtime_ms=500, post_copy_refused=True)
    assert migration_job.decide(SWITCHES, 2, MEMORY, False, done) == [(Act.SUSPEND, 0)]


def test_after_the_switch_nothing_is_done() -> None:
    late = replace(MEMORY, elapsed_s=10**6)
    for options in (ABORTS, FORCES, SWITCHES):
        assert migration_job.decide(options, 2, late, True, Done()) == []


# As measured with libvirt 9.0: (virDomainState, reason)
RUNNING = Side(1, 1)
MIGRATED = Side(1, 3)
ABSENT = Side()
WAITING = Side(3, 2)
CRASHED = Side(5, 2)
SILENT = Side(known=False)


@pytest.mark.parametrize(
    ("source", "destination", "end"),
    [
        (ABSENT, MIGRATED, Outcome.COMPLETED),
        (ABSENT, Side(3, 1), Outcome.COMPLETED),  # it was paused, and arrived paused
        (Side(5, 4), MIGRATED, Outcome.COMPLETED),  # it is still defined at its source
        (SILENT, MIGRATED, Outcome.UNSEEN),
        (SILENT, Side(3, 1), Outcome.UNSEEN),
        (RUNNING, ABSENT, Outcome.STAYED),
        (RUNNING, WAITING, Outcome.STAYED),  # the destination has not cleaned up yet
        (RUNNING, SILENT, Outcome.STAYED),
        (Side(3, 1), ABSENT, Outcome.STAYED),
        # Nova takes these for completed.
        (CRASHED, ABSENT, Outcome.ENDED),
        (CRASHED, WAITING, Outcome.ENDED),
        (ABSENT, ABSENT, Outcome.ENDED),
        (ABSENT, Side(5, 2), Outcome.ENDED),
        (ABSENT, SILENT, Outcome.UNKNOWN),
        (CRASHED, SILENT, Outcome.UNKNOWN),
        (SILENT, ABSENT, Outcome.UNKNOWN),
        (Side(3, 13), Side(1, 11), Outcome.TORN),
        (Side(3, 13), SILENT, Outcome.TORN),
        (WAITING, MIGRATED, Outcome.BOTH),
        (RUNNING, MIGRATED, Outcome.BOTH),
        # Its source is gone, and half of its memory with it.
        (Side(5, 3), Side(3, 13), Outcome.TORN),
        (ABSENT, Side(3, 13), Outcome.TORN),
        (SILENT, Side(3, 13), Outcome.TORN),
        (ABSENT, Side(1, 11), Outcome.TORN),
        (Side(3, 12), Side(1, 10), Outcome.SWITCHED),
        (Side(3, 12), SILENT, Outcome.SWITCHED),
        (ABSENT, Side(1, 10), Outcome.SWITCHED),
        # An error of its disk, and one that is being shut down
        (ABSENT, Side(3, 5), Outcome.HALTED),
        (ABSENT, Side(3, 8), Outcome.HALTED),
    ],
)
def test_both_sides_tell_how_it_has_ended(source: Side, destination: Side, end: Outcome) -> None:
    assert migration_job.outcome(source, destination) is end


def test_a_guest_that_ran_before_must_run() -> None:
    assert migration_job.outcome(ABSENT, Side(3, 1), was_running=True) is Outcome.HALTED
    assert migration_job.outcome(ABSENT, MIGRATED, was_running=True) is Outcome.COMPLETED


def test_a_guest_that_was_migrated_away_has_left() -> None:
    assert Side(5, 4).has_left
    assert not CRASHED.has_left
    assert not ABSENT.has_left
    assert not Side(1, 4).has_left


def test_a_switched_guest_is_seen_from_both_sides() -> None:
    assert Side(3, 12).is_post_copy
    assert Side(1, 10).is_post_copy
    assert not Side(3, 1).is_post_copy
    assert not Side(1, 3).is_post_copy


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (RUNNING, "running"),
        (ABSENT, "not there"),
        (SILENT, "nobody could be asked"),
        (Side(3, 1), "paused"),
        (Side(5, 1), "off (was shut down)"),
        (Side(5, 3), "off (crashed)"),
        (Side(7, 0), "not running"),
    ],
)
def test_a_side_in_words(side: Side, words: str) -> None:
    assert side.words() == words
