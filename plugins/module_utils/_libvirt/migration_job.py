# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is seen of a live migration, and what to do next: decisions only, which ask nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_options
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_options import Options

# virDomainJobType and virDomainJobOperation
_UNDER_WAY = {1, 2}
_MIGRATION_OUT = 5
# virDomainState and the reasons of its states that matter here
_RUNNING = {1, 2}
_PAUSED = 3
_INACTIVE = {4, 5, 6}
_RUNNING_POSTCOPY = {10, 11}
_RUNNING_POSTCOPY_FAILED = 11
_SHUTOFF_MIGRATED = 4
_PAUSED_USER = 1
_PAUSED_HALTED = {5, 8}
_PAUSED_POSTCOPY = {12, 13}
_PAUSED_POSTCOPY_FAILED = 13
_ENDED = {
    1: "was shut down",
    2: "was switched off",
    3: "crashed",
    4: "was migrated",
    5: "was saved to a file",
    6: "failed to start",
}


@dataclass(frozen=True)
class Progress:
    """One look at a job. Sizes are in bytes, rates in bytes per second; what libvirt does not tell is 0."""

    elapsed_s: float = 0.0
    memory_total: int = 0
    memory_remaining: int = 0
    memory_processed: int = 0
    memory_rate: int = 0
    dirty_rate: int = 0
    iteration: int = 0
    disk_total: int = 0
    disk_remaining: int = 0
    disk_rate: int = 0
    expected_downtime_ms: int = 0
    throttle_percent: int = 0
    post_copy_requests: int = 0

    @property
    def copies_memory(self) -> bool:
        """Whether the disks are done, so that memory is being sent."""
        return self.memory_total > 0


def is_migration(stats: Mapping[str, Any]) -> bool:
    """Tell whether virDomainGetJobStats speaks of a migration that goes out and is under way."""
    return stats.get("type") in _UNDER_WAY and stats.get("operation", _MIGRATION_OUT) == _MIGRATION_OUT


def progress(stats: Mapping[str, Any]) -> Progress:
    """Return what virDomainGetJobStats says of a migration."""

    def number(name: str) -> int:
        return int(stats.get(name) or 0)

    return Progress(
        elapsed_s=number("time_elapsed") / 1000,
        memory_total=number("memory_total"),
        memory_remaining=number("memory_remaining"),
        memory_processed=number("memory_processed"),
        memory_rate=number("memory_bps"),
        dirty_rate=number("memory_dirty_rate") * number("memory_page_size"),
        iteration=number("memory_iteration"),
        disk_total=number("disk_total"),
        disk_remaining=number("disk_remaining"),
        disk_rate=number("disk_bps"),
        expected_downtime_ms=number("downtime"),
        throttle_percent=number("auto_converge_throttle"),
        post_copy_requests=number("memory_postcopy_requests"),
    )


def later(before: Progress, passed_s: float) -> Progress:
    """Return what is known of a job that libvirt does not tell of now: what was known of it before.

    :param passed_s: seconds since then
    """
    return replace(before, elapsed_s=before.elapsed_s + passed_s) if before.elapsed_s else before


def with_disk_rate(now: Progress, samples: Sequence[Progress]) -> Progress:
    """Return the progress with the rate of the disks over some samples, where libvirt gives none.

    :param samples: earlier looks at the job, oldest first
    """
    since = [sample for sample in samples if sample.disk_total == now.disk_total and sample.elapsed_s < now.elapsed_s]
    if now.disk_rate or not since or not now.disk_total:
        return now
    copied = since[0].disk_remaining - now.disk_remaining
    return replace(now, disk_rate=max(0, int(copied / (now.elapsed_s - since[0].elapsed_s))))


@dataclass(frozen=True)
class Flow:
    """What a job has sent, and for how long no more than that.

    :param sent: bytes of memory and disks; -1 before the first look
    :param since_s: seconds from the job's begin until that was seen first
    :param still_s: seconds since then
    """

    sent: int = -1
    since_s: float = 0.0
    still_s: float = 0.0

    def is_stalled(self, stall_s: int) -> bool:
        """Tell whether nothing was sent for as long as is taken for a stall; 0 is never."""
        return 0 < stall_s <= self.still_s


def flow(before: Flow, now: Progress) -> Flow:
    """Return what a job has sent by now; as before where nothing is to be sent yet."""
    if not now.memory_total and not now.disk_total:
        return before
    sent = now.memory_processed + now.disk_total - now.disk_remaining
    if sent != before.sent:
        return Flow(sent, now.elapsed_s)
    return replace(before, still_s=now.elapsed_s - before.since_s)


def estimate_s(now: Progress, bandwidth_bytes: int) -> float | None:
    """Return the seconds that are left, or None when nobody can know.

    That is so as long as nothing was measured, and when the guest writes to its memory as fast as it is sent: then it
    will end by a longer downtime, or by force, and not by itself.

    :param bandwidth_bytes: the limit in bytes per second, for memory that is still to come; 0 is none
    """
    disk_s = now.disk_remaining / now.disk_rate if now.disk_rate else 0.0
    if now.disk_remaining and not now.disk_rate:
        return None
    if not now.copies_memory:
        return disk_s if now.disk_total else None
    rate = min(now.memory_rate, bandwidth_bytes) if bandwidth_bytes else now.memory_rate
    if not now.memory_remaining:
        return disk_s
    if rate <= now.dirty_rate:
        return None
    return disk_s + now.memory_remaining / (rate - now.dirty_rate)


class Act(Enum):
    """What can be done to a job under way."""

    SET_DOWNTIME = "set_downtime"
    START_POST_COPY = "start_post_copy"
    SUSPEND = "suspend"
    ABORT = "abort"


@dataclass
class Done:
    """What was done to a job so far."""

    downtime_ms: int | None = None
    post_copy_refused: bool = False
    forced: bool = False
    aborted: bool = False


def decide(options: Options, gib: float, now: Progress, post_copy: bool, done: Done) -> list[tuple[Act, int]]:
    """Return what to do next to a job, each with the downtime in milliseconds where it needs one.

    As live_migration_operation and its timeouts of Nova's libvirt driver, but a refused switch to post-copy is not
    tried for ever: the guest is paused instead.

    :param gib: how much there is to carry, in GiB
    :param post_copy: whether the guest runs at the destination already, from where there is no way back
    """
    if post_copy or done.aborted:
        return []
    timeout_s = migration_options.deadline_s(options, gib)
    if timeout_s and now.elapsed_s > timeout_s:
        if options.timeout_action == "abort":
            return [(Act.ABORT, 0)]
        if not done.forced:
            forced = force(options.post_copy, now, done.post_copy_refused)
            if forced is not None:
                return [(forced, 0)]
    schedule = migration_options.downtime_schedule(options, gib)
    wanted = migration_options.allowed_downtime_ms(schedule, now.elapsed_s)
    if wanted is None or wanted == done.downtime_ms:
        return []
    return [(Act.SET_DOWNTIME, wanted)]


def force(post_copy_allowed: bool, now: Progress, post_copy_refused: bool) -> Act | None:
    """Return how to force a migration to its end; None when that has to wait until the disks are copied.

    :param post_copy_allowed: whether the job was started so that it can switch to post-copy
    """
    if not post_copy_allowed or post_copy_refused:
        return Act.SUSPEND
    return Act.START_POST_COPY if now.copies_memory else None


@dataclass(frozen=True)
class Side:
    """How a guest is on one host.

    :param state: virDomainState, or None where libvirt knows no such guest
    :param known: False when nobody could be asked
    """

    state: int | None = None
    reason: int = 0
    known: bool = True

    @property
    def is_active(self) -> bool:
        """Whether it has a QEMU process."""
        return self.state is not None and self.state not in _INACTIVE

    @property
    def runs(self) -> bool:
        """Whether its processors run."""
        return self.state in _RUNNING

    @property
    def is_post_copy(self) -> bool:
        """Whether the guest has switched to post-copy, seen from either side."""
        return (self.state == _PAUSED and self.reason in _PAUSED_POSTCOPY) or (
            self.state in _RUNNING and self.reason in _RUNNING_POSTCOPY
        )

    @property
    def is_broken_post_copy(self) -> bool:
        """Whether its memory is torn in two halves, seen from either side."""
        return (self.state == _PAUSED and self.reason == _PAUSED_POSTCOPY_FAILED) or (
            self.state in _RUNNING and self.reason == _RUNNING_POSTCOPY_FAILED
        )

    @property
    def is_suspended(self) -> bool:
        """Whether somebody has paused it, and no migration."""
        return self.state == _PAUSED and self.reason == _PAUSED_USER

    @property
    def is_halted(self) -> bool:
        """Whether it is paused since its disk had an error, or is being shut down."""
        return self.state == _PAUSED and self.reason in _PAUSED_HALTED

    @property
    def has_left(self) -> bool:
        """Whether it is off here since it was migrated away, and so may have its disks elsewhere."""
        return self.state in _INACTIVE and self.reason == _SHUTOFF_MIGRATED

    @property
    def has_arrived(self) -> bool:
        """Whether it is whole here: runs, or is paused as it was before, which libvirt takes for a user's doing.

        A destination's QEMU that still waits for the guest's memory is paused, too, for another reason.
        """
        return (self.runs and not self.is_post_copy) or self.is_suspended

    def words(self) -> str:
        """Say it."""
        if not self.known:
            return "nobody could be asked"
        if self.state is None:
            return "not there"
        if self.runs:
            return "running"
        if self.state in _INACTIVE:
            return f"off ({_ENDED.get(self.reason, 'not running')})"
        return "paused" if self.state == _PAUSED else "not running"


class Outcome(Enum):
    """How a migration has ended."""

    COMPLETED = "completed"
    STAYED = "stayed"
    ENDED = "ended"
    TORN = "torn"
    BOTH = "both"
    SWITCHED = "switched"
    HALTED = "halted"
    UNSEEN = "unseen"
    UNKNOWN = "unknown"


def outcome(source: Side, destination: Side, was_running: bool = False) -> Outcome:
    """Judge from both sides how a migration has ended. Nova takes a guest that is gone for one that has arrived.

    ``ENDED`` is a guest that runs nowhere, since it crashed or was shut down. ``TORN`` is one whose post-copy broke.
    ``BOTH`` is a source that was not told of the success, and holds a guest that must never run again. ``SWITCHED`` is
    a post-copy under way. ``HALTED`` is a guest that ran, and is paused where it has arrived. ``UNSEEN`` is one that
    has arrived while nobody could ask its source.

    :param was_running: whether the guest ran before
    """
    if source.is_broken_post_copy or destination.is_broken_post_copy:
        return Outcome.TORN
    if source.is_post_copy or destination.is_post_copy:
        return Outcome.SWITCHED
    if destination.has_arrived:
        return _arrived(source, destination, was_running)
    if source.is_active:
        return Outcome.STAYED
    if source.known and destination.is_halted:
        return Outcome.HALTED
    return Outcome.ENDED if source.known and destination.known else Outcome.UNKNOWN


def _arrived(source: Side, destination: Side, was_running: bool) -> Outcome:
    if not source.known:
        return Outcome.UNSEEN
    if source.is_active:
        return Outcome.BOTH
    return Outcome.HALTED if was_running and not destination.runs else Outcome.COMPLETED
