# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back from VERIFY_RESIZE: what has changed meanwhile comes along, whoever has begun."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import objects, revert
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    CopyAction,
    FinishEvent,
    Insert,
    Transaction,
    Update,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Row
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

REVERT = request_id_of("reverting", MIGRATION)
AT_DEST = "compute_revert_snapshot_based_resize_at_dest"
AT_SOURCE = "compute_finish_revert_snapshot_based_resize_at_source"
OTHER = "11111111-09f6-4aa5-9baf-6de462c7d020"


@pytest.fixture
def source(view: CellView) -> CellView:
    """The cell that the server has left."""
    left = with_instance(view, hidden=1, task_state="resize_migrated", availability_zone="zone1")
    return with_migration(left, status="post-migrating", dest_compute="dst")


@pytest.fixture
def target(view: CellView) -> CellView:
    """The cell in which it waits."""
    waits = with_instance(view, host="dst", task_state=None, vm_state="resized", availability_zone="zone2")
    return replace(with_migration(waits, status="finished", dest_compute="dst"), metadata={"old_vm_state": "active"})


def with_volumes(cell: CellView, *changed: Row) -> CellView:
    (row,) = cell.volumes
    return replace(cell, volumes=[{**row, **new} for new in changed])


# reverting


def test_the_server_is_taken_at_its_destination(source: CellView, target: CellView) -> None:
    there, here = revert.reverting(COLD, source, target, None)
    assert [there.database, here.database] == ["target", "source"]
    assert values(there, "instances") == {
        "task_state": "resize_reverting",
        "power_state": 4,  # a nova-compute that starts up must not start it
        "availability_zone": "zone1",
        "updated_at": NOW,
    }
    assert guards(there) == {
        "task_state": (None,),
        "vm_state": ("resized",),
        "status": ("finished", "reverting"),
    }
    assert values(there, "migrations")["status"] == "reverting"
    assert inserts(there)["instance_actions"].values["action"] == "revertResize"
    assert events(there) == [
        ("start", REVERT, "conductor_revert_snapshot_based_resize"),
        ("start", REVERT, AT_DEST),
    ]
    assert here.marker.values["status"] == "reverting"
    assert values(here, "instances")["task_state"] == "resize_reverting"
    assert holds(here) == [(RUN, ("",))]


def test_the_old_host_may_be_in_another_zone_now(source: CellView, target: CellView) -> None:
    there, _here = revert.reverting(replace(COLD, availability_zone="zone3"), source, target, None)
    assert values(there, "instances")["availability_zone"] == "zone3"


def test_a_revert_that_nova_has_begun_keeps_its_action(source: CellView, target: CellView) -> None:
    begun = with_migration(with_instance(target, task_state="resize_reverting"), status="reverting")
    there, _here = revert.reverting(COLD, source, begun, None)
    assert guards(there)["task_state"] == ("resize_reverting",)
    assert not inserts(there)
    assert not events(there)


def test_the_request_spec_is_what_it_was(source: CellView, target: CellView) -> None:
    old = objects.stored_flavors(str((source.extra or {})["flavor"]))["cur"]
    new = {**old, "nova_object.data": {**objects.flavor_data(old), "id": 9}}
    spec = {"nova_object.data": {"flavor": new, "numa_topology": {"new": 1}, "pci_requests": None, "is_bfv": False}}
    left = replace(source, extra={**(source.extra or {}), "migration_context": objects.migration_context(SERVER, 51)})
    _there, api, _here = revert.reverting(COLD, left, target, json.dumps(spec))
    data = {"flavor": old, "numa_topology": None, "pci_requests": None, "is_bfv": False}
    assert json.loads(str(api.marker.values["spec"])) == {"nova_object.data": data}


def test_a_request_spec_that_has_the_old_flavor_is_left_alone(source: CellView, target: CellView) -> None:
    old = objects.stored_flavors(str((source.extra or {})["flavor"]))["cur"]
    spec = json.dumps({"nova_object.data": {"flavor": old, "numa_topology": {"as": "Nova has it"}}})
    assert [one.database for one in revert.reverting(COLD, source, target, spec)] == ["target", "source"]


# taken back


@pytest.fixture
def taken_source(source: CellView) -> CellView:
    """The cell that the server has left, while it is reverted."""
    return with_migration(with_instance(source, task_state="resize_reverting"), status="reverting")


@pytest.fixture
def taken_target(target: CellView) -> CellView:
    """The cell in which it is reverted."""
    taken = with_instance(target, task_state="resize_reverting", power_state=4, availability_zone="zone1")
    return replace(with_migration(taken, status="reverting", dest_compute="dst"), metadata=target.metadata)


@pytest.mark.parametrize(("running", "power_state"), [(True, 1), (False, 4)])
def test_a_revert_that_is_taken_back_leaves_what_was_before(
    taken_source: CellView, taken_target: CellView, running: bool, power_state: int
) -> None:
    move = replace(COLD, running=running, availability_zone="zone2", error="no answer")
    there, here = revert.unreverted(move, taken_source, taken_target, None)
    assert [there.database, here.database] == ["target", "source"]
    assert values(there, "instances") == {
        "task_state": None,
        "power_state": power_state,
        "availability_zone": "zone2",
        "updated_at": NOW,
    }
    assert guards(there) == {
        "task_state": ("resize_reverting",),
        "vm_state": ("resized",),
        "status": ("reverting", "finished"),
    }
    assert values(there, "migrations")["status"] == "finished"
    assert values(here, "migrations") == {"status": "post-migrating", "updated_at": EARLIER}
    # A return that was cut short may have shown it.
    assert values(here, "instances") == {"task_state": "resize_migrated", "hidden": 1, "updated_at": NOW}
    assert here.repeatable
    assert holds(here) == [(RUN, ())]
    assert metadata(here) == {RUN_KEY: None}
    for one in (there, here):
        (ended,) = [change for change in one.changes if isinstance(change, FinishEvent)]
        assert (ended.request_id, ended.event, ended.error) == (REVERT, "", "no answer")


def test_a_revert_that_is_not_announced_in_the_source_is_taken_back(source: CellView, taken_target: CellView) -> None:
    """Nova's own, or one that was cut short: it must not seem to be over before the source says so too."""
    first, there, here = revert.unreverted(COLD, source, taken_target, None)
    assert (first.database, there.database, here.database) == ("source", "target", "source")
    assert first.marker.values["status"] == "reverting"
    assert holds(first) == [(RUN, ())]


def test_a_zone_that_nobody_names_is_left_alone(taken_source: CellView, taken_target: CellView) -> None:
    there, _here = revert.unreverted(COLD, taken_source, taken_target, None)
    assert "availability_zone" not in values(there, "instances")


def test_volumes_and_ports_are_the_destinations_again(taken_source: CellView, taken_target: CellView) -> None:
    (vif,) = json.loads(taken_target.network_info)
    binding = {"port_id": vif["id"], "vif_type": "ovs", "vif_details": {}, "vnic_type": "normal", "profile": {}}
    volumes = {
        VOLUME: {"source_attachment_id": "a-src", "destination_attachment_id": "a-new", "connection_info": {"x": 1}}
    }
    move = replace(COLD, volumes=volumes, bindings=[binding])
    there, here = revert.unreverted(move, taken_source, taken_target, None)
    connected = {"attachment_id": "a-new", "connection_info": '{"x": 1}', "updated_at": NOW}
    assert values(there, "block_device_mapping") == connected
    assert values(here, "block_device_mapping") == {"attachment_id": "a-src", "updated_at": NOW}
    assert json.loads(str(values(there, "instance_info_caches")["network_info"]))[0]["type"] == "ovs"


def test_the_request_spec_is_the_resized_ones_again(taken_source: CellView, taken_target: CellView) -> None:
    new = objects.stored_flavors(str((taken_target.extra or {})["flavor"]))["cur"]
    old = {**new, "nova_object.data": {**objects.flavor_data(new), "id": 9}}
    spec = json.dumps({"nova_object.data": {"flavor": old, "is_bfv": False}})
    _there, api, here = revert.unreverted(COLD, taken_source, taken_target, spec)
    assert (api.database, here.database) == ("api", "source")
    assert json.loads(str(api.marker.values["spec"])) == {"nova_object.data": {"flavor": new, "is_bfv": False}}


def test_a_revert_that_was_taken_back_is_begun_again(source: CellView, target: CellView) -> None:
    known = replace(target, actions=[{"action": "revertResize", "request_id": REVERT}])
    there, _here = revert.reverting(COLD, source, known, None)
    assert not inserts(there)
    assert values(there, "instance_actions") == {"message": None, "updated_at": NOW}
    assert len(events(there)) == 2


# returned


def returned(move: Move, source: CellView, target: CellView) -> tuple[Transaction, Transaction, Transaction]:
    cut = {row["id"]: [{"event": "cut", "action_id": row["id"]}] for row in target.actions}
    here, api, there = revert.returned(move, source, target, (2, 3), cut)
    return here, api, there


def test_the_flip_back_is_made_in_novas_order(source: CellView, target: CellView) -> None:
    here, api, there = returned(COLD, source, target)
    assert [here.database, api.database, there.database] == ["source", "api", "target"]
    assert here.repeatable
    assert here.marker.values["hidden"] == 0
    assert here.marker.expect == {"task_state": ("resize_reverting",)}
    assert holds(here) == [(RUN, ())]
    assert (api.marker.values["cell_id"], api.marker.expect["cell_id"]) == (2, (3,))
    assert there.marker.values == {"hidden": 1, "updated_at": NOW}
    assert events(here) == [("finish", REVERT, AT_DEST), ("start", REVERT, AT_SOURCE)]


def test_a_name_and_a_lock_come_along(source: CellView, target: CellView) -> None:
    found = with_instance(target, display_name="new", locked=1, locked_by="owner", memory_mb=4096)
    here, _api, _there = returned(COLD, source, found)
    written = values(here, "instances")
    assert (written["display_name"], written["locked"], written["locked_by"]) == ("new", 1, "owner")
    assert "memory_mb" not in written


def test_the_ports_are_bound_to_the_old_host(source: CellView, target: CellView) -> None:
    (vif,) = json.loads(target.network_info)
    binding = {"port_id": vif["id"], "vif_type": "ovs", "vif_details": {}, "vnic_type": "normal", "profile": {}}
    here, _api, _there = returned(replace(COLD, bindings=[binding]), source, target)
    assert json.loads(str(update(here, "instance_info_caches").values["network_info"]))[0]["type"] == "ovs"


def test_a_volume_keeps_its_row_and_gets_its_new_connection(source: CellView, target: CellView) -> None:
    volumes = {VOLUME: {"source_attachment_id": "a-src", "connection_info": {"x": 1}}}
    there = with_volumes(target, {"attachment_id": "a-dst", "connection_info": "of dst", "id": 99})
    here, _api, _there = returned(replace(COLD, volumes=volumes), source, there)
    assert values(here, "block_device_mapping") == {
        "attachment_id": "a-src",
        "connection_info": '{"x": 1}',
        "updated_at": NOW,
    }


def test_a_volume_in_the_place_of_another_comes_along(source: CellView, target: CellView) -> None:
    volumes = {OTHER: {"source_attachment_id": "a-src", "connection_info": {"x": 1}}}
    there = with_volumes(target, {"volume_id": OTHER, "delete_on_termination": 1})
    here, _api, _there = returned(replace(COLD, volumes=volumes), source, there)
    written = values(here, "block_device_mapping")
    assert (written["volume_id"], written["delete_on_termination"]) == (OTHER, 1)
    assert written["attachment_id"] == "a-src"


def test_a_volume_that_was_attached_meanwhile_comes_along(source: CellView, target: CellView) -> None:
    volumes = {OTHER: {"source_attachment_id": "a-src", "connection_info": {"x": 1}}}
    new: Row = {"uuid": "new", "volume_id": OTHER, "attachment_id": "a-dst", "connection_info": "of dst", "id": 99}
    here, _api, _there = returned(replace(COLD, volumes=volumes), source, with_volumes(target, {}, new))
    (made,) = [change for change in here.changes if isinstance(change, Insert)]
    assert "id" not in made.values
    assert {name: made.values[name] for name in ("uuid", "volume_id", "attachment_id", "connection_info")} == {
        "uuid": "new",
        "volume_id": OTHER,
        "attachment_id": "a-src",
        "connection_info": '{"x": 1}',
    }


def test_a_volume_that_was_attached_meanwhile_needs_an_attachment(source: CellView, target: CellView) -> None:
    with pytest.raises(ConflictError, match=f"volume {OTHER} was attached meanwhile"):
        returned(COLD, source, with_volumes(target, {}, {"uuid": "new", "volume_id": OTHER}))


def test_a_volume_that_was_detached_meanwhile_is_gone(source: CellView, target: CellView) -> None:
    here, _api, _there = returned(COLD, source, replace(target, volumes=[]))
    gone = update(here, "block_device_mapping")
    assert gone.where == {"uuid": source.volumes[0]["uuid"]}
    assert gone.values == {"deleted": source.volumes[0]["id"], "deleted_at": NOW}


def test_newer_actions_come_along_with_their_events(source: CellView, target: CellView) -> None:
    old: Row = {"id": 1, "action": "create", "request_id": "req-1"}
    new: list[Row] = [
        {"id": 7, "action": "attach_volume", "request_id": "req-2"},
        {"id": 8, "action": "revertResize", "request_id": "req-nova"},
    ]
    here, _api, _there = returned(
        COLD, replace(source, actions=[old]), replace(target, actions=[{**old, "id": 6}, *new])
    )
    copied = [change for change in here.changes if isinstance(change, CopyAction)]
    assert [change.action["action"] for change in copied] == ["attach_volume", "revertResize"]
    assert copied[0].events == ({"event": "cut", "action_id": 7},)
    # The revert that Nova has begun goes on under its own action, once that is there.
    assert [request_id for _what, request_id, _event in events(here)] == ["req-nova", "req-nova"]
    assert here.changes.index(copied[1]) < min(
        number
        for number, change in enumerate(here.changes)
        if not isinstance(change, (CopyAction, Update)) and number > 1
    )


# reverted


@pytest.mark.parametrize(("before", "power_state"), [("active", 1), ("stopped", 4)])
def test_the_server_is_an_ordinary_one_again(source: CellView, before: str, power_state: int) -> None:
    found = replace(with_instance(source, task_state="resize_reverting"), metadata={"old_vm_state": before})
    volumes = {VOLUME: {"source_attachment_id": "a-src", "connection_info": {"x": 1}}}
    (here,) = revert.reverted(replace(COLD, volumes=volumes), found)
    assert here.marker.values["status"] == "reverted"
    assert here.marker.expect == {"status": ("reverting",)}
    assert values(here, "instances") == {
        "task_state": None,
        "vm_state": before,
        "power_state": power_state,
        "launched_at": NOW,
        "updated_at": NOW,
    }
    assert flavors(here) == {"cur": "m1.nano", "old": None, "new": None}
    assert metadata(here) == {"old_vm_state": None, RUN_KEY: None}
    assert holds(here) == [(RUN, ())]
    assert values(here, "block_device_mapping")["connection_info"] == '{"x": 1}'


def test_a_server_that_is_gone_does_not_come_back(source: CellView, target: CellView) -> None:
    for gone in ((EMPTY, target), (source, EMPTY)):
        with pytest.raises(ConflictError, match="is not there any more"):
            revert.reverting(COLD, *gone, None)
        with pytest.raises(ConflictError, match="is not there any more"):
            returned(COLD, *gone)
        with pytest.raises(ConflictError, match="is not there any more"):
            revert.unreverted(COLD, *gone, None)
    with pytest.raises(ConflictError, match="is not there any more"):
        revert.reverted(COLD, EMPTY)


def test_every_update_says_when_but_a_soft_deletion(source: CellView, target: CellView) -> None:
    transactions = [
        *revert.reverting(COLD, source, target, None),
        *returned(COLD, source, replace(target, volumes=[])),
        *revert.reverted(COLD, source),
        *revert.unreverted(COLD, source, target, None),
    ]
    silent = [
        change.table
        for one in transactions
        for table in ("instances", "block_device_mapping")
        for change in updates(one, table)
        if "updated_at" not in change.values
    ]
    assert silent == ["block_device_mapping"]
