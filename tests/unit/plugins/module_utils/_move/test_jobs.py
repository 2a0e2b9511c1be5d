# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import (
    Course,
    Observed,
    course,
    is_done,
    unreached,
)

ALL = ("prep_dest", "prep_source", "finish")
BACK = ALL[::-1]


def at(observed: Observed, phase: str, job: str, direction: str = "auto") -> Course:
    observed.move["phase"] = phase
    return course(replace(observed, job=job, direction=direction))


@pytest.mark.parametrize(
    ("job", "phase", "wanted"),
    [
        ("move", "none", Course("forward", ALL)),
        ("move", "copied", Course("forward", ALL)),
        ("move", "prepared", Course("forward", ALL[1:])),
        ("move", "stopping", Course("forward", ALL[1:])),
        ("move", "finished", Course("none", ())),
        ("move", "foreign", Course("none", ())),
        ("confirm", "finished", Course("forward", ("confirm",))),
        ("confirm", "confirming", Course("forward", ("confirm",))),
        ("confirm", "none", Course("none", ())),
        ("revert", "finished", Course("back", ("revert",))),
        ("revert", "reverting", Course("back", ("revert",))),
        ("revert", "returned", Course("back", ("revert",))),
        ("revert", "confirming", Course("none", ())),
        ("recover", "none", Course("none", ())),
        ("recover", "started", Course("back", BACK)),
        ("recover", "stopping", Course("back", BACK)),
        ("recover", "finished", Course("none", ())),
        ("recover", "confirming", Course("forward", ("confirm",))),
        ("recover", "reverting", Course("back", ("revert",))),
        ("recover", "returned", Course("back", ("revert",))),
    ],
)
def test_what_a_job_takes_from_where_the_move_is(observed: Observed, job: str, phase: str, wanted: Course) -> None:
    assert at(observed, phase, job) == wanted


def test_a_guest_that_is_at_its_destination_already_goes_forward(observed: Observed) -> None:
    observed.source_host["guest"] = None
    assert at(observed, "departed", "recover") == Course("back", BACK)
    observed.destination_host["guest"] = {"state": "shutoff"}
    assert at(observed, "departed", "recover") == Course("forward", ("finish",))
    assert at(observed, "departed", "recover", "back") == Course("back", BACK)


def test_a_guest_that_is_back_at_its_source_has_to_be_stopped_again(observed: Observed) -> None:
    assert at(observed, "departed", "move") == Course("forward", ALL[1:])


@pytest.mark.parametrize("job", ["move", "recover"])
def test_a_move_that_is_made_has_only_its_images_left(observed: Observed, job: str) -> None:
    assert at(observed, "finished", job) == Course("none", ())
    observed.move["transfer_images"] = [{"id": "i"}]
    assert at(observed, "finished", job) == Course("forward", ("finish",))


def test_the_operator_may_say_where(observed: Observed) -> None:
    assert at(observed, "started", "recover", "forward") == Course("forward", ALL)


def test_what_a_failed_move_has_left_is_taken_back(observed: Observed) -> None:
    observed.move["last_failed"] = "m"
    assert at(observed, "none", "recover") == Course("back", BACK)


@pytest.mark.parametrize(
    ("job", "last_status", "status", "wanted"),
    [
        ("confirm", "confirmed", "ACTIVE", True),
        ("revert", "reverted", "SHUTOFF", True),
        ("confirm", "reverted", "ACTIVE", False),
        ("revert", "confirmed", "ACTIVE", False),
        ("confirm", None, "ACTIVE", False),
        ("move", "confirmed", "ACTIVE", False),
        # It was resized within its cell since.
        ("confirm", "confirmed", "VERIFY_RESIZE", False),
    ],
)
def test_a_job_that_was_done_before(
    observed: Observed, job: str, last_status: str | None, status: str, wanted: bool
) -> None:
    observed.move.update(phase="none", last_status=last_status)
    observed.move["server"]["status"] = status
    assert is_done(replace(observed, job=job)) is wanted


def test_why_a_host_could_not_be_read() -> None:
    assert unreached({"unreachable": True, "msg": "no route"}) == "no route"
    assert unreached({"failed": True}) == "no answer"
    assert unreached({"guest": None}) == ""
