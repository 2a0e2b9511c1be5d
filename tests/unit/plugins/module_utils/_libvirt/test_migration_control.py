# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError, StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_control
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_hosts import Host
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import Progress


def test_nobody_forces_a_migration_while_its_disks_are_copied() -> None:
    with pytest.raises(StackmoveError, match="7 bytes of disks are left"):
        migration_control.refuse_early(Progress(disk_total=9, disk_remaining=7))
    migration_control.refuse_early(Progress(disk_total=9, memory_total=5, memory_remaining=3))


# The one domain of libvirt's test driver, which nobody migrates.
GUEST = "6695eb01-f6a4-8304-79aa-97f2502e193f"
ABORTED: dict[str, Any] = {"state": "aborted", "bandwidth_mib": None, "downtime_ms": None, "timeout_s": 1}


class Lock:
    """It is had after so many attempts."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.attempts = 0

    @contextmanager
    def held(self, guest: str, _timeout_s: float) -> Iterator[None]:
        self.attempts += 1
        if self.attempts <= self.refusals:
            raise ConflictError(f"work on {guest}", "another module works on it.", "Wait.")
        yield


def control(lock: Lock, wanted: dict[str, Any]) -> dict[str, Any]:
    with ExitStack() as stack:
        source = Host("test:///default", stack)
        return migration_control.Control(source, GUEST, lock.held).run(wanted, False)


def test_an_abort_waits_for_a_module_that_may_be_about_to_begin() -> None:
    lock = Lock(refusals=3)
    assert control(lock, ABORTED)["steps"] == []
    assert lock.attempts == 4


def test_an_abort_does_not_wait_for_ever() -> None:
    with pytest.raises(ConflictError, match="another module works on it"):
        control(Lock(refusals=10**9), {**ABORTED, "timeout_s": 0})


def test_who_only_looks_waits_for_nobody() -> None:
    lock = Lock(refusals=1)
    assert control(lock, {**ABORTED, "state": "seen"})["guest_state"] == "running"
    assert lock.attempts == 0
