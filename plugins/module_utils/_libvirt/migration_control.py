# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What another run may do to a live migration under way: hasten it, force it to its end, or abort it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError, StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_job
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import refused, translated
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration import job_stats
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_hosts import Host
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import Act, Progress, Side

if TYPE_CHECKING:
    import libvirt

_POLL_S = 0.5


def todo(wanted: Mapping[str, Any], under_way: bool, side: Side) -> list[str]:
    """Return what is to be done, by the names of the module's options and states.

    :param wanted: the module's options ``state``, ``bandwidth_mib`` and ``downtime_ms``
    :raises StackmoveError: for an abort after the switch to post-copy: it would destroy the guest
    """
    if not under_way:
        return []
    if wanted["state"] == "aborted":
        if side.is_post_copy:
            raise StackmoveError(
                "abort a migration",
                "the guest has switched to post-copy: its memory is on both hosts.",
                "Let it end; if the way between the hosts is broken, mend it and run domain_live_migration again.",
            )
        return ["abort"]
    found = [name for name in ("bandwidth_mib", "downtime_ms") if wanted[name] is not None]
    if wanted["state"] == "forced" and not side.is_post_copy and not side.is_suspended:
        found.append("force")
    return found


def refuse_early(now: Progress) -> None:
    """Refuse to force a migration whose disks are being copied: the guest would be paused for as long as that takes.

    :raises StackmoveError: then
    """
    if migration_job.force(True, now, False) is not Act.START_POST_COPY:
        raise StackmoveError(
            "force a migration to its end",
            f"its memory is not sent yet, and {now.disk_remaining} bytes of disks are left: the guest would be paused"
            " all the while.",
            "Raise bandwidth_mib, or wait until the disks are copied and run again.",
        )


class Control:
    """The migration of one guest that leaves a host.

    :param source: the host that it leaves
    :param lock: holds the guest against other modules of this host, for so many seconds at most to be had
    """

    def __init__(self, source: Host, uuid: str, lock: Callable[[str, float], AbstractContextManager[None]]) -> None:
        self._source = source
        self._uuid = uuid
        self._lock = lock

    def run(self, wanted: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
        """Do what is wanted, and return what is seen of the migration afterwards.

        An abort ends when no module works on the guest any more: that of a killed run may have been about to begin.

        :raises StackmoveError: when it cannot be done
        """
        steps = self._todo(wanted)
        if not check_mode:
            self._do(steps, wanted)
            if wanted["state"] == "aborted":
                steps += self._be_alone(wanted)
        return {"changed": bool(steps), "steps": steps, **self._describe()}

    def _todo(self, wanted: Mapping[str, Any]) -> list[str]:
        return todo(wanted, self._is_under_way(self._source.find(self._uuid)), self._source.side(self._uuid))

    def _do(self, steps: list[str], wanted: Mapping[str, Any]) -> None:
        domain = self._source.find(self._uuid)
        if domain is None:
            return
        for step in steps:
            with translated(f"{step} the migration of guest {self._uuid}"):
                self._take(domain, step, wanted)

    def _take(self, domain: libvirt.virDomain, step: str, wanted: Mapping[str, Any]) -> None:
        if step == "bandwidth_mib":
            domain.migrateSetMaxSpeed(wanted["bandwidth_mib"], 0)
        elif step == "downtime_ms":
            domain.migrateSetMaxDowntime(wanted["downtime_ms"], 0)
        elif step == "force":
            self._force(domain)
        else:
            domain.abortJob()
            self._wait_for_the_end(domain, wanted["timeout_s"])

    def _be_alone(self, wanted: Mapping[str, Any]) -> list[str]:
        """Abort whatever is begun until nobody works on the guest, and return what was done for that."""
        done: list[str] = []
        deadline = time.monotonic() + wanted["timeout_s"]
        while True:
            try:
                with self._lock(self._uuid, _POLL_S):
                    return done
            except ConflictError:
                if time.monotonic() > deadline:
                    raise
            steps = self._todo(wanted)
            self._do(steps, wanted)
            done += steps

    @staticmethod
    def _force(domain: libvirt.virDomain) -> None:
        """Switch to post-copy where the migration was begun with that option, else pause the guest, as Nova does."""
        import libvirt

        refuse_early(migration_job.progress(job_stats(domain)))
        try:
            domain.migrateStartPostCopy(0)
            return
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:
                raise refused("switch to post-copy", error) from error
        domain.suspend()

    @staticmethod
    def _wait_for_the_end(domain: libvirt.virDomain, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while migration_job.is_migration(job_stats(domain)):
            if time.monotonic() > deadline:
                raise StackmoveError(
                    f"abort the migration of guest {domain.name()}",
                    f"it has not ended {timeout_s:.0f} seconds later.",
                    "Copying a disk ends slowly when its bandwidth is limited: wait, and look again.",
                )
            time.sleep(_POLL_S)

    @staticmethod
    def _is_under_way(domain: libvirt.virDomain | None) -> bool:
        return domain is not None and migration_job.is_migration(job_stats(domain))

    def _describe(self) -> dict[str, Any]:
        domain = self._source.find(self._uuid)
        under_way = self._is_under_way(domain)
        now = migration_job.progress(job_stats(domain)) if domain is not None and under_way else None
        side = self._source.side(self._uuid)
        return {
            "uuid": self._uuid,
            "under_way": under_way,
            "post_copy": side.is_post_copy,
            "guest_state": side.words(),
            "progress": asdict(now) if now else None,
        }
