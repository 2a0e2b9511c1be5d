# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.volumes import (
    NEW,
    Attachment,
    Holding,
    Sides,
    VolumePlan,
    WantedVolume,
    check_means,
    connection_info,
    plan_volume,
    tell_apart,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError, StackmoveError

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
    assert steps(found) == [("delete", "source", "a-src"), ("delete", "source", "a-stray")]
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
            [
                ("create", "destination", None),
                ("delete", "destination", "a-dst"),
                ("connect", "destination", None),
                ("complete", "destination", None),
            ],
            id="Cinder ended while it connected",
        ),
        pytest.param(
            [Attachment("a-dst", "error_attaching"), reserved("a-new")],
            [
                ("create", "destination", None),
                ("delete", "destination", "a-dst"),
                ("connect", "destination", None),
                ("complete", "destination", None),
            ],
            id="Cinder failed to connect",
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
    found = plan(observed, "destination", reserve=False)
    assert steps(found) == expected
    assert found.after == {"source": None, "destination": None}


def test_release_both() -> None:
    found = plan([attached("a-src", "src"), reserved("a-dst")], "none")
    assert steps(found) == [("create", "source", None), ("delete", "source", "a-src")]
    assert found.statuses == {"source": "reserved", "destination": "reserved"}


def test_a_volume_is_not_let_go_altogether() -> None:
    with pytest.raises(StackmoveError, match="no longer be the server's"):
        Holding("none", reserve=False)


@pytest.mark.parametrize("held_by", ["source", "destination", "none"])
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


STATES = ("reserved", "attaching", "attached", "error_attaching", "error_detaching", "detaching")


@pytest.mark.parametrize(
    ("held_by", "reserve"),
    [("source", True), ("source", False), ("destination", True), ("destination", False), ("none", True)],
)
@pytest.mark.parametrize(("source", "destination"), [*itertools.product((None, *STATES), repeat=2)][1:])
def test_whatever_there_is(held_by: str, reserve: bool, source: str | None, destination: str | None) -> None:
    """From any two attachments the plan leads where it should, never leaves the volume to others, and then rests."""
    if held_by == "destination" and not reserve and destination is None and source == "reserved":
        return  # The volume was detached: see above.
    observed = [
        Attachment(name, status, HOSTS[side], status == "attached")
        for name, side, status in (("a-src", "source", source), ("a-dst", "destination", destination))
        if status
    ]
    found = plan(observed, held_by, reserve)
    there = {entry.id: entry for entry in observed}
    new: dict[str, str] = {}
    for change in found.changes:
        key = change.attachment_id or new.get(change.side, "")
        if change.action == "create":
            new[change.side] = f"new-{change.side}"
            there[new[change.side]] = reserved(new[change.side])
        elif change.action == "delete":
            del there[key]
        elif change.action == "connect":
            others = [entry for entry in there.values() if entry.id != key and not entry.reserved]
            assert not others, "Cinder answers 409 while another attachment is connected"
            there[key] = Attachment(key, "attaching", None, exported=True)
        else:
            there[key] = attached(key, HOSTS[held_by])
        assert there, "a volume without any attachment is anyone's"
    result = {side: new.get(side) if key == NEW else key for side, key in found.after.items()}
    statuses = {side: there[key].status if key else None for side, key in result.items()}
    assert statuses == found.statuses
    again = WantedVolume("vol", result["source"], result["destination"])
    assert steps(plan(list(there.values()), held_by, reserve, again)) == []


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
