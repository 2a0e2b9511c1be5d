# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import Observed
from ansible_collections.stackmove.nova.plugins.module_utils._move.plan import describe, make_plan

MIGRATION = {"uuid": "0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33", "status": "migrating", "ours": True}
RUN = '{"id": "0123456789ab"}'


def steps(observed: Observed, **changes: Any) -> list[str]:
    return describe({**make_plan(observed, {}, RUN), **changes})


def test_the_plan_of_a_resize(observed: Observed) -> None:
    plan = make_plan(observed, {}, RUN)
    assert (plan["name"], plan["phase"], plan["resize"], plan["running"]) == ("web1", "none", True, True)
    assert (plan["flavor"]["name"], plan["flavor_before"]["name"]) == ("m1.micro", "m1.nano")
    assert (plan["source"]["host"], plan["source"]["cell"]) == ("compute12", "cell1")
    assert (plan["destination"]["host"], plan["destination"]["cell"]) == ("compute21", "cell2")
    assert plan["destination"]["compute_node"] == {
        "host": "compute21",
        "node": "compute21",
        "compute_id": 1,
        "ip": "10.77.0.21",
        "availability_zone": "nova",
    }
    assert plan["source"]["connector"]["host"] == "compute12"
    assert plan["destination"]["connector"]["host"] == "compute21"
    assert plan["ports"] == [{"id": "c2075997-91c3-4d4e-b955-e526f4f3d0d7", "vnic_type": "normal", "profile": {}}]
    assert plan["volumes"] == [
        {
            "volume_id": "790dc7d2-09f6-4aa5-9baf-6de462c7d020",
            "source_attachment_id": "80458c78-b538-419b-b74a-2c2cd0e5316d",
            "destination_attachment_id": None,
            "mountpoint": "/dev/vdb",
            "detached": False,
        }
    ]


def test_a_new_move_gets_a_name_and_one_under_way_keeps_its_own(observed: Observed) -> None:
    made = {make_plan(observed, {}, RUN)["migration"] for _time in range(2)}
    assert len(made) == 2
    assert all(str(uuid.UUID(name)) == name for name in made)
    observed.move["migration"] = MIGRATION
    assert make_plan(observed, {}, RUN)["migration"] == MIGRATION["uuid"]


def test_hosts_may_have_other_names_in_the_inventory(observed: Observed) -> None:
    plan = make_plan(observed, {"compute21": "rack2-21"}, RUN)
    assert plan["destination"]["inventory_name"] == "rack2-21"
    assert plan["source"]["inventory_name"] == "compute12"


def test_there_may_be_no_destination(observed: Observed) -> None:
    observed.move["destination"] = None
    plan = make_plan(observed, {}, RUN)
    assert plan["destination"] is None
    assert describe(plan) == ["web1 (518e2a6d-2e56-4163-9fa3-7938e39f87fb) has nowhere to go"]


@pytest.mark.parametrize(("image", "host", "seconds"), [(120, 60, 120), (0, 60, 0), (None, 30, 30), (None, None, 60)])
def test_whose_word_counts_on_how_long_a_guest_may_take(
    observed: Observed, image: int | None, host: int | None, seconds: int
) -> None:
    observed.move["instance"]["shutdown_timeout_s"] = image
    observed.source_host["nova"]["shutdown_timeout_s"] = host
    assert make_plan(observed, {}, RUN)["shutdown_timeout_s"] == seconds


def test_every_local_disk_travels_in_an_image_of_its_own(observed: Observed) -> None:
    plan = make_plan(observed, {}, RUN)
    assert [(disk["disk"], disk["disk_format"]) for disk in plan["disks"]] == [
        ("disk", "qcow2"),
        ("disk.config", "raw"),
    ]
    assert [(image["disk"], image["name"]) for image in plan["images"]] == [
        ("disk", "web1-resize-temp"),
        ("disk.config", "web1-disk.config-resize-temp"),
    ]
    for image in plan["images"]:
        assert image["properties"]["instance_uuid"] == plan["server"]
        assert image["properties"]["user_id"] == plan["user_id"]
    root, config = plan["images"]
    assert root["properties"]["hw_disk_bus"] == "virtio"
    assert "hw_disk_bus" not in config["properties"]


def test_the_root_disk_is_rebased_on_its_image(observed: Observed) -> None:
    assert make_plan(observed, {}, RUN)["base_image"] == {
        "id": "cd8e1e56-5cde-44e7-bb82-14ed05fb4ae5",
        "disk_format": "qcow2",
    }


@pytest.mark.parametrize("gone", [{"base_image": None}, {"volume_backed": True}])
def test_or_flattened_when_there_is_none(observed: Observed, gone: dict[str, Any]) -> None:
    observed.move.update(gone)
    assert make_plan(observed, {}, RUN)["base_image"] is None
    assert not [line for line in steps(observed) if "base image" in line]


def test_the_plan_names_every_object(observed: Observed) -> None:
    text = "\n".join(steps(observed))
    for name in (
        "c2075997-91c3-4d4e-b955-e526f4f3d0d7",
        "790dc7d2-09f6-4aa5-9baf-6de462c7d020",
        "compute12",
        "compute21",
        "resize to m1.micro",
        "160 MEMORY_MB",
        "disk (qcow2, 1.0 GiB)",
    ):
        assert name in text


def test_the_steps_are_in_the_order_in_which_they_are_made(observed: Observed) -> None:
    title, *lines = steps(observed)
    assert title.startswith("move web1 ")
    phases = [line.partition(":")[0] for line in lines]
    assert phases == sorted(phases, key=["prep_dest", "prep_source", "finish"].index)


def test_a_guest_that_is_off_is_not_shut_down(observed: Observed) -> None:
    text = "\n".join(steps(observed, running=False))
    assert "shut the guest down" not in text
    assert "and start it" not in text


@pytest.mark.parametrize(
    ("phase", "title", "left"),
    [
        ("none", "move web1", {"prep_dest", "prep_source", "finish"}),
        ("started", "go on with the move of web1", {"prep_dest", "prep_source", "finish"}),
        ("copied", "go on with the move of web1", {"prep_dest", "prep_source", "finish"}),
        ("prepared", "go on with the move of web1", {"prep_source", "finish"}),
        ("stopping", "go on with the move of web1", {"prep_source", "finish"}),
        ("departed", "go on with the move of web1", {"finish"}),
        ("finished", "the move of web1", set()),
        ("confirming", "the move of web1", set()),
    ],
)
def test_only_what_is_left_to_do_is_planned(observed: Observed, phase: str, title: str, left: set[str]) -> None:
    observed.move["phase"] = phase
    observed.source_host["guest"] = None
    first, *lines = steps(observed)
    assert first.startswith(title)
    assert {line.partition(":")[0] for line in lines} == left


@pytest.mark.parametrize(("job", "phase"), [("confirm", "finished"), ("revert", "finished"), ("recover", "confirming")])
def test_a_job_that_ends_a_move_says_what_it_deletes(observed: Observed, job: str, phase: str) -> None:
    observed.move["phase"] = phase
    first, *lines = steps(replace(observed, job=job))
    role = "confirm" if job == "recover" else job
    assert first.startswith(f"{role} the move of web1")
    assert {line.partition(":")[0] for line in lines} == {role}
    assert any("delete" in line for line in lines)


def test_a_revert_says_what_is_lost_and_what_was_detached(observed: Observed) -> None:
    observed.move["phase"] = "finished"
    text = "\n".join(steps(replace(observed, job="revert")))
    assert "what it has written to its local disks since the move is lost" in text
    assert "hand volume 790dc7d2" in text
    observed.move["volumes"][0]["detached"] = True
    text = "\n".join(steps(replace(observed, job="revert")))
    assert "let go of volume 790dc7d2" in text


def test_a_move_that_is_taken_back_is_so_in_reverse(observed: Observed) -> None:
    observed.move["phase"] = "prepared"
    first, *lines = steps(replace(observed, job="recover"))
    assert first.startswith("take back the move of web1")
    roles = [line.partition(",")[0] for line in lines]
    assert roles == sorted(roles, key=["finish", "prep_source", "prep_dest"].index)


def test_nothing_to_recover_is_said(observed: Observed) -> None:
    assert steps(replace(observed, job="recover")) == [
        "web1 (518e2a6d-2e56-4163-9fa3-7938e39f87fb): nothing to recover (phase none)"
    ]


def test_what_a_failed_move_has_left_is_swept_by_its_own_name(observed: Observed) -> None:
    observed.move["last_failed"] = MIGRATION["uuid"]
    plan = make_plan(replace(observed, job="recover"), {}, RUN)
    assert (plan["migration"], plan["direction"]) == (MIGRATION["uuid"], "back")
    assert make_plan(observed, {}, RUN)["migration"] != MIGRATION["uuid"]


@pytest.mark.parametrize(
    ("note", "phase", "rebuild"),
    [
        (None, "departed", True),
        ({"migration": MIGRATION["uuid"]}, "departed", False),
        ({"migration": "an older one"}, "departed", True),
        (None, "prepared", False),
    ],
)
def test_only_nova_can_define_a_guest_of_which_it_kept_nothing(
    observed: Observed, note: Any, phase: str, rebuild: bool
) -> None:
    observed.move.update(phase=phase, migration=MIGRATION)
    observed.source_host["guest"] = None
    observed.source_host["directory"]["note"] = note
    assert make_plan(replace(observed, job="recover"), {}, RUN)["rebuild"] is rebuild


def test_what_nova_has_left_of_its_own_move_is_taken_away(observed: Observed) -> None:
    novas = {**MIGRATION, "ours": False, "created_at": "2026-11-21 10:57:29"}
    observed.move.update(phase="departed", migration=novas)
    observed.source_host["guest"] = None
    observed.destination_host["guest"] = {"state": "running"}
    back = replace(observed, job="recover", direction="back")
    plan = make_plan(back, {}, RUN)
    assert plan["nova_made"]
    assert plan["nova_image"] == {
        "server": plan["server"],
        "name": "web1-resize-temp",
        "since": "2026-11-21T10:57:29Z",
    }
    assert any("what it has written there is lost" in line for line in describe(plan))
    observed.move["migration"] = MIGRATION
    ours = make_plan(back, {}, RUN)
    assert (ours["nova_made"], ours["nova_image"]) == (False, None)


def test_a_host_that_cannot_be_read_is_in_the_plan_as_such(observed: Observed) -> None:
    gone = replace(observed, destination_host={"unreachable": True, "msg": "no route to host"})
    plan = make_plan(gone, {}, RUN)
    assert (plan["destination"]["reached"], plan["destination"]["connector"]) == (False, None)
    assert plan["source"]["reached"]


def test_hosts_that_refused_are_named(observed: Observed) -> None:
    refused = [{"host": "compute22", "cause": "it is full."}]
    assert describe(make_plan(observed, {}, RUN, refused))[0] == "compute22 does not take it: it is full."


@pytest.mark.parametrize("job", ["confirm", "revert"])
def test_nothing_to_end_is_said(observed: Observed, job: str) -> None:
    (line,) = steps(replace(observed, job=job))
    assert f"nothing to {job} (phase none)" in line


def test_a_server_that_its_owner_deleted_does_not_come_back(observed: Observed) -> None:
    observed.move["server"]["status"] = "DELETED"
    observed.move.update(phase="stopping", migration=MIGRATION)
    observed.source_host.update(guest=None, directory=None)
    plan = make_plan(replace(observed, job="recover"), {}, RUN)
    assert (plan["deleted"], plan["rebuild"], plan["direction"]) == (True, False, "back")
    assert not [line for line in describe(plan) if "bring the guest back" in line]


def test_nova_may_have_destroyed_the_guest_at_both_hosts(observed: Observed) -> None:
    observed.move.update(phase="returned", migration=MIGRATION)
    observed.destination_host["guest"] = None
    plan = make_plan(replace(observed, job="revert"), {}, RUN)
    assert (plan["source"]["guest"], plan["rebuild"]) == ("running", False)
    observed.source_host["guest"] = None
    plan = make_plan(replace(observed, job="revert"), {}, RUN)
    assert (plan["source"]["guest"], plan["rebuild"]) == (None, True)
    observed.destination_host["guest"] = {"state": "running"}
    assert not make_plan(replace(observed, job="revert"), {}, RUN)["rebuild"]
