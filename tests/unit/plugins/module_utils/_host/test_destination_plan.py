# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    ConflictError,
    NotFoundError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.destination import (
    EmptyDisk,
    plan_await,
    plan_give_up,
    plan_return,
    plan_settle,
    plan_stage,
    plan_take,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.guest_state import Seen
from ansible_collections.stackmove.nova.plugins.module_utils._host.image_service import Transfer

DISK = Transfer("disk", "image-1", "qcow2")
HERE = {"disk": {"image_id": "image-1"}}


def note(**changes: Any) -> dict[str, Any]:
    return {"role": "destination", "migration": "m", "phase": "staged", "disks": {}, **changes}


def seen(
    kept: dict[str, Any] | None = None,
    defined: bool = False,
    active: bool = False,
    directory: bool | None = None,
    base: bool = True,
) -> Seen:
    return Seen(defined, active, kept is not None if directory is None else directory, kept, base)


def test_staging() -> None:
    assert plan_stage(seen(base=False), "s", "m") == ["create_directory", "fetch_base"]
    assert plan_stage(seen(note(), base=False), "s", "m") == ["fetch_base"]
    assert plan_stage(seen(note()), "s", "m") == []


@pytest.mark.parametrize(
    "now",
    [
        seen(directory=True),
        seen(defined=True),
        seen(note(migration="other")),
        seen(note(migration="other"), defined=True, active=True),
    ],
)
def test_what_others_made_is_left_alone(now: Seen) -> None:
    with pytest.raises(ConflictError):
        plan_stage(now, "s", "m")
    with pytest.raises(ConflictError):
        plan_take(now, "s", "m", [DISK], run=True)
    if now.defined:
        with pytest.raises(ConflictError):
            plan_give_up(now, "s", "m")
    else:
        assert plan_give_up(now, "s", "m") == []


@pytest.mark.parametrize(
    ("now", "steps"),
    [
        (seen(note()), ["download:disk", "settle_files", "connect", "define", "start"]),
        (seen(note(disks=HERE)), ["settle_files", "connect", "define", "start"]),
        (
            seen(note(disks=HERE, phase="connecting"), defined=True),
            ["settle_files", "connect", "define", "start"],
        ),
        (seen(note(disks=HERE, phase="defined"), defined=True), ["start"]),
        (seen(note(disks=HERE, phase="defined"), defined=True, active=True), []),
    ],
)
def test_taking_in_goes_on_where_it_was(now: Seen, steps: list[str]) -> None:
    assert plan_take(now, "s", "m", [DISK], run=True) == steps
    assert plan_take(now, "s", "m", [DISK], run=False) == [s for s in steps if s != "start"]


def test_room_that_was_given_up_is_made_again() -> None:
    steps = plan_take(seen(base=False), "s", "m", [DISK], run=True)
    assert steps[:3] == ["create_directory", "fetch_base", "download:disk"]


def test_giving_up() -> None:
    assert plan_give_up(seen(), "s", "m") == []
    assert plan_give_up(seen(note()), "s", "m") == ["disconnect", "remove_directory"]
    assert plan_give_up(seen(note(), defined=True), "s", "m")[0] == "destroy"


def test_what_a_killed_run_left_beside_the_folder_goes() -> None:
    assert plan_give_up(Seen(False, False, False, None, remains=True), "s", "m") == ["remove_remains"]
    left = Seen(False, False, True, note(), remains=True)
    assert plan_give_up(left, "s", "m") == ["disconnect", "remove_directory", "remove_remains"]
    assert plan_stage(left, "s", "m") == ["remove_remains"]


def test_what_nova_brought_is_given_up_on_request() -> None:
    guest = seen(directory=True, defined=True, active=True)
    with pytest.raises(ConflictError):
        plan_give_up(guest, "s", "m")
    assert plan_give_up(guest, "s", "m", adopt=True) == ["destroy", "disconnect", "remove_directory"]
    assert plan_give_up(seen(note(role="source"), defined=True), "s", "m", adopt=True)[0] == "destroy"
    assert plan_give_up(seen(), "s", "m", adopt=True) == []


def test_a_guest_that_left_again_is_given_up_and_one_from_before_the_move_is_not() -> None:
    left = note(role="source", phase="released")
    assert plan_give_up(seen({**left, "arrived": note()}), "s", "m") == ["disconnect", "remove_directory"]
    for older in (left, note(role="returned", phase="defined")):
        with pytest.raises(ConflictError, match="older than the move"):
            plan_give_up(seen(older, defined=True), "s", "m")
    with pytest.raises(ConflictError, match="older than the move"):
        plan_give_up(seen(note(role="returned")), "s", "m", adopt=True)


RELEASED = note(role="source", phase="released")


@pytest.mark.parametrize(
    ("now", "steps"),
    [
        (seen(RELEASED), ["note", "settle_files", "connect", "define", "start"]),
        (seen(directory=True), ["note", "settle_files", "connect", "define", "start"]),
        (seen(note(migration="old", phase="defined")), ["note", "settle_files", "connect", "define", "start"]),
        (seen(note(role="returned")), ["settle_files", "connect", "define", "start"]),
        (
            seen(note(role="returned", phase="connecting"), defined=True),
            ["settle_files", "connect", "define", "start"],
        ),
        (seen(note(role="returned", phase="defined"), defined=True), ["start"]),
        (seen(note(role="returned", phase="defined"), defined=True, active=True), []),
    ],
)
def test_returning_goes_on_where_it_was(now: Seen, steps: list[str]) -> None:
    assert plan_return(now, "s", "m", ["disk"], ["disk"], run=True) == steps
    assert plan_return(now, "s", "m", ["disk"], ["disk"], run=False) == [s for s in steps if s != "start"]


def test_a_guest_without_local_disks_returns_to_a_new_folder() -> None:
    assert plan_return(seen(), "s", "m", [], [], run=False)[:2] == ["create_directory", "note"]


def test_a_guest_that_runs_here_does_not_return() -> None:
    for kept in (None, RELEASED, note(role="returned", migration="other")):
        with pytest.raises(ConflictError, match="runs on this host already"):
            plan_return(seen(kept, defined=True, active=True), "s", "m", [], [], run=True)


@pytest.mark.parametrize(("wanted", "here"), [(["disk"], []), (["disk"], ["disk", "disk.swap"]), ([], ["disk"])])
def test_a_guest_returns_to_all_of_its_disks(wanted: list[str], here: list[str]) -> None:
    with pytest.raises(NotFoundError, match="it has the local disks"):
        plan_return(seen(RELEASED), "s", "m", wanted, here, run=True)


def test_settling() -> None:
    assert plan_settle(seen(note(), defined=True), "s", "m") == ["forget"]
    assert plan_settle(seen(directory=True, defined=True), "s", "m") == []
    with pytest.raises(NotFoundError):
        plan_settle(seen(note()), "s", "m")


EMPTY = EmptyDisk("disk", "qcow2", 1024**3, over_base=True)


def test_a_guest_that_goes_on_running_is_awaited() -> None:
    room = ["create_directory", "fetch_base"]
    assert plan_await(seen(base=False), "s", "m", [EMPTY], []) == [
        *room,
        "make_disk:disk",
        "settle_files",
        "connect",
    ]
    assert plan_await(seen(note(live=True, phase="awaiting")), "s", "m", [EMPTY], ["disk"]) == []


def test_a_run_that_was_killed_over_it_goes_on() -> None:
    assert plan_await(seen(note(live=True)), "s", "m", [EMPTY], ["disk"]) == ["settle_files", "connect"]
    connecting = note(live=True, phase="connecting")
    assert plan_await(seen(connecting), "s", "m", [EMPTY], ["disk"]) == ["settle_files", "connect"]


def test_a_disk_that_was_written_to_is_made_anew() -> None:
    assert plan_await(seen(note(live=True, phase="awaiting")), "s", "m", [EMPTY], []) == ["make_disk:disk"]


@pytest.mark.parametrize("active", [True, False])
def test_nothing_is_touched_where_it_arrives(active: bool) -> None:
    arriving = seen(note(live=True, phase="awaiting"), defined=True, active=active)
    assert plan_await(arriving, "s", "m", [EMPTY], []) == []
    with pytest.raises(ConflictError, match="a live migration brings it here, or has brought it"):
        plan_give_up(arriving, "s", "m")
    with pytest.raises(ConflictError, match="a live migration brings it here, or has brought it"):
        plan_give_up(arriving, "s", "m", adopt=True)


def test_a_guest_that_stayed_elsewhere_is_given_up_here() -> None:
    failed = seen(note(live=True, phase="awaiting"))
    assert plan_give_up(failed, "s", "m") == ["disconnect", "remove_directory"]


def test_what_others_made_is_not_made_ready() -> None:
    with pytest.raises(ConflictError, match="was not made by this move"):
        plan_await(seen(note(migration="other"), defined=True, active=True), "s", "m", [EMPTY], [])
