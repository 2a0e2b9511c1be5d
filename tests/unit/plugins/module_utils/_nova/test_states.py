# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The phase of a move, wherever a run of ours or Nova's conductor was cut short."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects, states
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row, Value
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import CellView
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._nova.planned import (
    EMPTY,
    MIGRATION,
    RUN,
    SERVER,
    with_instance,
    with_migration,
)


def cell(view: CellView, text: str | None) -> CellView:
    """A cell by the words that matter: the migration's status, then ``dst``, ``hidden``, a task_state, ``resized``."""
    if not text:
        return EMPTY
    status, *words = text.split()
    task_states: list[Value] = [word for word in words if word.startswith("resize_")]
    found = (
        view if status == "-" else with_migration(view, status=status, dest_compute="dst" if "dst" in words else None)
    )
    vm_state = "resized" if "resized" in words else "active"
    task_state = task_states[0] if task_states else None
    return with_instance(found, hidden=int("hidden" in words), task_state=task_state, vm_state=vm_state)


@pytest.mark.parametrize(
    ("source", "target", "mapped_to_target", "phase"),
    [
        (None, None, False, "none"),
        ("-", None, False, "none"),
        ("pre-migrating resize_prep", None, False, "started"),
        ("pre-migrating dst resize_prep", None, False, "started"),
        # a nova-compute that was restarted has cleared the task_state
        ("pre-migrating", None, False, "started"),
        ("pre-migrating resize_prep", "pre-migrating hidden resize_prep", False, "copied"),
        ("pre-migrating resize_prep", "pre-migrating dst hidden resize_prep", False, "copied"),
        ("pre-migrating dst resize_prep", "pre-migrating dst hidden resize_prep", False, "prepared"),
        ("migrating dst resize_migrated", "pre-migrating dst hidden resize_prep", False, "stopping"),
        ("migrating dst resize_migrated", "pre-migrating dst hidden resize_migrated", False, "stopping"),
        ("post-migrating dst resize_migrated", "pre-migrating dst hidden resize_migrated", False, "departed"),
        # killed between the databases of the flip
        ("post-migrating dst resize_migrated", "finished dst resized", False, "departed"),
        ("post-migrating dst resize_migrated", "finished dst resized", True, "departed"),
        ("post-migrating dst hidden resize_migrated", "finished dst resized", True, "finished"),
        # and between those of the confirmation
        ("confirming dst hidden resize_migrated", "finished dst resized", True, "finished"),
        ("post-migrating dst hidden resize_migrated", "confirming dst resized", True, "confirming"),
        ("confirming dst hidden resize_migrated", "confirming dst resized", True, "confirming"),
        ("", "confirming dst resized", True, "confirming"),
        ("", "confirmed dst", True, "confirmed"),
        # and between those of the revert
        ("post-migrating dst hidden resize_migrated", "reverting dst resized resize_reverting", True, "reverting"),
        ("reverting dst hidden resize_reverting", "reverting dst resized resize_reverting", True, "reverting"),
        ("reverting dst resize_reverting", "reverting dst resized resize_reverting", True, "reverting"),
        ("reverting dst resize_reverting", "reverting dst resized resize_reverting", False, "reverting"),
        ("reverting dst resize_reverting", "reverting dst hidden resized resize_reverting", False, "returned"),
        ("reverting dst resize_reverting", None, False, "returned"),
        # it is taken back: the source is the last to say so
        ("reverting dst hidden resize_reverting", "finished dst resized", True, "reverting"),
        ("reverting dst resize_reverting", "finished dst resized", True, "reverting"),
        ("reverted dst", None, False, "none"),
        # over
        ("error dst", None, False, "none"),
        ("cancelled", "pre-migrating", False, "none"),
        ("error", "-", True, "none"),
    ],
)
def test_the_phase_is_what_the_rows_say(
    view: CellView, source: str | None, target: str | None, mapped_to_target: bool, phase: str
) -> None:
    assert states.phase(cell(view, source), cell(view, target), mapped_to_target) == phase


@pytest.mark.parametrize(
    ("source", "target", "mapped_to_target", "phase"),
    [
        # TargetDBSetupTask writes the migrations last
        ("pre-migrating resize_prep", "- hidden resize_prep", False, "started"),
        # the source host was asked to stop it
        ("pre-migrating dst resize_migrating", "pre-migrating dst hidden resize_prep", False, "stopping"),
        ("migrating dst resize_migrating", "pre-migrating dst hidden resize_prep", False, "stopping"),
        # a nova-compute that was restarted has started the guest anew
        ("migrating dst", "pre-migrating dst hidden resize_prep", False, "stopping"),
        ("post-migrating dst resize_migrating", "pre-migrating dst hidden resize_prep", False, "departed"),
        ("post-migrating dst resize_migrated", "pre-migrating dst hidden resize_finish", False, "departed"),
        # the destination host ends the migration before the instance
        ("post-migrating dst resize_migrated", "finished dst hidden resize_finish", False, "departed"),
        ("post-migrating dst resize_migrated", "finished dst hidden resized", False, "departed"),
        # the source host has confirmed, the conductor has not
        ("confirmed dst hidden", "confirming dst resized", True, "confirming"),
        # the API takes the instance before it changes the migration
        ("post-migrating dst hidden resize_migrated", "finished dst resized resize_reverting", True, "reverting"),
        ("post-migrating dst hidden resize_reverting", "reverting dst resized resize_reverting", True, "reverting"),
        # the destination host has reverted, the source host has not
        ("reverting dst resize_reverting", "reverted dst hidden resized resize_reverting", False, "returned"),
        # what it has given up is over, or nobody's
        ("post-migrating dst hidden resize_migrated", "error dst", True, "foreign"),
        ("post-migrating dst hidden resize_migrated", None, True, "foreign"),
        ("post-migrating dst resize_migrated", "reverting dst resized", False, "foreign"),
        ("confirming dst", "finished dst", False, "foreign"),
        # a live migration
        ("running dst", None, False, "foreign"),
    ],
)
def test_the_phase_of_a_move_that_novas_conductor_has_left(
    view: CellView, source: str | None, target: str | None, mapped_to_target: bool, phase: str
) -> None:
    assert states.phase(cell(view, source), cell(view, target), mapped_to_target) == phase


@pytest.mark.parametrize(("context", "phase"), [(51, "confirming"), (52, "confirmed"), (None, "confirmed")])
def test_a_confirmed_migration_whose_instance_is_not_yet(view: CellView, context: int | None, phase: str) -> None:
    """Unless it is another migration, a later one, that has resized it."""
    target = cell(view, "confirmed dst resized")
    text = objects.migration_context(SERVER, context) if context else None
    found = replace(target, extra={**(target.extra or {}), "migration_context": text})
    assert states.phase(EMPTY, found, True) == phase


def test_the_state_before_the_move(view: CellView) -> None:
    assert view.old_vm_state == "active"
    assert with_instance(view, vm_state="stopped").old_vm_state == "stopped"
    assert (
        replace(with_instance(view, vm_state="resized"), metadata={"old_vm_state": "stopped"}).old_vm_state == "stopped"
    )
    assert EMPTY.old_vm_state == ""


def test_the_run_that_works_on_a_server(view: CellView) -> None:
    assert view.run == ""
    assert replace(view, metadata={states.RUN_KEY: RUN}).run == RUN
    assert [states.seat(phase) for phase in ("stopping", "reverting", "confirming")] == ["source", "source", "target"]


def test_one_move_has_one_action_of_each_kind() -> None:
    phases = ("none", "departed", "finished", "confirming", "confirmed", "reverting", "returned")
    ids = [states.request_id_of(phase, MIGRATION) for phase in phases]
    assert ids[:3] == [f"req-{MIGRATION}"] * 3
    assert (ids[3], ids[5]) == (ids[4], ids[6])
    assert len(set(ids)) == 3
    assert {len(found) for found in ids} == {len("req-") + 36}


def test_an_action_goes_on(view: CellView) -> None:
    """Ours, whatever another host's clock says; else Nova's, of which the newest."""
    actions: list[Row] = [
        {"action": name, "request_id": name + number} for number in "12" for name in ("resize", "migrate", "reboot")
    ]
    found = replace(view, actions=actions)
    assert found.request_id("resize1", "resize", "migrate") == "resize1"
    assert found.request_id("ours", "resize", "migrate") == "migrate2"
    assert found.request_id("ours", "revertResize") == "ours"
