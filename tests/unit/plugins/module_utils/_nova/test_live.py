# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live migration's phases and steps; the databases themselves are the integration target's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import live
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    CopyAction,
    Delete,
    Insert,
    SetMetadata,
    Transaction,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database, Row, Value
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import RUN_KEY, CellView, Destination, Move
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._nova.planned import (
    EMPTY,
    MIGRATION,
    NOW,
    RUN,
    SERVER,
    VOLUME,
    events,
    guards,
    holds,
    inserts,
    metadata,
    update,
    updates,
    values,
    with_instance,
    with_migration,
)

# As the server of the fixture is on compute12.
TO = Destination("compute11", "compute11", 1, "192.0.2.11", "zone1")
CONNECTED = {VOLUME: {"destination_attachment_id": "a-dst", "connection_info": {"driver_volume_type": "rbd"}}}
LIVE = Move(SERVER, MIGRATION, NOW, "controller", TO, volumes=CONNECTED, run=RUN)
REQUEST = f"req-{MIGRATION}"


def migrating(view: CellView, status: str = "preparing", run: str = RUN, **instance: Any) -> CellView:
    """It is on its way, and a run holds it."""
    found = with_migration(view, status=status, source_compute="compute12", dest_compute="compute11")
    held = {**view.metadata, RUN_KEY: run} if run else dict(view.metadata)
    return with_instance(replace(found, metadata=held), **{"task_state": "migrating", **instance})


def at(view: CellView, phase: str, run: str = RUN) -> CellView:
    """It is in a phase."""
    if phase == "none":
        return replace(view, metadata={**view.metadata, RUN_KEY: run} if run else view.metadata)
    if phase == "arrived":
        return migrating(view, "post-migrating", run, host="compute11")
    return migrating(view, phase, run)


def made(view: CellView, state: str, move: Move = LIVE, deleted: bool = False) -> list[Transaction]:
    return live.transactions(live.Found("cell1", view, deleted), move, state)


# phases


@pytest.mark.parametrize("phase", live.PHASES)
def test_the_rows_tell_the_phase(view: CellView, phase: str) -> None:
    assert live.phase(at(view, phase)) == phase


@pytest.mark.parametrize("status", ["accepted", "queued", "preparing"])
def test_what_nova_does_before_the_job_is_preparing(view: CellView, status: str) -> None:
    assert live.phase(migrating(view, status)) == "preparing"


@pytest.mark.parametrize("status", ["running", "running (post-copy)"])
def test_from_the_job_on_the_guest_may_be_at_either_host(view: CellView, status: str) -> None:
    assert live.phase(migrating(view, status)) == "running"


def test_a_nova_compute_that_starts_up_makes_it_an_error_and_it_is_not_over(view: CellView) -> None:
    reset = migrating(view, "error", task_state=None)
    assert live.phase(reset) == "running"
    assert live.phase(replace(reset, metadata={})) == "none"


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "error"])
def test_one_that_has_ended_is_none(view: CellView, status: str) -> None:
    assert live.phase(migrating(view, status, run="")) == "none"


def test_the_host_tells_that_it_has_arrived_whatever_the_status(view: CellView) -> None:
    assert live.phase(migrating(view, "running", host="compute11")) == "arrived"


@pytest.mark.parametrize(
    ("status", "phase"), [("preparing", "preparing"), ("running", "running"), ("error", "running"), ("failed", "none")]
)
def test_of_a_deleted_server_the_status_is_left(view: CellView, status: str, phase: str) -> None:
    gone = replace(migrating(view, status), instance=None, metadata={})
    assert live.phase(gone) == phase


# preparing


def test_preparing_takes_the_server_from_whoever_else_might_want_it(view: CellView) -> None:
    (taken,) = made(view, "preparing")
    assert taken.marker.values == {"task_state": "migrating", "progress": 0, "updated_at": NOW}
    assert taken.marker.expect == {
        "task_state": (None,),
        "vm_state": ("active", "paused"),
        "host": ("compute12",),
        "locked": (None, 0),
        "hidden": (None, 0),
    }
    assert holds(taken) == [(RUN, ("",))]


def test_the_migration_is_one_of_novas_with_both_hosts(view: CellView) -> None:
    (taken,) = made(view, "preparing")
    row = inserts(taken)["migrations"].values
    assert {name: row[name] for name in ("status", "migration_type", "cross_cell_move", "hidden")} == {
        "status": "preparing",
        "migration_type": "live-migration",
        "cross_cell_move": 0,
        "hidden": 0,
    }
    assert (row["source_compute"], row["source_node"]) == ("compute12", "compute12")
    assert (row["dest_compute"], row["dest_node"], row["dest_compute_id"]) == ("compute11", "compute11", 1)
    assert row["old_instance_type_id"] == row["new_instance_type_id"]


def test_its_action_tells_what_novas_would(view: CellView) -> None:
    (taken,) = made(view, "preparing")
    assert inserts(taken)["instance_actions"].values["action"] == "live-migration"
    assert events(taken) == [
        ("start", REQUEST, "conductor_live_migrate_instance"),
        ("start", REQUEST, "compute_pre_live_migration"),
    ]


def test_preparing_does_not_touch_what_is_true_for_the_source(view: CellView) -> None:
    (taken,) = made(view, "preparing")
    assert not updates(taken, "block_device_mapping")
    assert not updates(taken, "instance_info_caches")
    assert not metadata(taken)


def test_it_needs_a_destination(view: CellView) -> None:
    with pytest.raises(ConflictError, match="no destination was given"):
        made(view, "preparing", replace(LIVE, destination=None))


def test_one_that_is_over_is_not_begun_again(view: CellView) -> None:
    with pytest.raises(ConflictError, match="it is completed already"):
        made(migrating(view, "completed", run=""), "preparing")


def test_a_server_that_is_gone_is_not_taken() -> None:
    with pytest.raises(ConflictError, match="is not there any more"):
        made(EMPTY, "preparing")


# running


def test_the_job_is_announced_before_it_begins(view: CellView) -> None:
    (fence,) = made(at(view, "preparing"), "running")
    # Nova's source host looks for just this status to activate the destination's bindings.
    assert values(fence, "migrations")["status"] == "running"
    assert fence.marker.expect == {"status": ("accepted", "queued", "preparing")}
    assert guards(fence)["vm_state"] == ("active", "paused")
    assert guards(fence)["host"] == ("compute12",)
    assert holds(fence) == [(RUN, ())]
    assert events(fence) == [
        ("finish", REQUEST, "conductor_live_migrate_instance"),
        ("finish", REQUEST, "compute_pre_live_migration"),
        ("start", REQUEST, "compute_live_migration"),
    ]


def test_a_task_state_that_a_nova_compute_has_cleared_is_set_again(view: CellView) -> None:
    (fence,) = made(migrating(view, task_state=None), "running")
    assert values(fence, "instances")["task_state"] == "migrating"
    assert guards(fence)["task_state"] == ("migrating", None)


@pytest.mark.parametrize("state", ["preparing", "running"])
def test_a_server_that_its_owner_deletes_is_not_sent_on_its_way(view: CellView, state: str) -> None:
    before = at(view, "none", run="") if state == "preparing" else at(view, "preparing")
    with pytest.raises(ConflictError, match="its owner has deleted the server"):
        made(before, state, deleted=True)


# arrived


def test_where_the_guest_is_is_told_in_one_transaction(view: CellView) -> None:
    (flip,) = made(at(view, "running"), "arrived")
    told = values(flip, "instances")
    assert {name: told[name] for name in ("host", "node", "compute_id", "availability_zone", "power_state")} == {
        "host": "compute11",
        "node": "compute11",
        "compute_id": 1,
        "availability_zone": "zone1",
        "power_state": 1,
    }
    # Its owner is kept away until the source is cleaned.
    assert told["task_state"] == "migrating"
    assert not {"launched_at", "launched_on", "vm_state"} & set(told)
    assert values(flip, "migrations")["status"] == "post-migrating"
    volume = update(flip, "block_device_mapping").values
    assert volume["attachment_id"] == "a-dst"
    assert json.loads(str(volume["connection_info"])) == {"driver_volume_type": "rbd"}


def test_a_paused_guest_arrives_paused(view: CellView) -> None:
    (flip,) = made(at(view, "running"), "arrived", replace(LIVE, running=False))
    assert values(flip, "instances")["power_state"] == 3


def test_a_volume_of_which_nothing_is_told_keeps_it_from_being_flipped(view: CellView) -> None:
    with pytest.raises(ConflictError, match=f"has volume {VOLUME}"):
        made(at(view, "running"), "arrived", replace(LIVE, volumes={}))


def test_it_arrives_where_it_was_sent(view: CellView) -> None:
    elsewhere = replace(LIVE, destination=replace(TO, host="compute13"))
    with pytest.raises(ConflictError, match="its destination is compute11, and not compute13"):
        made(at(view, "running"), "arrived", elsewhere)


def test_what_a_nova_compute_has_reset_meanwhile_arrives_all_the_same(view: CellView) -> None:
    (flip,) = made(migrating(view, "error", task_state=None), "arrived")
    assert guards(flip)["task_state"] == ("migrating", None)
    assert "error" in guards(flip)["status"]


# completed


def test_in_the_end_it_is_an_ordinary_server(view: CellView) -> None:
    (end,) = made(at(view, "arrived"), "completed")
    assert values(end, "migrations")["status"] == "completed"
    told = values(end, "instances")
    assert (told["task_state"], told["progress"]) == (None, 0)
    assert metadata(end) == {RUN_KEY: None}
    assert [change for change in end.changes if isinstance(change, Delete)] == [
        Delete("console_auth_tokens", {"instance_uuid": SERVER})
    ]
    assert events(end) == [("finish", REQUEST, "")]


def test_what_its_owner_has_begun_since_a_nova_compute_cleared_its_task_state_goes_on(view: CellView) -> None:
    found = migrating(view, "post-migrating", host="compute11", task_state="powering-off")
    (end,) = made(found, "completed")
    assert not updates(end, "instances")
    assert values(end, "migrations")["status"] == "completed"


# aborted


@pytest.mark.parametrize("phase", ["preparing", "running"])
def test_it_is_given_back_as_it_was(view: CellView, phase: str) -> None:
    (back,) = made(at(view, phase), "aborted", replace(LIVE, error="no space left"))
    assert values(back, "migrations")["status"] == "failed"
    assert values(back, "instances") == {"task_state": None, "progress": 0, "updated_at": NOW}
    assert not updates(back, "block_device_mapping")
    assert metadata(back) == {RUN_KEY: None}
    assert [change.error for change in back.changes if hasattr(change, "error")] == ["no space left"]


@pytest.mark.parametrize("vm_state", ["active", "paused"])
def test_one_whose_guest_went_off_is_given_back_stopped(view: CellView, vm_state: str) -> None:
    (back,) = made(migrating(view, "running", vm_state=vm_state), "aborted", replace(LIVE, off=True))
    assert values(back, "instances") == {
        "task_state": None,
        "progress": 0,
        "vm_state": "stopped",
        "power_state": 4,
        "updated_at": NOW,
    }
    assert metadata(back) == {RUN_KEY: None}


def test_one_of_which_nova_or_its_owner_has_seen_to_already_keeps_that(view: CellView) -> None:
    stopped = migrating(view, "running", task_state=None, vm_state="stopped")
    (back,) = made(stopped, "aborted", replace(LIVE, off=True))
    assert values(back, "instances") == {"task_state": None, "progress": 0, "updated_at": NOW}
    starting = migrating(view, "running", task_state="powering-on", vm_state="stopped")
    (back,) = made(starting, "aborted", replace(LIVE, off=True))
    assert not updates(back, "instances")


def test_what_has_arrived_is_never_given_back(view: CellView) -> None:
    with pytest.raises(ConflictError, match="it is 'arrived', and must be 'preparing' or 'running'"):
        made(at(view, "arrived"), "aborted")


def test_of_a_deleted_server_only_the_migration_ends(view: CellView) -> None:
    gone = replace(migrating(view, "running"), instance=None, metadata={})
    (back,) = made(gone, "aborted", deleted=True)
    assert (back.marker.table, values(back, "migrations")["status"]) == ("migrations", "failed")
    assert events(back) == [("finish", REQUEST, "")]
    assert len(back.changes) == 1


@pytest.mark.parametrize(("deleted", "instance", "gone"), [(True, None, True), (True, {}, False), (False, None, False)])
def test_a_server_is_gone_when_nova_has_done_with_deleting_it(
    view: CellView, deleted: bool, instance: dict[str, Any] | None, gone: bool
) -> None:
    assert live.Found("cell1", replace(view, instance=instance), deleted).gone is gone


# resumed


def test_a_run_takes_the_place_of_a_dead_one(view: CellView) -> None:
    (taken,) = made(at(view, "running", run="dead"), "resumed", replace(LIVE, previous_run="dead"))
    assert holds(taken) == [(RUN, ("dead",))]
    assert values(taken, "migrations")["status"] == "running"


def test_and_makes_the_states_what_the_phase_needs(view: CellView) -> None:
    (taken,) = made(migrating(view, "error", task_state=None), "resumed")
    assert values(taken, "instances")["task_state"] == "migrating"
    assert values(taken, "migrations")["status"] == "running"


def test_a_switch_to_post_copy_stays_told(view: CellView) -> None:
    dead = migrating(view, "running (post-copy)", run="dead")
    (taken,) = made(dead, "resumed", replace(LIVE, previous_run="dead"))
    assert values(taken, "migrations")["status"] == "running (post-copy)"


@pytest.mark.parametrize("phase", live.PHASES)
def test_where_all_is_as_it_should_be_there_is_nothing_to_resume(view: CellView, phase: str) -> None:
    assert made(at(view, phase), "resumed") == []


# which step may be made from where, and by which run


@pytest.mark.parametrize(("state", "phases"), live.STATES.items())
@pytest.mark.parametrize("holder", ["another run", ""])
def test_of_two_runs_the_one_that_does_not_hold_the_server_ends(
    view: CellView, state: str, phases: tuple[str, ...], holder: str
) -> None:
    if state == "preparing" and holder == "":
        return
    with pytest.raises(ConflictError, match="another run has taken it over" if holder else "no run has taken it over"):
        made(at(view, phases[0] if phases else "running", run=holder), state, replace(LIVE, previous_run="dead"))


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("preparing", "preparing"),
        ("preparing", "arrived"),
        ("running", "running"),
        ("running", "arrived"),
        ("arrived", "arrived"),
    ],
)
def test_what_is_there_already_is_not_made_again(view: CellView, state: str, phase: str) -> None:
    assert made(at(view, phase), state) == []


@pytest.mark.parametrize(("state", "status"), [("completed", "completed"), ("aborted", "failed"), ("aborted", "error")])
def test_what_has_ended_does_not_end_again(view: CellView, state: str, status: str) -> None:
    assert made(migrating(view, status, run="", task_state=None), state) == []


@pytest.mark.parametrize(
    ("state", "phase"), [("arrived", "preparing"), ("completed", "running"), ("completed", "preparing")]
)
def test_no_step_is_left_out(view: CellView, state: str, phase: str) -> None:
    with pytest.raises(ConflictError, match=f"it is '{phase}', and must be '{live.STATES[state][0]}'"):
        made(at(view, phase), state)


@pytest.mark.parametrize(
    ("state", "status"), [("aborted", "completed"), ("completed", "failed"), ("running", "failed")]
)
def test_what_has_ended_one_way_does_not_end_the_other(view: CellView, state: str, status: str) -> None:
    with pytest.raises(ConflictError, match=f"it is {status}"):
        made(migrating(view, status, run="", task_state=None), state)


# between cells


def crossing(view: CellView, phase: str, run: str = RUN, copied: bool = True, there: str = "") -> live.Found:
    """It goes to another cell.

    :param there: the run that holds it in that cell
    """
    moved = phase == "arrived"
    here = at(view, "running" if moved else phase, run)
    copy = migrating(view, "post-migrating" if moved else "preparing", RUN if moved else there)
    return live.Found("cell2" if moved else "cell1", here, False, copy if copied else EMPTY, (2, 3), moved)


def test_it_crosses_as_a_move_of_novas_would(view: CellView) -> None:
    taken, *_none = live.transactions(live.Found("cell1", view, False, EMPTY, (2, 3)), LIVE, "preparing")
    row = inserts(taken)["migrations"].values
    # An id of the other cell means nothing in this one.
    assert (row["cross_cell_move"], row["dest_compute_id"], row["migration_type"]) == (1, None, "live-migration")


@pytest.mark.parametrize("phase", ["preparing", "running", "arrived"])
def test_the_mapping_tells_that_it_has_arrived_in_another_cell(view: CellView, phase: str) -> None:
    assert crossing(view, phase).phase == phase


def test_before_it_may_be_in_another_cell_its_rows_are(view: CellView) -> None:
    with pytest.raises(ConflictError, match="its rows are not in the cell that it enters"):
        live.transactions(crossing(view, "preparing", copied=False), LIVE, "running")
    (fence,) = live.transactions(crossing(view, "preparing"), LIVE, "running")
    assert fence.database == "source"


def test_the_flip_is_in_novas_order(view: CellView) -> None:
    target, api, source = live.transactions(crossing(view, "running"), LIVE, "arrived")
    assert [transaction.database for transaction in (target, api, source)] == ["target", "api", "source"]
    told = values(target, "instances")
    assert (told["host"], told["hidden"], told["task_state"]) == ("compute11", 0, "migrating")
    assert values(target, "migrations")["dest_compute_id"] == 1
    assert update(target, "block_device_mapping").values["attachment_id"] == "a-dst"
    assert api.marker.values["cell_id"] == 3
    assert api.marker.expect == {"cell_id": (2,), "queued_for_delete": (None, 0)}
    left = values(source, "instances")
    # By rows of a running guest, nova-compute would start it there once more.
    assert (left["hidden"], left["task_state"], left["power_state"]) == (1, "migrating", 4)
    assert not updates(source, "block_device_mapping")


def test_whoever_has_begun_the_flip_the_run_that_ends_it_holds_the_server_there(view: CellView) -> None:
    target, _api, source = live.transactions(crossing(view, "running", there="dead"), LIVE, "arrived")
    assert (holds(target), holds(source)) == ([(RUN, ("dead",))], [(RUN, ())])
    assert target.repeatable


def test_it_ends_in_its_new_cell_when_nothing_is_left_in_the_old(view: CellView) -> None:
    arrived = crossing(view, "arrived")
    with pytest.raises(ConflictError, match="its rows are still in the other cell"):
        live.transactions(arrived, LIVE, "completed")
    (end,) = live.transactions(replace(arrived, here=EMPTY), LIVE, "completed")
    assert (end.database, values(end, "migrations")["status"], metadata(end)) == (
        "target",
        "completed",
        {RUN_KEY: None},
    )


def test_it_is_given_back_when_nothing_is_left_in_the_new_cell(view: CellView) -> None:
    with pytest.raises(ConflictError, match="its rows are still in the other cell"):
        live.transactions(crossing(view, "running"), LIVE, "aborted")
    (back,) = live.transactions(crossing(view, "running", copied=False), LIVE, "aborted")
    assert (back.database, values(back, "migrations")["status"]) == ("source", "failed")


def test_one_that_was_deleted_in_its_new_cell_ends_there_when_nothing_is_left_in_the_old(view: CellView) -> None:
    arrived = crossing(view, "arrived")
    there = replace(migrating(view, "post-migrating"), instance=None, metadata={})
    gone = replace(arrived, there=there, deleted=True)
    # As long as its migration is not over, it can only be taken back.
    assert gone.phase == "running"
    with pytest.raises(ConflictError, match="its rows are still in the other cell"):
        live.transactions(gone, LIVE, "aborted")
    (back,) = live.transactions(replace(gone, here=EMPTY), LIVE, "aborted")
    assert (back.database, values(back, "migrations")["status"]) == ("target", "failed")


def test_what_the_user_has_changed_meanwhile_is_flipped_with_it(view: CellView) -> None:
    found = crossing(view, "running")
    renamed = with_instance(found.here, display_name="db1", locked=1, locked_by="owner")
    tag = Insert("tags", {"resource_id": SERVER, "tag": "mine"})
    target, *_rest = live.transactions(replace(found, here=renamed, changed=(tag,)), LIVE, "arrived")
    told = values(target, "instances")
    assert (told["display_name"], told["locked"], told["locked_by"]) == ("db1", 1, "owner")
    assert "display_description" not in told
    assert tag in target.changes


class Kept:
    """A database that has some rows of a server."""

    def __init__(self, **tables: list[Row]) -> None:
        self.tables = tables

    def columns(self, table: str) -> list[str]:
        return [] if table not in self.tables else ["id"]

    def select(self, table: str, **_where: Value) -> list[Row]:
        return self.tables[table]

    def query(self, _statement: str, _arguments: tuple[Value, ...]) -> list[Row]:
        return self.tables.get("instance_actions_events", [])


def _tag(tag: str) -> Row:
    return {"resource_id": SERVER, "tag": tag}


def _action(number: int, request: str) -> Row:
    return {"id": number, "request_id": request, "action": "lock", "start_time": NOW}


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        pytest.param("resize", None, "resize", id="locked"),
        pytest.param("resize", "audit", "resize", id="locked anew"),
        pytest.param(None, "audit", None, id="unlocked"),
    ],
)
def test_the_reason_of_a_lock_goes_with_it(here: str | None, there: str | None, expected: str | None) -> None:
    def cell(reason: str | None) -> Database:
        reasons: list[Row] = [{"key": "locked_reason", "value": reason}] if reason else []
        return cast(
            Database, Kept(instance_system_metadata=[{"key": "other", "value": reason}, *reasons], instance_actions=[])
        )

    assert list(live._changed(cell(here), cell(there), LIVE)) == [
        SetMetadata(SERVER, "locked_reason", expected, LIVE.now)
    ]
    assert not list(live._changed(cell(here), cell(here), LIVE))


def test_tags_metadata_and_actions_are_brought_only_where_they_differ() -> None:
    metadata_row: Row = {"id": 1, "instance_uuid": SERVER, "key": "a", "value": "b"}
    event: Row = {"id": 7, "action_id": 2, "event": "e", "start_time": NOW, "created_at": NOW}
    known = {"instance_metadata": [metadata_row], "instance_actions": [_action(1, "req-1")]}
    here = Kept(
        instance_metadata=[metadata_row],
        tags=[_tag("new")],
        instance_actions=[_action(1, "req-1"), _action(2, "req-2")],
        instance_actions_events=[event],
    )
    there = Kept(tags=[_tag("old")], **known)
    assert list(live._changed(cast(Database, here), cast(Database, there), LIVE)) == [
        Delete("tags", {"resource_id": SERVER}),
        Insert("tags", _tag("new")),
        CopyAction(_action(2, "req-2"), (event,)),
    ]
    # One that the user has removed is removed.
    assert list(live._changed(cast(Database, Kept(tags=[], **known)), cast(Database, there), LIVE)) == [
        Delete("tags", {"resource_id": SERVER})
    ]
    assert not list(live._changed(cast(Database, there), cast(Database, there), LIVE))


def test_after_the_flip_a_run_takes_over_in_the_new_cell(view: CellView) -> None:
    arrived = crossing(view, "arrived")
    dead = replace(
        arrived,
        here=migrating(view, "running", "dead", hidden=1),
        there=migrating(view, "post-migrating", "dead", task_state=None),
    )
    (taken,) = live.transactions(dead, replace(LIVE, previous_run="dead"), "resumed")
    assert (taken.database, holds(taken)) == ("target", [(RUN, ("dead",))])
    with pytest.raises(ConflictError, match="it is 'arrived'"):
        live.transactions(arrived, LIVE, "aborted")


def test_a_flip_that_was_cut_short_is_completed_by_who_takes_over(view: CellView) -> None:
    arrived = crossing(view, "arrived")
    dead = replace(
        arrived,
        here=migrating(view, "running", "dead"),
        there=migrating(view, "post-migrating", "dead"),
    )
    taken, left = live.transactions(dead, replace(LIVE, previous_run="dead"), "resumed")
    assert taken.repeatable
    assert (left.database, holds(left)) == ("source", [(RUN, ("dead",))])
    assert (values(left, "instances")["hidden"], values(left, "instances")["power_state"]) == (1, 4)
