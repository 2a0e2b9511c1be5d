# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that its owner has deleted in its live migration: only what is left of it is removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import CROSS_CELL_LIVE, LIVE, Observed
from ansible_collections.stackmove.nova.plugins.module_utils._move.live_migration import (
    describe,
    find_blockers,
    make_plan,
)
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._move.test_blockers import change

SILENT: dict[str, Any] = {"unreachable": True, "msg": "no route"}
FENCED = "run again with -e live_migrate_fenced=true."


def deleted(observed: Observed, phase: str = "running", job: str = LIVE, **wanted: Any) -> Observed:
    """Its migration is in a phase, and the run that has begun it is dead."""
    migration = {"uuid": "m", "status": phase, "ours": True, "idle_s": 1, "created_at": "2026-11-21 12:00:00"}
    change(observed, "move.phase", phase)
    change(observed, "move.migration", migration)
    change(observed, "move.holder", None)
    change(observed, "move.server.status", "DELETED")
    change(observed, "move.volumes", [])
    change(observed, "move.vifs", [])
    change(observed, "move.kept_ports", ["p"])
    change(observed, "source_host.guest", None)
    return replace(observed, job=job, **wanted)


@pytest.mark.parametrize("job", [LIVE, CROSS_CELL_LIVE])
@pytest.mark.parametrize("phase", ["preparing", "running"])
@pytest.mark.parametrize("direction", ["auto", "back"])
def test_it_can_only_be_taken_back(observed: Observed, job: str, phase: str, direction: str) -> None:
    found = deleted(observed, phase, job, direction=direction)
    assert find_blockers(found) == []
    made = make_plan(found, {}, "this run")
    assert (made["direction"], made["deleted"], made["roles"][-1]) == ("back", True, "live_prepare")
    assert made["ports"] == [{"id": "p", "vnic_type": "normal", "profile": {}}]


def test_it_does_not_go_on(observed: Observed) -> None:
    (blocker,) = find_blockers(deleted(observed, direction="forward"))
    assert blocker.cause == "its owner has deleted it."


def test_the_plan_tells_that_nothing_is_left(observed: Observed) -> None:
    lines = describe(make_plan(deleted(observed, job=CROSS_CELL_LIVE), {}, "this run"))
    assert lines[1:] == [
        "its owner has deleted it: nothing of it is left anywhere",
        "live_transfer, back: destroy the guest on compute21, if the migration has brought it there",
        "live_prepare, back: remove what compute21 has of the guest",
        "live_prepare, back: remove what compute12 still has of the guest, unless it runs there",
        "live_prepare, back: delete its rows in the cell in which it did not live",
        "live_prepare, back: delete its attachments, bindings and claims",
        "live_prepare, back: end the migration",
    ]


@pytest.mark.parametrize(
    ("phase", "side", "said"),
    [
        ("preparing", "source_host", FENCED),
        ("preparing", "destination_host", ""),
        ("running", "source_host", FENCED),
        ("running", "destination_host", FENCED),
    ],
)
def test_a_host_is_needed_unless_it_is_off(observed: Observed, phase: str, side: str, said: str) -> None:
    found = deleted(observed, phase, **{side: SILENT})
    assert [blocker.remedy.endswith(said) for blocker in find_blockers(found)] == ([True] if said else [])
    fenced = replace(found, fenced=True)
    assert find_blockers(fenced) == []
    host = "compute12" if side == "source_host" else "compute21"
    assert make_plan(fenced, {}, "this run")["hosts_off"] == [host]
    assert f"live_prepare, back: leave what {host} has of the guest, unless it answers by then" in describe(
        make_plan(fenced, {}, "this run")
    )


@pytest.mark.parametrize("side", ["source_host", "destination_host"])
def test_one_whose_libvirt_alone_does_not_answer_is_not_off(observed: Observed, side: str) -> None:
    found = deleted(observed, fenced=True, **{side: {"failed": True, "msg": "libvirt does not answer"}})
    (blocker,) = find_blockers(found)
    assert "see that libvirtd runs there" in blocker.remedy
