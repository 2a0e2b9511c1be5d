# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.volumes import (
    NEW,
    Attachment,
    Holding,
    Sides,
    VolumePlan,
    WantedVolume,
    apply_plan,
    check_means,
    connection_info,
    plan_volume,
    tell_apart,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError, StackmoveError
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._cloud.conftest import Cloud

HOSTS = {"source": "src", "destination": "dst"}
WANTED = WantedVolume("vol", "a-src", "a-dst")


def attached(name: str, host: str | None = None) -> Attachment:
    return Attachment(name, "attached", host, exported=True)


def reserved(name: str) -> Attachment:
    return Attachment(name, "reserved")


def plan(observed: list[Attachment], held_by: str, reserve: bool = True, wanted: WantedVolume = WANTED) -> VolumePlan:
    holding = Holding(held_by, reserve, HOSTS)
    return plan_volume(wanted, tell_apart(wanted, observed, holding), holding)


def steps(found: VolumePlan) -> list[tuple[str, str, str | None]]:
    return [(change.action, change.side, change.attachment_id) for change in found.changes]


def test_prepare_reserves_for_the_destination() -> None:
    found = plan([attached("a-src", "src")], "source", wanted=WantedVolume("vol", "a-src"))
    assert steps(found) == [("create", "destination", None)]
    assert found.after == {"source": "a-src", "destination": NEW}
    assert found.statuses == {"source": "attached", "destination": "reserved"}


def test_prepare_again_finds_the_reserved_one_whose_id_nobody_has_stored() -> None:
    found = plan([attached("a-src", "src"), reserved("a-new")], "source", wanted=WantedVolume("vol", "a-src"))
    assert steps(found) == []
    assert found.after == {"source": "a-src", "destination": "a-new"}


def test_take_back_what_was_prepared() -> None:
    found = plan([attached("a-src", "src"), reserved("a-dst")], "source", reserve=False)
    assert steps(found) == [("delete", "destination", "a-dst")]
    assert found.after == {"source": "a-src", "destination": None}


def test_give_to_the_destination_reserves_first_and_connects_last() -> None:
    found = plan([attached("a-src", "src"), reserved("a-dst")], "destination")
    assert steps(found) == [
        ("create", "source", None),
        ("delete", "source", "a-src"),
        ("connect", "destination", "a-dst"),
        ("complete", "destination", "a-dst"),
    ]
    assert found.after == {"source": NEW, "destination": "a-dst"}


def test_give_back_is_the_mirror_image() -> None:
    found = plan([reserved("a-src"), attached("a-dst", "dst")], "source")
    assert steps(found) == [
        ("create", "destination", None),
        ("delete", "destination", "a-dst"),
        ("connect", "source", "a-src"),
        ("complete", "source", "a-src"),
    ]


def test_give_back_for_good() -> None:
    found = plan([reserved("a-src"), attached("a-dst", "dst")], "source", reserve=False)
    assert steps(found) == [
        ("delete", "destination", "a-dst"),
        ("connect", "source", "a-src"),
        ("complete", "source", "a-src"),
    ]
    assert found.after == {"source": "a-src", "destination": None}


def test_confirm_deletes_the_reserved_ones_of_the_source() -> None:
    found = plan([reserved("a-src"), reserved("a-stray"), attached("a-dst", "dst")], "destination", reserve=False)
    assert steps(found) == [("delete", "source", "a-src"), ("delete", "spare", "a-stray")]
    assert found.after == {"source": None, "destination": "a-dst"}


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(
            [attached("a-src", "src"), reserved("a-dst"), reserved("a-new")],
            [
                ("delete", "source", "a-src"),
                ("connect", "destination", "a-dst"),
                ("complete", "destination", "a-dst"),
            ],
            id="ended after the reservation",
        ),
        pytest.param(
            [reserved("a-dst"), reserved("a-new")],
            [("connect", "destination", "a-dst"), ("complete", "destination", "a-dst")],
            id="ended after the deletion",
        ),
        pytest.param(
            [Attachment("a-dst", "attaching", None, exported=True), reserved("a-new")],
            [("complete", "destination", "a-dst")],
            id="ended before the completion",
        ),
        pytest.param([attached("a-dst", "dst"), reserved("a-new")], [], id="ended before it was stored"),
        pytest.param(
            [Attachment("a-dst", "attaching"), reserved("a-new")],
            [("connect", "destination", "a-dst"), ("complete", "destination", "a-dst")],
            id="Cinder ended while it connected",
        ),
        pytest.param(
            [Attachment("a-dst", "error_attaching"), reserved("a-new")],
            [("connect", "destination", "a-dst"), ("complete", "destination", "a-dst")],
            id="Cinder failed to connect",
        ),
        pytest.param(
            [Attachment("a-new", "attaching", None, exported=True), reserved("a-src"), reserved("a-dst")],
            [
                ("delete", "unfinished", "a-new"),
                ("connect", "destination", "a-dst"),
                ("complete", "destination", "a-dst"),
            ],
            id="ended before the completion of one whose id nobody has stored",
        ),
        pytest.param(
            [Attachment("a-new", "attaching", None, exported=True)],
            [
                ("complete", "unfinished", "a-new"),
                ("create", "source", None),
                ("create", "destination", None),
                ("delete", "unfinished", "a-new"),
                ("connect", "destination", None),
                ("complete", "destination", None),
            ],
            id="nothing is left but an unfinished one",
        ),
    ],
)
def test_a_run_goes_on_where_another_ended(observed: list[Attachment], expected: list[Any]) -> None:
    assert steps(plan(observed, "destination")) == expected


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param([reserved("a-src")], [("delete", "source", "a-src")], id="detached"),
        pytest.param([], [], id="detached, and the source's gone"),
    ],
)
def test_confirm_lets_go_what_was_detached(observed: list[Attachment], expected: list[Any]) -> None:
    found = plan(observed, "destination", reserve=False, wanted=WantedVolume("vol", "a-src"))
    assert steps(found) == expected
    assert found.after == {"source": None, "destination": None}


@pytest.mark.parametrize("held_by", ["source", "destination"])
def test_another_servers_volume_is_refused(held_by: str) -> None:
    with pytest.raises(ConflictError, match=r"attachments of volume vol: this server has none"):
        plan([], held_by)


def test_sides_are_told_by_their_hosts() -> None:
    wanted = WantedVolume("vol", "gone", "gone-too")
    sides = tell_apart(wanted, [attached("x", "dst"), reserved("y")], Holding("destination", True, HOSTS))
    assert sides == Sides(source=reserved("y"), destination=attached("x", "dst"))


def test_a_connected_attachment_takes_the_place_of_a_reserved_one_of_its_side() -> None:
    sides = tell_apart(WANTED, [reserved("a-src"), attached("x", "src")], Holding("source", True, HOSTS))
    assert sides.source == attached("x", "src")
    assert sides.destination == reserved("a-src")


@pytest.mark.parametrize("host", ["elsewhere", None])
def test_a_stranger_is_refused(host: str | None) -> None:
    with pytest.raises(ConflictError, match=r"attachment x of volume vol"):
        tell_apart(WANTED, [attached("x", host)], Holding("destination", True, HOSTS))


STATES: dict[str, tuple[str, bool]] = {
    "reserved": ("reserved", False),
    "connecting": ("attaching", False),
    "exported": ("attaching", True),
    "error_attaching": ("error_attaching", False),
    "attached": ("attached", True),
    "attached to nothing": ("attached", False),
    "detaching": ("detaching", True),
    "error_detaching": ("error_detaching", True),
}
HOLDINGS = [
    Holding("source", True, HOSTS),
    Holding("source", False, HOSTS),
    Holding("destination", True, HOSTS),
    Holding("destination", False, HOSTS),
]
BOTH = Holding("both", True, HOSTS)


class Cinder:
    """The attachments of one volume and server, with Cinder's refusals (``cinder.volume.api``)."""

    def __init__(self, *there: Attachment) -> None:
        self.there = {entry.id: entry for entry in there}
        self.count = itertools.count(1)

    def apply(self, wanted: WantedVolume, holding: Holding, calls: int | None = None) -> VolumePlan:
        """Plan and carry out, or only the first calls as a killed run does."""
        found = plan_volume(wanted, tell_apart(wanted, list(self.there.values()), holding), holding)
        created: dict[str, str] = {}
        for change in found.changes[:calls]:
            if change.action == "create":
                assert not {entry.status for entry in self.there.values()} & {"attaching", "detaching"}, "400"
                key = created[change.side] = f"new{next(self.count)}-{change.side}"
                self.there[key] = reserved(key)
                continue
            if change.action == "attach":
                assert not {entry.status for entry in self.there.values()} & {"attaching", "detaching"}, "400"
                key = created[change.side] = f"new{next(self.count)}-{change.side}"
                self.there[key] = Attachment(key, "attaching", None, exported=True)
                continue
            key = change.attachment_id or created[change.side]
            entry = self.there.pop(key)
            if change.action == "delete":
                assert change.for_service or not entry.exported, "409 without a service token"
            elif change.action == "connect":
                assert not any(other.exported for other in self.there.values()), "409: duplicate connectors"
                self.there[key] = Attachment(key, "attaching", None, exported=True)
            else:
                host = HOSTS[holding.held_by if change.side == holding.held_by else key.rpartition("-")[2]]
                self.there[key] = Attachment(key, "attached", host, entry.exported)
            assert self.there, "a volume without any attachment is anyone's"
        after = {side: created.get(side) if key == NEW else key for side, key in found.after.items()}
        return replace(found, after=after)


def there(named: bool, **sides: str | None) -> tuple[WantedVolume, list[Attachment]]:
    """Make a volume whose mappings name these attachments, or none of them."""
    observed = []
    for side, state in sides.items():
        if state:
            status, exported = STATES[state]
            observed.append(Attachment(f"a-{side}", status, HOSTS[side] if status == "attached" else None, exported))
    return WantedVolume("vol", "a-source", "a-destination") if named else WantedVolume("vol"), observed


def rest(cinder: Cinder, wanted: WantedVolume, holding: Holding) -> None:
    """Take the volume there, and see that it is there, that nothing else is left, and that it stays so."""
    found = cinder.apply(wanted, holding)
    statuses = {side: cinder.there[key].status if key else None for side, key in found.after.items()}
    other = "destination" if holding.held_by == "source" else "source"
    expected = {other: "reserved" if holding.reserve else None, holding.held_by: "attached"}
    if holding.held_by == "both":
        expected = {"source": "attached", "destination": "attached"}
    assert statuses == found.statuses == expected
    assert all(not entry.unfinished for entry in cinder.there.values())
    assert set(cinder.there) == {key for key in found.after.values() if key}
    stored = WantedVolume("vol", found.after["source"], found.after["destination"])
    assert not cinder.apply(stored, holding).changes


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("source", "destination"), [*itertools.product((None, *STATES), repeat=2)][1:])
def test_whatever_there_is(source: str | None, destination: str | None, named: bool) -> None:
    """From any two attachments the plan leads where it should, never leaves the volume to others, and then rests.

    So it does from wherever such a run was killed, before anybody has stored an id, and whatever is wanted then.
    """
    wanted, observed = there(named, source=source, destination=destination)
    # Where no mapping names the destination's, the volume was detached: see above.
    holdings = [holding for holding in HOLDINGS if named or not holding.confirms]
    for holding in holdings:
        rest(Cinder(*observed), wanted, holding)
        for calls, afterwards in itertools.product(range(8), holdings):
            killed = Cinder(*observed)
            killed.apply(wanted, holding, calls)
            rest(killed, wanted, afterwards)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("destination", [None, *STATES])
def test_both_sides_hold_it_while_a_guest_is_migrated_live(destination: str | None, named: bool) -> None:
    """Whatever was left of the destination's; and from wherever such a run was killed, each end can be reached."""
    wanted, observed = there(named, source="attached", destination=destination)
    rest(Cinder(*observed), wanted, BOTH)
    back, forth = Holding("source", False, HOSTS), Holding("destination", False, HOSTS)
    for calls, afterwards in itertools.product(range(8), (BOTH, back)):
        killed = Cinder(*observed)
        killed.apply(wanted, BOTH, calls)
        rest(killed, wanted, afterwards)
    done = Cinder(*observed)
    found = done.apply(wanted, BOTH)
    # The mapping has the destination's then, and the source's is told by its host.
    rest(done, WantedVolume("vol", None, found.after["destination"]), forth)


def test_the_sources_connection_is_not_touched_for_it() -> None:
    found = plan([attached("a-src", "src")], "both", wanted=WantedVolume("vol", "a-src"))
    assert steps(found) == [("attach", "destination", None), ("complete", "destination", None)]
    with pytest.raises(StackmoveError, match="the connector is of host src, but the destination is dst"):
        check_means(found.changes, BOTH, {"host": "src"}, service_token=False)
    check_means(found.changes, BOTH, {"host": "dst"}, service_token=False)


@pytest.mark.parametrize("source", [[], [reserved("a-src")]])
def test_without_a_connected_source_there_is_nothing_to_migrate(source: list[Attachment]) -> None:
    with pytest.raises(ConflictError, match="its source is not connected to it"):
        plan([*source, attached("a-dst", "dst")], "both")


def test_it_is_created_connected(cloud: Cloud, conn: Any) -> None:
    made = {"id": "a-new", "status": "attaching", "connection_info": {"driver_volume_type": "rbd"}}
    cloud.answers = {
        "POST /volume/v3/attachments": [(200, {"attachment": made})],
        "POST /volume/v3/attachments/a-new/action": [(200, {})],
    }
    found = plan([attached("a-src", "src")], "both", wanted=WantedVolume("vol", "a-src"))
    ids, answer = apply_plan(conn, "server", WANTED, found, {"host": "dst"})
    assert ids == {"source": "a-src", "destination": "a-new"}
    assert answer == made


@pytest.mark.parametrize("held_by", ["source", "destination"])
@pytest.mark.parametrize("state", ["exported", "detaching", "error_detaching"])
def test_what_a_guest_may_be_using_stays(state: str, held_by: str) -> None:
    wanted, observed = there(True, **{held_by: state})
    found = plan(observed, held_by, reserve=False, wanted=wanted)
    assert steps(found) == [("complete", held_by, f"a-{held_by}")]


@pytest.mark.parametrize("held_by", ["source", "destination"])
@pytest.mark.parametrize("state", [state for state, (_status, exported) in STATES.items() if not exported])
def test_a_detached_volume_is_let_go(state: str, held_by: str) -> None:
    wanted, observed = there(True, source=state)
    found = plan(observed, held_by, wanted=replace(wanted, detached=True))
    assert steps(found) == [("delete", "source", "a-source")]
    assert found.after == {"source": None, "destination": None}
    assert steps(plan([], held_by, wanted=replace(wanted, detached=True))) == []


def test_a_detached_volume_that_is_connected_is_left_alone() -> None:
    wanted, observed = there(True, source="attached")
    with pytest.raises(ConflictError, match=r"attachment a-source is connected to host src"):
        plan(observed, "source", wanted=replace(wanted, detached=True))


def test_connecting_takes_the_holders_connector_and_letting_go_a_service_token() -> None:
    holding = Holding("destination", True, HOSTS)
    changes = plan([attached("a-src", "src"), reserved("a-dst")], "destination").changes
    with pytest.raises(StackmoveError, match=r"delete the source's attachment a-src .* Set service_cloud"):
        check_means(changes, holding, {"host": "dst"}, service_token=False)
    with pytest.raises(StackmoveError, match="no connector"):
        check_means(changes, holding, None, service_token=True)
    with pytest.raises(StackmoveError, match="the connector is of host src, but the destination is dst"):
        check_means(changes, holding, {"host": "src"}, service_token=True)
    check_means(changes, holding, {"host": "dst"}, service_token=True)


def test_what_is_there_already_takes_nothing() -> None:
    changes = plan([attached("a-dst", "dst"), reserved("a-src")], "destination", reserve=False).changes
    check_means(changes, Holding("destination", False, HOSTS), None, service_token=False)


def test_connection_info_is_shaped_as_nova_stores_it() -> None:
    answer = {
        "id": "a-dst",
        "status": "attached",
        "instance": "server",
        "volume_id": "vol",
        "attached_at": "2026-01-01T00:00:00.000000",
        "detached_at": "",
        "attach_mode": "rw",
        "connection_info": {
            "driver_volume_type": "rbd",
            "attachment_id": "a-dst",
            "name": "volumes/volume-vol",
            "auth_enabled": False,
        },
    }
    expected = {
        "driver_volume_type": "rbd",
        "data": {"name": "volumes/volume-vol", "auth_enabled": False},
        "status": "reserved",
        "instance": "server",
        "volume_id": "vol",
        "attached_at": "",
        "detached_at": "",
        "serial": "vol",
    }
    assert connection_info(answer, "vol", multiattach=False) == expected
    assert connection_info(answer, "vol", multiattach=True) == {**expected, "multiattach": True}
    assert "attachment_id" in answer["connection_info"], "what was passed in is left alone"
    assert connection_info({"id": "a", "connection_info": {}}, "vol", multiattach=False) is None


def test_the_answer_to_a_connection_is_lost(cloud: Cloud, conn: Any) -> None:
    """Cinder has connected it, and takes the second request for that of another host."""
    connected = {"id": "a-dst", "status": "attaching", "connection_info": {"driver_volume_type": "rbd"}}
    refusal = {"badRequest": {"code": 400, "message": "duplicate connectors detected on volume vol"}}
    cloud.answers = {
        "PUT /volume/v3/attachments/a-dst": [(0, None), (400, refusal)],
        "GET /volume/v3/attachments/a-dst": [(200, {"attachment": connected})],
        "POST /volume/v3/attachments/a-dst/action": [(0, None), (200, {})],
    }
    found = plan([reserved("a-src"), reserved("a-dst")], "destination")
    ids, answer = apply_plan(conn, "server", WANTED, found, {"host": "dst"})
    assert ids == {"source": "a-src", "destination": "a-dst"}
    assert answer == connected


def test_another_attachment_is_connected(cloud: Cloud, conn: Any) -> None:
    refusal = {"badRequest": {"code": 400, "message": "duplicate connectors detected on volume vol"}}
    cloud.answers = {
        "PUT /volume/v3/attachments/a-dst": [(400, refusal)],
        "GET /volume/v3/attachments/a-dst": [(200, {"attachment": {"connection_info": {}}})],
    }
    found = plan([reserved("a-src"), reserved("a-dst")], "destination")
    with pytest.raises(StackmoveError, match="duplicate connectors detected"):
        apply_plan(conn, "server", WANTED, found, {"host": "dst"})
