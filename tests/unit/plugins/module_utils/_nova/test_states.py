# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each step is a pure function: which transactions, on which databases, guarded by what, with which values."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects, states
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    FinishEvent,
    Insert,
    SetMetadata,
    StartEvent,
    Transaction,
    Update,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import CellView, Destination, Move

SERVER = "518e2a6d-2e56-4163-9fa3-7938e39f87fb"
MIGRATION = "0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33"
VOLUME = "790dc7d2-09f6-4aa5-9baf-6de462c7d020"
NOW = "2026-11-21 12:00:00"
EMPTY = CellView(None, None, None, {}, [], "[]")
COLD = Move(SERVER, MIGRATION, NOW, "controller", Destination("dst", "dst-node", 7, "192.0.2.7", "zone2"))


def moved(**values: Any) -> Row:
    """A migration of ours."""
    row: Row = {
        "id": 51,
        "uuid": MIGRATION,
        "status": "pre-migrating",
        "source_compute": "src",
        "dest_compute": None,
        "dest_node": None,
        "dest_compute_id": None,
    }
    return {**row, **values}


def with_migration(cell: CellView, **values: Any) -> CellView:
    return replace(cell, migration=moved(**values))


def with_instance(cell: CellView, **values: Any) -> CellView:
    return replace(cell, instance={**(cell.instance or {}), **values})


@pytest.fixture
def resize(view: CellView) -> Move:
    """The same move, to a larger flavor."""
    flavor = objects.stored_flavors(str((view.extra or {})["flavor"]))["cur"]
    data = {**objects.flavor_data(flavor), "name": "m1.large", "memory_mb": 1024, "vcpus": 2, "root_gb": 9, "id": 9}
    return replace(COLD, flavor={**flavor, "nova_object.data": data}, flavor_id=9)


def updates(transaction: Transaction, table: str) -> list[Update]:
    changes = (transaction.marker, *transaction.changes)
    return [change for change in changes if isinstance(change, Update) and change.table == table]


def update(transaction: Transaction, table: str) -> Update:
    (found,) = updates(transaction, table)
    return found


def inserts(transaction: Transaction) -> dict[str, Insert]:
    return {change.table: change for change in transaction.changes if isinstance(change, Insert)}


def events(transaction: Transaction) -> list[tuple[str, str, str]]:
    return [
        ("start" if isinstance(change, StartEvent) else "finish", change.request_id, change.event)
        for change in transaction.changes
        if isinstance(change, (StartEvent, FinishEvent))
    ]


def metadata(transaction: Transaction) -> dict[str, str | None]:
    return {change.key: change.value for change in transaction.changes if isinstance(change, SetMetadata)}


def flavors(transaction: Transaction) -> dict[str, str | None]:
    """The names of the flavors that a transaction leaves with the server."""
    stored = json.loads(str(update(transaction, "instance_extra").values["flavor"]))
    return {key: objects.flavor_data(value)["name"] if value else None for key, value in stored.items()}


# The phase


@pytest.mark.parametrize(
    ("source", "target", "mapped_to_target", "phase"),
    [
        (None, None, False, "none"),
        ("pre-migrating", None, False, "started"),
        ("pre-migrating dst", None, False, "started"),
        ("pre-migrating", "pre-migrating", False, "copied"),
        ("pre-migrating", "pre-migrating dst", False, "copied"),
        ("pre-migrating dst", "pre-migrating dst", False, "prepared"),
        ("migrating dst", "pre-migrating dst", False, "stopping"),
        ("post-migrating dst", "pre-migrating dst", False, "departed"),
        # killed between the databases of the flip
        ("post-migrating dst", "finished dst", False, "departed"),
        ("post-migrating dst", "finished dst", True, "departed"),
        ("post-migrating dst hidden", "finished dst", True, "finished"),
        # and between those of the confirmation
        ("confirming dst hidden", "finished dst", True, "finished"),
        ("confirming dst hidden", "confirming dst", True, "confirming"),
        ("", "confirming dst", True, "confirming"),
        ("", "confirmed dst", True, "confirmed"),
        ("error dst", None, False, "none"),
        ("reverted dst", None, False, "none"),
        ("cancelled", "pre-migrating", False, "none"),
    ],
)
def test_the_phase_is_what_the_rows_say(
    view: CellView, source: str | None, target: str | None, mapped_to_target: bool, phase: str
) -> None:
    def cell(text: str | None) -> CellView:
        if not text:
            return EMPTY
        status, *words = text.split()
        found = with_migration(view, status=status, dest_compute="dst" if "dst" in words else None)
        return with_instance(found, hidden=int("hidden" in words))

    assert states.phase(cell(source), cell(target), mapped_to_target) == phase


def test_the_state_before_the_move(view: CellView) -> None:
    assert view.old_vm_state == "active"
    assert with_instance(view, vm_state="stopped").old_vm_state == "stopped"
    assert (
        replace(with_instance(view, vm_state="resized"), metadata={"old_vm_state": "stopped"}).old_vm_state == "stopped"
    )
    assert EMPTY.old_vm_state == ""


def test_one_move_has_one_confirmation() -> None:
    assert COLD.request_id == f"req-{MIGRATION}"
    assert COLD.confirm_request_id == replace(COLD, now="later").confirm_request_id != COLD.request_id
    assert len(COLD.confirm_request_id) == len("req-") + 36


# started


def test_starting_takes_the_server_from_whoever_else_might_want_it(view: CellView) -> None:
    (taken,) = states.started(COLD, view)
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
    assert events(taken) == [
        ("start", f"req-{MIGRATION}", "conductor_migrate_server"),
        ("start", f"req-{MIGRATION}", "cold_migrate"),
    ]


def test_the_migration_of_a_cold_migration(view: CellView) -> None:
    (taken,) = states.started(COLD, view)
    values = inserts(taken)["migrations"].values
    assert {key: values[key] for key in ("uuid", "instance_uuid", "status", "migration_type", "cross_cell_move")} == {
        "uuid": MIGRATION,
        "instance_uuid": SERVER,
        "status": "pre-migrating",
        "migration_type": "migration",
        "cross_cell_move": 1,
    }
    assert (values["source_compute"], values["source_node"]) == ("compute12", "compute12")
    assert values["old_instance_type_id"] == values["new_instance_type_id"] == 1


def test_the_migration_of_a_resize(view: CellView, resize: Move) -> None:
    (taken,) = states.started(resize, view)
    values = inserts(taken)["migrations"].values
    assert (values["migration_type"], values["old_instance_type_id"], values["new_instance_type_id"]) == (
        "resize",
        1,
        9,
    )
    assert inserts(taken)["instance_actions"].values["action"] == "resize"


def test_a_server_that_is_gone_cannot_be_taken() -> None:
    with pytest.raises(ConflictError, match="is not there any more"):
        states.started(COLD, EMPTY)


# prepared


def test_preparing_names_the_destination_in_both_cells(view: CellView) -> None:
    target, source = states.prepared(COLD, with_migration(view), with_migration(view, id=91))
    assert (target.database, source.database) == ("target", "source")
    names = {"dest_compute": "dst", "dest_node": "dst-node", "dest_host": "192.0.2.7", "updated_at": NOW}
    assert target.marker.values == {**names, "dest_compute_id": 7}
    assert source.marker.values == names  # an id of the target cell means nothing there
    for transaction in (target, source):
        assert transaction.marker.expect == {"status": ("pre-migrating",)}
    assert update(target, "instances").values == {"availability_zone": "zone2", "updated_at": NOW}
    assert metadata(target) == {"old_vm_state": "active"}


def test_each_cells_context_names_its_own_migration(view: CellView) -> None:
    target, source = states.prepared(COLD, with_migration(view), with_migration(view, id=91))
    ids = [
        json.loads(str(update(transaction, "instance_extra").values["migration_context"]))["nova_object.data"][
            "migration_id"
        ]
        for transaction in (target, source)
    ]
    assert ids == [91, 51]


def test_preparing_stores_the_reserved_attachment_and_no_connection(view: CellView) -> None:
    volumes = {
        VOLUME: {"destination_attachment_id": "a-dst", "source_attachment_id": "a-src", "connection_info": {"x": 1}}
    }
    target, source = states.prepared(replace(COLD, volumes=volumes), with_migration(view), with_migration(view))
    assert update(target, "block_device_mapping").values == {"attachment_id": "a-dst", "updated_at": NOW}
    assert not updates(source, "block_device_mapping")


def test_a_resize_keeps_its_new_flavor_beside_the_current_one(view: CellView, resize: Move) -> None:
    target, _source = states.prepared(resize, with_migration(view), with_migration(view))
    assert flavors(target) == {"cur": "m1.nano", "old": None, "new": "m1.large"}


@pytest.mark.parametrize("missing", ["destination", "source", "target"])
def test_there_is_nothing_to_prepare(view: CellView, missing: str) -> None:
    move = replace(COLD, destination=None) if missing == "destination" else COLD
    cells = [view if missing == name else with_migration(view) for name in ("source", "target")]
    with pytest.raises(ConflictError, match="is not in both cells, or no destination was given"):
        states.prepared(move, *cells)


# stopping, departed


def test_announcing_that_the_guest_will_stop(view: CellView, resize: Move) -> None:
    (source,) = states.stopping(resize, with_instance(with_migration(view), vm_state="stopped"))
    assert (source.database, source.marker.values["status"]) == ("source", "migrating")
    assert source.marker.expect == {"status": ("pre-migrating",)}
    assert update(source, "instances").expect == {"task_state": ("resize_prep",)}
    assert update(source, "instances").values == {"task_state": "resize_migrating", "updated_at": NOW}
    assert metadata(source) == {"old_vm_state": "stopped"}
    assert flavors(source) == {"cur": "m1.nano", "old": "m1.nano", "new": "m1.large"}


def test_a_guest_that_has_departed(view: CellView) -> None:
    target, source = states.departed(COLD, with_migration(view, dest_compute="dst", status="migrating"))
    assert [target.database, source.database] == ["target", "source"]
    assert target.marker.values["task_state"] == "resize_migrated"
    assert target.marker.expect == {"task_state": ("resize_prep",)}
    assert source.marker.values["status"] == "post-migrating"
    assert source.marker.expect == {"status": ("migrating",)}
    assert update(source, "instances").values == {"task_state": "resize_migrated", "power_state": 4, "updated_at": NOW}
    event = ("start", f"req-{MIGRATION}", "compute_finish_snapshot_based_resize_at_dest")
    assert events(target) == [event]
    assert event in events(source)


# finished


def finish(move: Move, view: CellView, spec: str | None = None) -> list[Transaction]:
    there = with_migration(view, dest_compute="dst", dest_node="dst-node", dest_compute_id=7)
    return states.finished(move, with_migration(view), there, (2, 3), spec)


def test_the_flip_is_made_in_novas_order(view: CellView) -> None:
    target, api, source = finish(COLD, view)
    assert [target.database, api.database, source.database] == ["target", "api", "source"]
    assert target.marker.values["status"] == "finished"
    assert api.marker.values == {"cell_id": 3, "updated_at": NOW}
    assert api.marker.expect == {"cell_id": (2,)}
    assert source.marker.values == {"hidden": 1, "updated_at": NOW}
    assert update(target, "instances").expect == {"task_state": ("resize_migrated",)}


@pytest.mark.parametrize(("running", "power_state"), [(True, 1), (False, 4)])
def test_the_server_is_at_its_destination(view: CellView, running: bool, power_state: int) -> None:
    target, _api, _source = finish(replace(COLD, running=running), view)
    assert update(target, "instances").values == {
        "task_state": None,
        "vm_state": "resized",
        "power_state": power_state,
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
    values = update(target, "instances").values
    assert {key: values[key] for key in ("instance_type_id", "memory_mb", "vcpus", "root_gb", "ephemeral_gb")} == {
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
    volumes = {
        VOLUME: {"destination_attachment_id": "a-dst", "source_attachment_id": "a-src", "connection_info": {"x": 1}}
    }
    (vif,) = json.loads(view.network_info)
    binding = {"port_id": vif["id"], "vif_type": "ovs", "vif_details": {}, "vnic_type": "normal", "profile": {}}
    target, _api, source = finish(replace(COLD, volumes=volumes, bindings=[binding]), view)
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
    target, source = states.confirming(COLD, with_migration(view), with_migration(view))
    assert [target.database, source.database] == ["target", "source"]
    assert update(target, "instances").expect == {"vm_state": ("resized",), "task_state": (None,)}
    for transaction in (source, target):
        assert transaction.marker.values["status"] == "confirming"
        assert inserts(transaction)["instance_actions"].values["action"] == "confirmResize"
        assert ("start", COLD.confirm_request_id, "compute_confirm_snapshot_based_resize_at_source") in events(
            transaction
        )
    assert target.marker.expect == {"status": ("finished",)}


def test_a_source_that_is_gone_already_needs_no_announcement(view: CellView) -> None:
    (target,) = states.confirming(COLD, EMPTY, with_migration(view))
    assert target.database == "target"


@pytest.mark.parametrize(("power_state", "vm_state"), [(1, "active"), (4, "stopped"), (0, "active")])
def test_a_confirmed_server_is_an_ordinary_one(view: CellView, power_state: int, vm_state: str) -> None:
    (target,) = states.confirmed(COLD, with_instance(with_migration(view), power_state=power_state))
    assert target.marker.values["status"] == "confirmed"
    assert target.marker.expect == {"status": ("confirming",)}
    assert update(target, "instances").values == {"vm_state": vm_state, "task_state": None, "updated_at": NOW}
    assert update(target, "instances").expect == {"task_state": (None, "deleting", "soft-deleting")}
    assert flavors(target) == {"cur": "m1.nano", "old": None, "new": None}
    assert update(target, "instance_extra").values["migration_context"] is None
    assert metadata(target) == {"old_vm_state": None}


# aborted


@pytest.mark.parametrize(("before", "power_state"), [("active", 1), ("stopped", 4)])
def test_the_server_is_given_back_as_it_was(view: CellView, before: str, power_state: int) -> None:
    volumes = {VOLUME: {"source_attachment_id": "a-new", "connection_info": {"x": 1}}}
    found = replace(with_migration(view, status="migrating"), metadata={"old_vm_state": before})
    (source,) = states.aborted(replace(COLD, volumes=volumes, error="no room"), found)
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
    assert metadata(source) == {"old_vm_state": None}
    assert update(source, "block_device_mapping").values["connection_info"] == '{"x": 1}'


def test_the_owner_is_told_why(view: CellView) -> None:
    (source,) = states.aborted(replace(COLD, error="x" * 300), with_migration(view))
    fault = inserts(source)["instance_faults"].values
    assert (fault["message"], fault["details"], fault["code"]) == ("x" * 255, "x" * 300, 500)
    (ended,) = [change for change in source.changes if isinstance(change, FinishEvent)]
    assert (ended.event, ended.error) == ("", "x" * 300)


def test_every_update_says_when(view: CellView, resize: Move) -> None:
    there = with_migration(view, id=91, dest_compute="dst")
    transactions = [
        *states.started(resize, view),
        *states.prepared(resize, with_migration(view), there),
        *states.stopping(resize, with_migration(view)),
        *states.departed(resize, with_migration(view)),
        *finish(resize, view, '{"nova_object.data": {}}'),
        *states.confirming(resize, with_migration(view), there),
        *states.confirmed(resize, there),
        *states.aborted(resize, with_migration(view)),
    ]
    made = [change for one in transactions for change in (one.marker, *one.changes) if isinstance(change, Update)]
    silent = [change.table for change in made if "updated_at" not in change.values]
    assert silent == ["instance_extra"]  # of prepared in the source cell: its migration context
