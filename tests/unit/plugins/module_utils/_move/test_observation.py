# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any, cast
from unittest.mock import create_autospec

import pytest
from openstack.connection import Connection

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import observe, ports
from ansible_collections.stackmove.nova.plugins.module_utils._move.observation import (
    Wish,
    _deleted_server,
    _kept_ports,
    _vifs,
    find_place,
    find_volumes,
    half_done_live,
    live_volumes,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import Database
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import RUN_KEY, CellView


def row(volume_id: str, attachment_id: str) -> dict[str, Any]:
    return {"volume_id": volume_id, "attachment_id": attachment_id, "device_name": "/dev/vdb", "boot_index": None}


@pytest.mark.parametrize(
    ("source", "target", "moved", "expected"),
    [
        pytest.param([row("v", "a")], [], False, ("a", None, False), id="not copied yet"),
        pytest.param([row("v", "a")], [row("v", "a")], False, ("a", None, False), id="the copied row"),
        pytest.param([row("v", "a")], [row("v", "b")], False, ("a", "b", False), id="prepared"),
        pytest.param([row("v", "a")], [row("v", "b")], True, ("a", "b", False), id="moved"),
        pytest.param([row("v", "a")], [], True, ("a", None, True), id="detached since"),
        pytest.param([], [row("v", "b")], True, (None, "b", False), id="attached since"),
    ],
)
def test_volumes_of_both_sides(
    source: list[dict[str, Any]],
    target: list[dict[str, Any]],
    moved: bool,
    expected: tuple[str | None, str | None, bool],
) -> None:
    found = find_volumes(source, target, moved, {"v": {"id": "v"}})
    assert [
        (entry["source_attachment_id"], entry["destination_attachment_id"], entry["detached"]) for entry in found
    ] == [expected]
    assert found[0]["volume"] == {"id": "v"}


CELL1, CELL2 = Cell(1, "u1", "cell1", ""), Cell(2, "u2", "cell2", "")
HOSTS = {"src": CELL1, "dst": CELL2}
SERVER: dict[str, Any] = {"id": "server", "allocations": {}, "ports": []}


def database(**tables: list[dict[str, Any]]) -> Database:
    def select(table: str, **where: Any) -> list[dict[str, Any]]:
        return [row for row in tables.get(table, []) if all(row[key] == value for key, value in where.items())]

    mock = create_autospec(Database, instance=True)
    mock.select.side_effect = select
    return cast(Database, mock)


def cells(home: Cell, migrations: list[dict[str, Any]], actions: tuple[str, ...] = (), run: str = "") -> Cells:
    """Cells of a server with these migrations, of which those in `actions` are ours.

    :param run: the one that holds the server
    """
    held = [{"instance_uuid": "server", "deleted": 0, "key": RUN_KEY, "value": run}] if run else []
    nodes = [{"uuid": "node", "host": "dst", "deleted": 0}]
    of_home = {
        "migrations": migrations,
        "instances": [{"uuid": "server", "deleted": 0, "host": "src"}],
        "instance_system_metadata": held,
        "instance_actions": [
            {"id": 1, "instance_uuid": "server", "request_id": f"req-{key}", "start_time": ""} for key in actions
        ],
    }
    found = {
        1: database(**(of_home if home is CELL1 else {})),
        2: database(compute_nodes=nodes, **(of_home if home is CELL2 else {})),
    }
    mock = create_autospec(Cells, instance=True)
    mock.api = database(host_mappings=[{"host": host} for host in HOSTS])
    mock.all.return_value = [CELL1, CELL2]
    mock.of_server.return_value = home
    mock.of_host.side_effect = HOSTS.__getitem__
    mock.database.side_effect = lambda cell: found[cell.id]
    return cast(Cells, mock)


def migration(uuid: str, status: str, dest_compute: str | None = "dst", hour: int = 1) -> dict[str, Any]:
    return {
        "id": 9 - hour,  # Nova's copies have ids that run backwards
        "created_at": f"2026-01-01 0{hour}:00:00",
        "instance_uuid": "server",
        "uuid": uuid,
        "status": status,
        "source_compute": "src",
        "dest_compute": dest_compute,
        "cross_cell_move": 1,
        "migration_type": "migration",
    }


FAILED = migration("m1", "error")
BOUND = {**SERVER, "ports": [{"bindings": [{"host": "src"}, {"host": "dst"}]}]}


@pytest.mark.parametrize(
    ("migrations", "server", "job", "expected", "last_failed"),
    [
        pytest.param([], SERVER, "recover", "", None, id="never moved"),
        pytest.param([FAILED], SERVER, "move", "", "m1", id="a failed one is over"),
        pytest.param([FAILED], SERVER, "recover", "m1", "m1", id="but what it has left is looked for"),
        pytest.param([FAILED, migration("m2", "migrating", hour=2)], SERVER, "recover", "m2", None, id="under way"),
        pytest.param(
            [FAILED, migration("m2", "confirmed", hour=2)], SERVER, "recover", "", None, id="one came after it"
        ),
        pytest.param([migration("m9", "error")], SERVER, "recover", "", None, id="not ours"),
        pytest.param([migration("m1", "error", None)], SERVER, "recover", "", None, id="it went nowhere"),
        pytest.param([migration("m1", "error", None)], BOUND, "recover", "m1", "m1", id="a binding is left of it"),
        pytest.param(
            [migration("m1", "error", None)],
            {**SERVER, "allocations": {"node": {}}},
            "recover",
            "m1",
            "m1",
            id="a claim is left of it",
        ),
    ],
)
def test_which_move_is_looked_at(
    migrations: list[dict[str, Any]], server: dict[str, Any], job: str, expected: str, last_failed: str | None
) -> None:
    place = find_place(cells(CELL1, migrations, ("m1", "m2")), server, Wish("web1", job=job))
    assert (place.uuid, place.last_failed) == (expected, last_failed)
    assert place.last_status == (migrations[-1]["status"] if migrations else None)
    assert place.source is CELL1


def test_a_move_that_is_made_leaves_another_cell() -> None:
    place = find_place(cells(CELL2, [migration("m1", "finished")], ("m1",)), SERVER, Wish("web1"))
    assert (place.home, place.source, place.uuid) == (CELL2, CELL1, "m1")
    assert place.under_way == place.migration


def live(uuid: str, status: str, hour: int = 1) -> dict[str, Any]:
    return {**migration(uuid, status, hour=hour), "cross_cell_move": 0, "migration_type": "live-migration"}


@pytest.mark.parametrize(
    ("migrations", "run", "expected"),
    [
        pytest.param([], "", "", id="never migrated"),
        pytest.param([live("m1", "completed")], "", "", id="over"),
        pytest.param([live("m1", "completed"), live("m2", "running", 2)], "this one", "m2", id="under way"),
        pytest.param([live("m1", "error")], "", "", id="failed"),
        pytest.param([live("m1", "error")], "this one", "m1", id="a nova-compute was restarted over it"),
        pytest.param(
            [live("m1", "error"), migration("m2", "migrating", hour=2)],
            "this one",
            "",
            id="that run moves it elsewhere",
        ),
    ],
)
def test_which_live_migration_is_looked_at(migrations: list[dict[str, Any]], run: str, expected: str) -> None:
    place = find_place(cells(CELL1, migrations, run=run), SERVER, Wish("web1", job="live_migrate"))
    assert (place.uuid, place.source, place.live, place.under_way) == (expected, CELL1, "live_migrate", None)


def test_one_that_has_arrived_in_another_cell_leaves_the_first() -> None:
    crossed = {**live("m1", "post-migrating"), "cross_cell_move": 1}
    there = cells(CELL2, [crossed], run="this one")
    place = find_place(there, SERVER, Wish("web1", job="cross_cell_live_migrate"))
    assert (place.uuid, place.home, place.source) == ("m1", CELL2, CELL1)
    # Within a cell there is none, and to another there is no cold move.
    assert find_place(there, SERVER, Wish("web1", job="live_migrate")).uuid == ""
    assert find_place(there, SERVER, Wish("web1", job="move")).uuid == ""


CROSSING = {"cross_cell_move": 1, "dest_compute": "src"}


@pytest.mark.parametrize(
    ("migrations", "run", "expected"),
    [
        pytest.param([], "", None, id="never migrated"),
        pytest.param([live("m1", "completed")], "", None, id="over"),
        pytest.param([live("m1", "preparing")], "this one", {"job": "live_migrate", "phase": "preparing"}, id="ours"),
        pytest.param(
            [live("m1", "error")], "this one", {"job": "live_migrate", "phase": "running"}, id="ours, with an error"
        ),
        pytest.param(
            [{**live("m1", "post-migrating"), **CROSSING}],
            "this one",
            {"job": "cross_cell_live_migrate", "phase": "arrived"},
            id="ours, and it is there",
        ),
        pytest.param([live("m9", "running")], "", None, id="Nova's own"),
        pytest.param(
            [live("m1", "completed"), migration("m2", "migrating", hour=2)], "this one", None, id="moved cold"
        ),
    ],
)
def test_which_job_ends_a_live_migration(
    migrations: list[dict[str, Any]], run: str, expected: dict[str, str] | None
) -> None:
    assert half_done_live(cells(CELL1, migrations, ("m1", "m2"), run), CELL1, "server") == expected


def test_volumes_of_a_live_migration_are_named_by_where_the_guest_is() -> None:
    row = {"volume_id": "v", "device_name": "/dev/vdb", "boot_index": None, "attachment_id": "a"}
    (before,) = live_volumes([row], False, {"v": {"id": "v"}})
    assert (before["source_attachment_id"], before["destination_attachment_id"]) == ("a", None)
    (after,) = live_volumes([row], True, {})
    assert (after["source_attachment_id"], after["destination_attachment_id"]) == (None, "a")
    assert (before["volume"], after["volume"], after["detached"]) == ({"id": "v"}, None, False)


ROW = {"uuid": "server", "deleted": 7, "host": "src", "display_name": "web1", "project_id": "p", "user_id": "u"}


@pytest.mark.parametrize(
    ("migrations", "found"),
    [
        pytest.param([live("m1", "running")], {"live_migrate", "cross_cell_live_migrate", "recover"}, id="half done"),
        pytest.param([live("m1", "failed")], set(), id="over"),
        pytest.param([live("m9", "running")], set(), id="Nova's own"),
        pytest.param([migration("m1", "migrating")], {"recover"}, id="moved cold"),
    ],
)
def test_which_jobs_find_a_server_that_was_deleted(
    monkeypatch: pytest.MonkeyPatch, migrations: list[dict[str, Any]], found: set[str]
) -> None:
    monkeypatch.setattr(observe, "allocations", lambda *_arguments: {})
    monkeypatch.setattr(ports, "server_ports", lambda *_arguments: [])
    there = cells(CELL1, migrations, ("m1",))
    there.database(CELL1).select("instances")[0].update(ROW)
    there.api = database(instance_mappings=[{"instance_uuid": "server"}])
    conn = create_autospec(Connection, instance=True)
    jobs = ("move", "confirm", "revert", "recover", "live_migrate", "cross_cell_live_migrate")
    servers = {job: _deleted_server(there, conn, Wish("server", job=job)) for job in jobs}
    assert {job for job, server in servers.items() if server} == found
    assert all(server["status"] == "DELETED" and server["host"] == "src" for server in servers.values() if server)
    assert _deleted_server(there, conn, Wish("another", job="recover")) is None
    # One that can be restored is not deleted, whatever Nova's API says of it.
    there.database(CELL1).select("instances")[0].update(deleted=0)
    assert not any(_deleted_server(there, conn, Wish("server", job=job)) for job in jobs)


def test_of_a_deleted_server_the_copy_of_its_rows_tells_the_ports() -> None:
    def view(*ids: str) -> CellView:
        return CellView(None, None, None, {}, (), json.dumps([{"id": name} for name in ids]))

    deleted = {"status": "DELETED"}
    assert _vifs(deleted, view(), view(), view("p")) == [{"id": "p"}]
    assert _vifs(deleted, view(), view(), view()) == []
    assert _vifs({"status": "ACTIVE"}, view(), view(), view("p")) == []


def test_the_ports_that_it_had_are_in_the_rows_that_nova_keeps() -> None:
    there = create_autospec(Cells, instance=True)
    rows = [{"instance_uuid": "server", "uuid": name} for name in ("q", "p", "q")]
    there.database.return_value = database(virtual_interfaces=rows)
    assert _kept_ports(cast(Cells, there), CELL1, "server") == ["p", "q"]
