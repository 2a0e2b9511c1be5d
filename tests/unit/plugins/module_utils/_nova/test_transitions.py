# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each step is a pure function: which transactions, on which databases, guarded by what, with which values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects, transitions
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import FinishEvent, Transaction, Update
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import RUN_KEY, CellView, Move, request_id_of
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._nova.planned import (
    COLD,
    EARLIER,
    EMPTY,
    MIGRATION,
    NOW,
    RUN,
    SERVER,
    VOLUME,
    events,
    flavors,
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

CONFIRM = request_id_of("confirming", MIGRATION)
VOLUMES = {VOLUME: {"destination_attachment_id": "a-dst", "source_attachment_id": "a-src", "connection_info": {"x": 1}}}


@pytest.fixture
def resize(view: CellView) -> Move:
    """The same move, to a larger flavor."""
    flavor = objects.stored_flavors(str((view.extra or {})["flavor"]))["cur"]
    data = {**objects.flavor_data(flavor), "name": "m1.large", "memory_mb": 1024, "vcpus": 2, "root_gb": 9, "id": 9}
    return replace(COLD, flavor={**flavor, "nova_object.data": data}, flavor_id=9)


# started


def test_starting_takes_the_server_from_whoever_else_might_want_it(view: CellView) -> None:
    (taken,) = transitions.started(COLD, view)
    assert taken.database == "source"
    assert taken.marker.where == {"uuid": SERVER, "deleted": 0}
    assert taken.marker.values == {"task_state": "resize_prep", "progress": 0, "updated_at": NOW}
    assert taken.marker.expect == {
        "task_state": (None,),
        "vm_state": ("active", "stopped"),
        "locked": (None, 0),
        "hidden": (None, 0),
    }
    assert view.instance
    wanted = {"old_vm_state": view.instance["vm_state"], "image_base_image_ref": view.instance["image_ref"]}
    assert metadata(taken) == wanted
    assert inserts(taken)["instance_actions"].values["action"] == "migrate"
    assert holds(taken) == [(RUN, ("",))]
    assert events(taken) == [
        ("start", f"req-{MIGRATION}", "conductor_migrate_server"),
        ("start", f"req-{MIGRATION}", "cold_migrate"),
    ]


def test_the_migration_of_a_cold_migration(view: CellView) -> None:
    (taken,) = transitions.started(COLD, view)
    made = inserts(taken)["migrations"].values
    assert {key: made[key] for key in ("uuid", "instance_uuid", "status", "migration_type", "cross_cell_move")} == {
        "uuid": MIGRATION,
        "instance_uuid": SERVER,
        "status": "pre-migrating",
        "migration_type": "migration",
        "cross_cell_move": 1,
    }
    assert (made["source_compute"], made["source_node"]) == ("compute12", "compute12")
    assert made["old_instance_type_id"] == made["new_instance_type_id"] == 1


def test_the_migration_of_a_resize(view: CellView, resize: Move) -> None:
    (taken,) = transitions.started(resize, view)
    made = inserts(taken)["migrations"].values
    assert (made["migration_type"], made["old_instance_type_id"], made["new_instance_type_id"]) == ("resize", 1, 9)
    assert inserts(taken)["instance_actions"].values["action"] == "resize"


def test_a_server_that_is_gone_cannot_be_taken() -> None:
    with pytest.raises(ConflictError, match="is not there any more"):
        transitions.started(COLD, EMPTY)


# prepared


def test_preparing_names_the_destination_in_both_cells(view: CellView) -> None:
    target, source = transitions.prepared(COLD, with_migration(view), with_migration(view, id=91))
    assert (target.database, source.database) == ("target", "source")
    names = {"dest_compute": "dst", "dest_node": "dst-node", "dest_host": "192.0.2.7", "updated_at": NOW}
    assert target.marker.values == {**names, "dest_compute_id": 7}
    assert source.marker.values == names  # an id of the target cell means nothing there
    for transaction in (target, source):
        assert transaction.marker.expect == {"status": ("pre-migrating",)}
    assert update(target, "instances").values == {"availability_zone": "zone2", "updated_at": NOW}
    assert metadata(target) == {"old_vm_state": "active"}


def test_each_cells_context_names_its_own_migration(view: CellView) -> None:
    target, source = transitions.prepared(COLD, with_migration(view), with_migration(view, id=91))
    ids = [
        json.loads(str(update(transaction, "instance_extra").values["migration_context"]))["nova_object.data"][
            "migration_id"
        ]
        for transaction in (target, source)
    ]
    assert ids == [91, 51]


def test_preparing_stores_the_reserved_attachment_and_no_connection(view: CellView) -> None:
    target, source = transitions.prepared(replace(COLD, volumes=VOLUMES), with_migration(view), with_migration(view))
    assert update(target, "block_device_mapping").values == {"attachment_id": "a-dst", "updated_at": NOW}
    assert not updates(source, "block_device_mapping")


def test_a_resize_keeps_its_new_flavor_beside_the_current_one(view: CellView, resize: Move) -> None:
    target, _source = transitions.prepared(resize, with_migration(view), with_migration(view))
    assert flavors(target) == {"cur": "m1.nano", "old": None, "new": "m1.large"}


@pytest.mark.parametrize("missing", ["destination", "source", "target"])
def test_there_is_nothing_to_prepare(view: CellView, missing: str) -> None:
    move = replace(COLD, destination=None) if missing == "destination" else COLD
    cells = [view if missing == name else with_migration(view) for name in ("source", "target")]
    with pytest.raises(ConflictError, match="is not in both cells, or no destination was given"):
        transitions.prepared(move, *cells)


# stopping, departed


def test_announcing_that_the_guest_will_stop(view: CellView, resize: Move) -> None:
    (source,) = transitions.stopping(resize, with_instance(with_migration(view), vm_state="stopped"))
    assert (source.database, source.marker.values["status"]) == ("source", "migrating")
    assert source.marker.expect == {"status": ("pre-migrating",)}
    assert update(source, "instances").expect == {"task_state": ("resize_prep", None), "vm_state": ("stopped",)}
    assert metadata(source) == {"old_vm_state": "stopped"}
    assert flavors(source) == {"cur": "m1.nano", "old": "m1.nano", "new": "m1.large"}


def test_a_nova_compute_that_starts_up_leaves_a_guest_alone_that_was_stopped(view: CellView) -> None:
    """It starts one in resize_migrating, and may start one whose power_state is RUNNING."""
    (source,) = transitions.stopping(COLD, with_migration(view))
    assert values(source, "instances") == {"task_state": "resize_migrated", "power_state": 4, "updated_at": NOW}


def test_a_guest_that_has_departed(view: CellView) -> None:
    found = with_migration(view, dest_compute="dst", status="migrating")
    target, source = transitions.departed(replace(COLD, volumes=VOLUMES), found, found)
    assert [target.database, source.database] == ["target", "source"]
    assert target.marker.values["task_state"] == "resize_migrated"
    assert target.marker.expect == {"task_state": ("resize_prep",)}
    assert source.marker.values["status"] == "post-migrating"
    assert source.marker.expect == {"status": ("migrating",)}
    assert update(source, "instances").expect == {"task_state": ("resize_migrated",)}
    event = ("start", f"req-{MIGRATION}", "compute_finish_snapshot_based_resize_at_dest")
    assert events(target) == [event]
    assert events(source) == [
        ("finish", f"req-{MIGRATION}", "compute_prep_snapshot_based_resize_at_source"),
        event,
    ]
    connected = {"attachment_id": "a-dst", "connection_info": '{"x": 1}', "updated_at": NOW}
    assert values(target, "block_device_mapping") == connected
    assert values(source, "block_device_mapping") == {"attachment_id": "a-src", "updated_at": NOW}


@pytest.mark.parametrize("step", [transitions.departed, lambda *views: transitions.finished(*views, (2, 3), None)])
def test_a_server_that_its_owner_has_deleted_is_not_started_anew(
    view: CellView, step: Callable[..., list[Transaction]]
) -> None:
    with pytest.raises(ConflictError, match="is not there any more"):
        step(COLD, replace(with_migration(view), instance=None), with_migration(view))


def test_novas_own_action_goes_on(view: CellView) -> None:
    """A move that Nova has begun is told under the action that Nova has made."""
    nova = replace(with_migration(view, dest_compute="dst"), actions=[{"action": "migrate", "request_id": "req-nova"}])
    for transactions in (
        transitions.prepared(COLD, nova, nova),
        transitions.stopping(COLD, nova),
        transitions.departed(COLD, nova, nova),
        transitions.finished(COLD, nova, nova, (2, 3), None),
        transitions.aborted(COLD, nova),
    ):
        told = {request_id for one in transactions for _what, request_id, _event in events(one)}
        assert told == {"req-nova"}


# resumed


@pytest.mark.parametrize("phase", ["started", "copied", "prepared"])
@pytest.mark.parametrize("task_state", ["resize_prep", None])
def test_a_task_state_that_was_cleared_is_put_back(view: CellView, phase: str, task_state: str | None) -> None:
    found = with_instance(with_migration(view), task_state=task_state)
    (source,) = transitions.resumed(replace(COLD, previous_run="dead"), phase, found, EMPTY)
    assert values(source, "instances") == {"task_state": "resize_prep", "updated_at": NOW}
    assert None in guards(source)["task_state"]
    assert "deleting" not in guards(source)["task_state"]
    assert holds(source) == [(RUN, ("dead",))]
    assert metadata(source) == {}


@pytest.mark.parametrize("phase", ["stopping", "departed"])
def test_a_guest_that_may_be_off_stays_off(view: CellView, phase: str) -> None:
    """Nova's own is in resize_migrating, in which a nova-compute that starts up would start it."""
    found = with_instance(with_migration(view, status="migrating"), task_state="resize_migrating")
    (source,) = transitions.resumed(COLD, phase, found, EMPTY)
    assert values(source, "instances") == {"task_state": "resize_migrated", "power_state": 4, "updated_at": NOW}
    assert not updates(source, "migrations")


def test_novas_request_to_stop_a_guest_is_taken_over(view: CellView) -> None:
    found = with_instance(with_migration(view), task_state="resize_migrating")
    (source,) = transitions.resumed(COLD, "stopping", found, EMPTY)
    assert values(source, "migrations") == {"status": "migrating", "updated_at": NOW}


def test_a_server_that_was_stopped_meanwhile_moves_as_a_stopped_one(view: CellView) -> None:
    """As well as one of whose earlier resize an old state is left."""
    found = replace(with_instance(with_migration(view), vm_state="stopped"), metadata={"old_vm_state": "active"})
    (source,) = transitions.resumed(COLD, "prepared", found, EMPTY)
    assert metadata(source) == {"old_vm_state": "stopped"}


@pytest.mark.parametrize("phase", ["confirming", "reverting", "returned"])
def test_taking_over_changes_nothing_else(view: CellView, phase: str) -> None:
    found = with_instance(with_migration(view), task_state="resize_reverting")
    (taken,) = transitions.resumed(COLD, phase, found, found)
    assert taken.database == ("target" if phase == "confirming" else "source")
    assert values(taken, "instances") == {"updated_at": NOW}
    assert guards(taken) == {"task_state": ("resize_reverting",)}
    assert holds(taken) == [(RUN, ("",))]


@pytest.mark.parametrize(("phase", "task_state"), [("copied", "resize_prep"), ("returned", "resize_reverting")])
def test_who_has_taken_over_has(view: CellView, phase: str, task_state: str) -> None:
    found = replace(with_instance(with_migration(view), task_state=task_state), metadata={RUN_KEY: RUN})
    assert transitions.resumed(COLD, phase, found, EMPTY) == []


# finished


def finish(move: Move, view: CellView, spec: str | None = None) -> list[Transaction]:
    there = with_migration(view, dest_compute="dst", dest_node="dst-node", dest_compute_id=7)
    return transitions.finished(move, with_migration(view), there, (2, 3), spec)


def test_the_flip_is_made_in_novas_order(view: CellView) -> None:
    target, api, source = finish(COLD, view)
    assert [target.database, api.database, source.database] == ["target", "api", "source"]
    assert values(target, "migrations")["status"] == "finished"
    assert api.marker.values == {"cell_id": 3, "updated_at": NOW}
    assert api.marker.expect == {"cell_id": (2,), "queued_for_delete": (None, 0)}
    assert source.marker.values == {"hidden": 1, "updated_at": NOW}
    assert holds(source) == [(RUN, ())]
    assert metadata(source) == {RUN_KEY: None}


def test_a_flip_that_nova_has_begun_is_made_whole(view: CellView) -> None:
    """Its destination host ends the migration before the instance, and its conductor shows the instance after both."""
    target, _api, _source = finish(COLD, view)
    assert target.marker.table == "instances"
    assert target.marker.values["hidden"] == 0
    assert {"resize_prep", "resize_migrated", "resize_finish", None} <= set(target.marker.expect["task_state"])
    assert guards(target)["status"] == ("pre-migrating", "finished")
    assert view.instance
    assert values(target, "instances")["image_ref"] == view.instance["image_ref"]


@pytest.mark.parametrize(("running", "power_state"), [(True, 1), (False, 4)])
def test_the_server_is_at_its_destination(view: CellView, running: bool, power_state: int) -> None:
    target, _api, _source = finish(replace(COLD, running=running), view)
    assert view.instance
    assert values(target, "instances") == {
        "task_state": None,
        "vm_state": "resized",
        "power_state": power_state,
        "image_ref": view.instance["image_ref"],
        "launched_at": NOW,
        "host": "dst",
        "node": "dst-node",
        "compute_id": 7,
        "hidden": 0,
        "updated_at": NOW,
    }
    assert flavors(target) == {"cur": "m1.nano", "old": "m1.nano", "new": "m1.nano"}


def test_the_server_has_its_new_size(view: CellView, resize: Move) -> None:
    spec = json.dumps({"nova_object.data": {"flavor": "old"}})
    target, api, _source = finish(resize, view, spec)
    found = values(target, "instances")
    assert {key: found[key] for key in ("instance_type_id", "memory_mb", "vcpus", "root_gb", "ephemeral_gb")} == {
        "instance_type_id": 9,
        "memory_mb": 1024,
        "vcpus": 2,
        "root_gb": 9,
        "ephemeral_gb": 0,
    }
    assert flavors(target) == {"cur": "m1.large", "old": "m1.nano", "new": "m1.large"}
    stored = json.loads(str(update(api, "request_specs").values["spec"]))
    assert stored["nova_object.data"]["flavor"] == resize.flavor


def test_a_cold_migration_leaves_the_request_spec_alone(view: CellView) -> None:
    _target, api, _source = finish(COLD, view, "{}")
    assert api.changes == ()


def test_volumes_and_ports_of_the_new_host(view: CellView) -> None:
    (vif,) = json.loads(view.network_info)
    binding = {"port_id": vif["id"], "vif_type": "ovs", "vif_details": {}, "vnic_type": "normal", "profile": {}}
    target, _api, source = finish(replace(COLD, volumes=VOLUMES, bindings=[binding]), view)
    mapping = update(target, "block_device_mapping")
    assert mapping.values == {"attachment_id": "a-dst", "connection_info": '{"x": 1}', "updated_at": NOW}
    # The source's is an empty one, and what it is connected to is not what the destination is.
    assert update(source, "block_device_mapping").values == {"attachment_id": "a-src", "updated_at": NOW}
    assert json.loads(str(update(target, "instance_info_caches").values["network_info"]))[0]["type"] == "ovs"


def test_a_volume_of_which_nothing_is_known_is_left_alone(view: CellView) -> None:
    target, _api, source = finish(replace(COLD, volumes={VOLUME: {"destination_attachment_id": None}}), view)
    assert not updates(target, "block_device_mapping")
    assert not updates(source, "block_device_mapping")


# confirming, confirmed


def test_the_confirmation_is_announced_in_both_cells(view: CellView) -> None:
    target, source = transitions.confirming(COLD, with_migration(view), with_migration(view, status="finished"))
    assert [target.database, source.database] == ["target", "source"]
    assert update(target, "instances").expect == {"vm_state": ("resized",), "task_state": (None,)}
    assert holds(target) == [(RUN, ("",))]
    for transaction in (source, target):
        assert transaction.marker.values["status"] == "confirming"
        assert inserts(transaction)["instance_actions"].values["action"] == "confirmResize"
        assert ("start", CONFIRM, "compute_confirm_snapshot_based_resize_at_source") in events(transaction)
    assert target.marker.expect == {"status": ("finished",)}


def test_a_source_that_is_gone_already_needs_no_announcement(view: CellView) -> None:
    for gone in (EMPTY, with_migration(view, status="confirmed")):
        (target,) = transitions.confirming(COLD, gone, with_migration(view, status="finished"))
        assert target.database == "target"


@pytest.mark.parametrize("status", ["confirming", "confirmed"])
def test_what_nova_has_announced_is_not_announced_again(view: CellView, status: str) -> None:
    announced = with_migration(view, status=status)
    (source,) = transitions.confirming(COLD, with_migration(view, status="post-migrating"), announced)
    assert source.database == "source"
    assert transitions.confirming(COLD, EMPTY, announced) == []


@pytest.mark.parametrize(("power_state", "vm_state"), [(1, "active"), (4, "stopped"), (0, "active")])
def test_a_confirmed_server_is_an_ordinary_one(view: CellView, power_state: int, vm_state: str) -> None:
    (target,) = transitions.confirmed(COLD, with_instance(with_migration(view), power_state=power_state))
    assert values(target, "migrations")["status"] == "confirmed"
    assert guards(target)["status"] == ("confirming", "confirmed")  # Nova ends the migration before the instance
    assert holds(target) == [(RUN, ())]
    assert update(target, "instances").values == {"vm_state": vm_state, "task_state": None, "updated_at": NOW}
    assert update(target, "instances").expect == {"task_state": (None, "deleting", "soft-deleting")}
    assert flavors(target) == {"cur": "m1.nano", "old": None, "new": None}
    assert update(target, "instance_extra").values["migration_context"] is None
    assert metadata(target) == {"old_vm_state": None, RUN_KEY: None}


# taken back


def test_a_confirmation_that_is_taken_back_was_never_announced(view: CellView) -> None:
    confirming = with_migration(view, status="confirming")
    source, target = transitions.unconfirmed(replace(COLD, error="no answer"), confirming, confirming)
    assert [source.database, target.database] == ["source", "target"]
    assert source.marker.values == {"status": "post-migrating", "updated_at": EARLIER}
    assert target.marker.values == {"status": "finished", "updated_at": NOW}
    assert target.marker.expect == {"status": ("confirming",)}
    assert values(target, "instances") == {"updated_at": NOW}
    assert (guards(target)["task_state"], guards(target)["vm_state"]) == ((None,), ("resized",))
    assert holds(target) == [(RUN, ())]
    assert metadata(target) == {RUN_KEY: None}
    for transaction in (source, target):
        (ended,) = [change for change in transaction.changes if isinstance(change, FinishEvent)]
        assert (ended.request_id, ended.event, ended.error) == (CONFIRM, "", "no answer")


def test_novas_confirmation_is_taken_back_under_its_action(view: CellView) -> None:
    nova = replace(with_migration(view), actions=[{"action": "confirmResize", "request_id": "req-nova"}])
    for transaction in transitions.unconfirmed(COLD, with_migration(view), nova):
        assert events(transaction) == [("finish", "req-nova", "")]


def test_a_confirmation_that_has_deleted_the_source_is_not_taken_back(view: CellView) -> None:
    with pytest.raises(ConflictError, match="is not there any more"):
        transitions.unconfirmed(COLD, EMPTY, with_migration(view, status="confirming"))


def test_a_confirmation_that_was_taken_back_is_announced_again(view: CellView) -> None:
    known = replace(view, actions=[{"action": "confirmResize", "request_id": CONFIRM}])
    announced = transitions.confirming(COLD, with_migration(known), with_migration(known, status="finished"))
    for transaction in announced:
        assert not inserts(transaction)
        assert values(transaction, "instance_actions") == {"message": None, "updated_at": NOW}


# aborted


@pytest.mark.parametrize(("before", "power_state"), [("active", 1), ("stopped", 4)])
def test_the_server_is_given_back_as_it_was(view: CellView, before: str, power_state: int) -> None:
    found = replace(with_instance(with_migration(view, status="migrating"), vm_state=before), metadata={})
    (source,) = transitions.aborted(replace(COLD, volumes=VOLUMES, error="no room"), found)
    assert source.marker.values["status"] == "error"
    assert source.marker.expect == {"status": ("pre-migrating", "migrating", "post-migrating")}
    given = update(source, "instances")
    assert given.values == {
        "task_state": None,
        "vm_state": before,
        "power_state": power_state,
        "hidden": 0,
        "updated_at": NOW,
    }
    assert given.expect == {"task_state": ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish", None)}
    assert flavors(source) == {"cur": "m1.nano", "old": None, "new": None}
    assert metadata(source) == {"old_vm_state": None, RUN_KEY: None}
    assert holds(source) == [(RUN, ())]
    assert update(source, "block_device_mapping").values["connection_info"] == '{"x": 1}'


def test_a_server_in_error_is_given_back_as_it_was_before(view: CellView) -> None:
    found = replace(with_instance(with_migration(view), vm_state="error"), metadata={"old_vm_state": "stopped"})
    (source,) = transitions.aborted(COLD, found)
    assert values(source, "instances")["vm_state"] == "stopped"


def test_of_a_server_that_its_owner_has_deleted_only_the_migration_ends() -> None:
    (source,) = transitions.aborted(COLD, EMPTY)
    assert source.marker.values == {"status": "error", "updated_at": NOW}
    assert source.changes == ()


def test_the_owner_is_told_why(view: CellView) -> None:
    (source,) = transitions.aborted(replace(COLD, error="x" * 300), with_migration(view))
    fault = inserts(source)["instance_faults"].values
    assert (fault["message"], fault["details"], fault["code"]) == ("x" * 255, "x" * 300, 500)
    (ended,) = [change for change in source.changes if isinstance(change, FinishEvent)]
    assert (ended.event, ended.error) == ("", "x" * 300)


def test_every_update_says_when(view: CellView, resize: Move) -> None:
    there = with_migration(view, id=91, dest_compute="dst")
    transactions = [
        *transitions.started(resize, view),
        *transitions.prepared(resize, with_migration(view), there),
        *transitions.resumed(resize, "stopping", with_migration(view), there),
        *transitions.stopping(resize, with_migration(view)),
        *transitions.departed(resize, with_migration(view), there),
        *finish(resize, view, '{"nova_object.data": {}}'),
        *transitions.confirming(resize, with_migration(view), with_migration(there, status="finished")),
        *transitions.confirmed(resize, there),
        *transitions.unconfirmed(resize, with_migration(view), there),
        *transitions.aborted(resize, with_migration(view)),
    ]
    made = [change for one in transactions for change in (one.marker, *one.changes) if isinstance(change, Update)]
    assert all("updated_at" in change.values for change in made)
