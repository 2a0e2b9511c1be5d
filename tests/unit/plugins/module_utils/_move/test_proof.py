# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import LIVE, Observed
from ansible_collections.stackmove.nova.plugins.module_utils._move.plan import make_plan
from ansible_collections.stackmove.nova.plugins.module_utils._move.proof import Seen, prove, table

RUN = "{}"
UPLOADED = [{"disk": "disk", "sha512": "a" * 128}]


@pytest.fixture
def finished(observed: Observed) -> Seen:
    """What is read when the server is at its destination and waits to be confirmed."""
    plan = make_plan(observed, {}, RUN)
    now = copy.deepcopy(observed.move)
    server = now["server"]
    server.update(status="VERIFY_RESIZE", host="compute21", allocations={plan["destination"]["provider"]: {"VCPU": 1}})
    (port,) = server["ports"]
    port["bindings"] = [{"host": "compute21", "status": "ACTIVE"}, {"host": "compute12", "status": "INACTIVE"}]
    server["attachments"] = {
        plan["volumes"][0]["volume_id"]: [
            {"status": "reserved", "host": None},
            {"status": "attached", "host": "compute21"},
        ]
    }
    now.update(
        migration={"uuid": plan["migration"]},
        migration_allocations={"p": {"VCPU": 1}},
        home_cell="cell2",
        rows={"cell1": "hidden", "cell2": "live"},
    )
    source, destination = copy.deepcopy(observed.source_host), copy.deepcopy(observed.destination_host)
    destination["guest"], source["guest"] = source["guest"], None
    return Seen(plan, now, source, destination, UPLOADED, copy.deepcopy(UPLOADED))


@pytest.fixture
def confirmed(finished: Seen) -> Seen:
    """And afterwards."""
    move = finished.move
    move.update(migration=None, migration_allocations={}, rows={"cell2": "live"})
    move["server"]["status"] = "ACTIVE"
    move["server"]["ports"][0]["bindings"].pop()
    next(iter(move["server"]["attachments"].values())).pop(0)
    finished.source_host["directory"] = None
    return finished


def wrong(seen: Seen) -> list[str]:
    return [check.what for check in prove(seen) if not check.ok]


def test_a_move_that_came_well(finished: Seen) -> None:
    assert wrong(finished) == []
    assert len(prove(finished)) > 15


def test_a_move_that_was_confirmed(confirmed: Seen) -> None:
    assert wrong(confirmed) == []


def test_what_is_right_before_the_confirmation_is_not_right_after_it(finished: Seen) -> None:
    finished.move["migration"] = None
    assert wrong(finished) == [
        "status",
        "rows in cell1",
        "folder on compute12",
        "port c2075997 on compute12",
        "volume 790dc7d2 attachments",
        "allocations of the migration",
    ]


BROKEN: list[tuple[str, Any, list[str]]] = [
    ("server.id", "other", ["server"]),
    ("server.status", "ERROR", ["status"]),
    ("server.host", "compute12", ["host"]),
    ("home_cell", "cell1", ["cell"]),
    ("flavor", {"name": "m1.nano"}, ["flavor"]),
    ("rows", {"cell1": "live", "cell2": "live"}, ["rows in cell1"]),
    ("rows", {"cell1": "hidden"}, ["rows in cell2"]),
    ("server.ports", [], ["port c2075997 on compute21", "port c2075997 on compute12", "port c2075997"]),
    ("server.attachments", {}, ["volume 790dc7d2 attachments", "volume 790dc7d2 attached on"]),
    ("server.allocations", {}, ["allocations"]),
    ("migration_allocations", {}, ["allocations of the migration"]),
    ("transfer_images", [{"name": "web1-resize-temp"}], ["temporary images"]),
]


@pytest.mark.parametrize(("path", "value", "what"), BROKEN)
def test_each_check_finds_what_it_is_for(finished: Seen, path: str, value: Any, what: list[str]) -> None:
    *parents, last = path.split(".")
    found: Any = finished.move
    for name in parents:
        found = found[name]
    found[last] = value
    assert wrong(finished) == what


@pytest.mark.parametrize("state", ["shutoff", None])
def test_the_guest_has_to_run(finished: Seen, state: str | None) -> None:
    finished.destination_host["guest"] = {"state": state} if state else None
    assert wrong(finished) == ["guest on compute21"]


def test_and_nowhere_else(finished: Seen) -> None:
    finished.source_host["guest"] = {"state": "shutoff"}
    assert wrong(finished) == ["guest on compute12"]


def test_the_disks_of_the_source_are_kept_until_the_confirmation(finished: Seen) -> None:
    finished.source_host["directory"] = None
    assert wrong(finished) == ["folder on compute12"]


@pytest.mark.parametrize("placed", [[{"disk": "disk", "sha512": "b" * 128}], []])
def test_what_arrives_is_what_was_sent(finished: Seen, placed: list[dict[str, str]]) -> None:
    seen = Seen(finished.plan, finished.move, finished.source_host, finished.destination_host, UPLOADED, placed)
    assert wrong(seen) == ["disk sha512"]


def test_a_guest_that_was_off_stays_off(finished: Seen) -> None:
    finished.plan["running"] = False
    finished.destination_host["guest"]["state"] = "shutoff"
    finished.move["server"]["ports"][0]["status"] = "DOWN"
    assert wrong(finished) == []


def test_a_port_that_is_switched_off_is_down(finished: Seen) -> None:
    finished.move["server"]["ports"][0]["status"] = "DOWN"
    assert wrong(finished) == ["port c2075997"]
    finished.move["server"]["ports"][0]["admin_state_up"] = False
    assert wrong(finished) == []


def test_the_table_counts_and_marks(finished: Seen) -> None:
    finished.move["server"]["host"] = "compute12"
    checks = prove(finished)
    title, *lines = table("web1", checks, 21.44)
    assert title == f"web1: {len(checks) - 1} of {len(checks)} checks hold; the guest was off for 21.4 s"
    assert len(lines) == len(checks)
    (no,) = [line for line in lines if "  NO  " in line]
    assert no.startswith("host ")
    assert no.endswith("compute12 (wanted: compute21)")


def test_a_table_without_a_time(finished: Seen) -> None:
    assert table("web1", prove(finished))[0].endswith("checks hold")


@pytest.fixture
def returned(confirmed: Seen) -> Seen:
    """What is read when the move was taken back instead."""
    plan, now = confirmed.plan, confirmed.move
    plan["direction"] = "back"
    now["server"].update(host="compute12", allocations={plan["source"]["provider"]: {"VCPU": 1}})
    now["server"]["ports"][0]["bindings"] = [{"host": "compute12", "status": "ACTIVE"}]
    now["server"]["attachments"] = {plan["volumes"][0]["volume_id"]: [{"status": "attached", "host": "compute12"}]}
    now.update(home_cell="cell1", rows={"cell1": "live"}, flavor=plan["flavor_before"])
    source, destination = confirmed.source_host, confirmed.destination_host
    source.update(guest=destination["guest"], directory={"path": "/x"})
    destination.update(guest=None, directory=None)
    return dataclasses.replace(confirmed, uploaded=(), placed=())


def test_a_move_that_was_taken_back_has_left_nothing(returned: Seen) -> None:
    assert wrong(returned) == []
    assert {check.wanted for check in prove(returned) if check.what.startswith("rows in")} == {"none", "live"}


def test_what_it_has_left_is_seen(returned: Seen) -> None:
    returned.destination_host["directory"] = {"path": "/x"}
    returned.move["rows"]["cell2"] = "hidden"
    assert wrong(returned) == ["rows in cell2", "folder on compute21"]


@pytest.mark.parametrize(("running", "status", "state"), [(True, "ACTIVE", "running"), (False, "PAUSED", "paused")])
def test_a_live_migration_stays_in_its_cell(confirmed: Seen, running: bool, status: str, state: str) -> None:
    plan = {**confirmed.plan, "job": LIVE, "running": running}
    plan["source"] = {**plan["source"], "cell": "cell2"}
    confirmed.move["server"]["status"] = status
    confirmed.destination_host["guest"]["state"] = state
    seen = dataclasses.replace(confirmed, plan=plan, uploaded=(), placed=())
    assert wrong(seen) == []
    confirmed.source_host["guest"] = {"state": "running"}
    assert wrong(seen) == ["guest on compute12"]
