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
from ansible_collections.stackmove.nova.plugins.module_utils._host.guest_state import Seen
from ansible_collections.stackmove.nova.plugins.module_utils._host.image_service import Transfer
from ansible_collections.stackmove.nova.plugins.module_utils._host.source import (
    plan_absent,
    plan_release,
    plan_restore,
)

DISK = Transfer("disk", "image-1", "qcow2")
SENT = {"disk": {"image_id": "image-1"}}


def note(**changes: Any) -> dict[str, Any]:
    begun = {"role": "source", "migration": "m", "phase": "kept", "was_running": True, "disks": {}}
    return {**begun, **changes}


def seen(defined: bool = True, active: bool = True, kept: dict[str, Any] | None = None) -> Seen:
    return Seen(defined=defined, active=active, directory=True, note=kept)


@pytest.mark.parametrize(
    ("now", "steps"),
    [
        (seen(), ["keep", "shut_down", "upload:disk", "undefine", "disconnect"]),
        (seen(active=False), ["keep", "upload:disk", "undefine", "disconnect"]),
        (seen(active=False, kept=note()), ["upload:disk", "undefine", "disconnect"]),
        (seen(active=False, kept=note(disks=SENT)), ["undefine", "disconnect"]),
        (seen(False, False, note(disks=SENT, phase="undefining")), ["disconnect"]),
        (seen(False, False, note(disks=SENT, phase="released")), []),
    ],
)
def test_release_goes_on_where_it_was(now: Seen, steps: list[str]) -> None:
    assert plan_release(now, "s", "m", [DISK]) == steps


def test_a_guest_that_ran_again_is_uploaded_again() -> None:
    steps = plan_release(seen(kept=note(disks=SENT)), "s", "m", [DISK])
    assert steps[:3] == ["keep", "shut_down", "upload:disk"]


def test_what_arrived_with_a_move_leaves_when_it_is_reverted() -> None:
    arrived = seen(kept=note(role="destination", phase="defined"))
    assert plan_release(arrived, "s", "m", []) == ["keep", "shut_down", "undefine", "disconnect"]
    assert plan_restore(arrived, "s", "m") == []
    with pytest.raises(NotFoundError):
        plan_release(seen(False, False, note(role="destination")), "s", "m", [])


def test_another_image_is_another_upload() -> None:
    released = seen(False, False, note(disks=SENT, phase="released"))
    assert plan_release(released, "s", "m", [Transfer("disk", "image-2", "qcow2")]) == ["upload:disk"]


def test_an_absent_guest_cannot_be_released() -> None:
    with pytest.raises(NotFoundError):
        plan_release(seen(False, False), "s", "m", [])


def test_another_move_has_released_it() -> None:
    with pytest.raises(ConflictError, match="migration other"):
        plan_release(seen(False, False, note(migration="other")), "s", "m", [])


def test_a_left_over_note_is_no_obstacle() -> None:
    assert plan_release(seen(kept=note(migration="old")), "s", "m", [])[0] == "keep"


@pytest.mark.parametrize(
    ("now", "steps"),
    [
        (seen(), []),
        (seen(active=False), []),
        (seen(kept=note()), ["forget"]),
        (seen(active=False, kept=note()), ["connect", "start", "forget"]),
        (seen(active=False, kept=note(was_running=False)), ["connect", "forget"]),
        (
            seen(False, False, note(phase="released")),
            ["connect", "define", "start", "forget"],
        ),
        (
            seen(True, False, note(phase="released")),
            ["connect", "define", "start", "forget"],
        ),
    ],
)
def test_restore_takes_back_what_was_done(now: Seen, steps: list[str]) -> None:
    assert plan_restore(now, "s", "m") == steps


def test_nothing_is_restored_from_nothing() -> None:
    with pytest.raises(NotFoundError, match="hard reboot"):
        plan_restore(seen(False, False), "s", "m")


def test_absent() -> None:
    gone = seen(False, False, note(phase="released"))
    assert plan_absent(gone, "s") == ["remove_directory"]
    assert plan_absent(seen(active=False), "s") == [
        "undefine_all",
        "remove_directory",
    ]
    assert plan_absent(Seen(False, False, False, None), "s") == []
    assert plan_absent(Seen(False, False, False, None, remains=True), "s") == ["remove_remains"]
    with pytest.raises(ConflictError):
        plan_absent(seen(), "s")
