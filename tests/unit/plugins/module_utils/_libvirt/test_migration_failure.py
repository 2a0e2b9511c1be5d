# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import libvirt
import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_errors, migration_failure
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_job import (
    Done,
    Outcome,
    Progress,
    Side,
)

RUNS, ABSENT, UNSEEN = Side(libvirt.VIR_DOMAIN_RUNNING), Side(), Side(known=False)


def aborted() -> libvirt.libvirtError:
    """libvirt's test driver has no migrations; its refusal of one is as good as any."""
    connection = libvirt.open("test:///default")
    with pytest.raises(libvirt.libvirtError) as raised:
        connection.lookupByName("test").abortJob()
    return raised.value


@pytest.mark.parametrize("end", [end for end in Outcome if end not in (Outcome.COMPLETED, Outcome.STAYED)])
def test_whatever_has_become_of_the_guest_has_its_remedy(end: Outcome) -> None:
    where, remedy = migration_failure.where(end, RUNS, ABSENT)
    assert where.endswith(f"(at the source: {RUNS.words()}; at the destination: {ABSENT.words()}).")
    assert remedy.endswith(".")


def test_a_guest_that_stayed_is_migrated_again() -> None:
    where, remedy = migration_failure.where(Outcome.STAYED, RUNS, ABSENT)
    assert where == f"The guest is at its source as before ({RUNS.words()})."
    assert remedy == ""


def test_memory_that_is_gone_is_not_waited_for() -> None:
    assert "run again: it is resumed" in migration_failure.where(Outcome.TORN, RUNS, RUNS)[1]
    assert "run again: it is resumed" in migration_failure.where(Outcome.TORN, UNSEEN, RUNS)[1]
    assert "It cannot be resumed" in migration_failure.where(Outcome.TORN, ABSENT, RUNS)[1]


def test_of_two_that_run_none_is_ended_unseen() -> None:
    assert "End neither" in migration_failure.where(Outcome.BOTH, RUNS, RUNS)[1]
    assert "virsh destroy" in migration_failure.where(Outcome.BOTH, Side(libvirt.VIR_DOMAIN_PAUSED), RUNS)[1]


def test_time_that_is_up_is_told_with_what_was_left() -> None:
    last = Progress(elapsed_s=812.0, memory_total=9, memory_remaining=4096, disk_remaining=7)
    code, cause, remedy = migration_failure.cause(None, Done(aborted=True), last, 0.0)
    assert code is None
    assert "aborted after 812 s" in cause
    assert cause.endswith("7 bytes of disks and 4096 bytes of memory were left.")
    assert "timeout_action" in remedy
    assert "all of its memory" in migration_failure.cause(None, Done(aborted=True), Progress(), 0.0)[1]


def test_libvirts_refusal_is_told_with_what_it_means() -> None:
    error = aborted()
    meaning, remedy = migration_errors.explain(error.get_error_code(), error.get_error_message())
    said = f"{meaning} libvirt says: {error.get_error_message()} (error {error.get_error_code()})."
    assert migration_failure.cause(error, Done(), Progress(), 0.0) == (error.get_error_code(), said, remedy)


def test_what_libvirt_hides_is_taken_from_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    error = aborted()
    hides = f"operation failed: {migration_errors.HIDES}Input/output error"
    monkeypatch.setattr(error, "get_error_message", lambda: hides)
    log = f"internal error: unable to find an unused port\n{hides}\n"
    monkeypatch.setattr(migration_failure, "_log", lambda _begun: log)
    cause = migration_failure.cause(error, Done(), Progress(), 0.0)[1]
    assert cause.endswith(" It has logged: internal error: unable to find an unused port.")


def test_what_is_not_libvirts() -> None:
    assert migration_failure.cause(OSError("no"), Done(), Progress(), 0.0) == (None, "no", "Run again.")
    assert "that another run has begun" in migration_failure.cause(None, Done(), Progress(), 0.0)[1]
