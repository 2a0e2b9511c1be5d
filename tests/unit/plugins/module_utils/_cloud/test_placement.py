# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.placement import (
    AllocationPlan,
    Claim,
    Consumer,
    Outcome,
    Owner,
    amounts,
    payload,
    plan_allocations,
    providers_with_room,
    settle,
    shortages,
)
from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError, StackmoveError
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._cloud.conftest import Cloud

AT_SOURCE = {"src": {"VCPU": 1, "MEMORY_MB": 128}}
AT_DESTINATION = {"dst": {"VCPU": 1, "MEMORY_MB": 128}}
CLAIM = Claim("dst", {"VCPU": 1, "MEMORY_MB": 128, "DISK_GB": 0})


def server(allocations: dict[str, dict[str, int]]) -> Consumer:
    return Consumer("server", allocations, 3 if allocations else None, "project", "user")


def migration(allocations: dict[str, dict[str, int]]) -> Consumer:
    if not allocations:
        return Consumer("migration")
    return Consumer("migration", allocations, 7, "project", "user")


@pytest.mark.parametrize(
    ("state", "of_server", "of_migration", "expected"),
    [
        pytest.param("moved", AT_SOURCE, {}, AllocationPlan(None, AT_SOURCE, True), id="move"),
        pytest.param("moved", AT_DESTINATION, AT_SOURCE, AllocationPlan(), id="move again"),
        pytest.param("moved", {}, AT_SOURCE, AllocationPlan(needs_claim=True), id="Nova ended before its claim"),
        pytest.param(
            "moved", {"other": {"VCPU": 1}}, AT_SOURCE, AllocationPlan(needs_claim=True), id="another destination"
        ),
        pytest.param("moved", {"dst": {"VCPU": 2}}, AT_SOURCE, AllocationPlan(needs_claim=True), id="another flavor"),
        pytest.param("restored", AT_DESTINATION, AT_SOURCE, AllocationPlan(AT_SOURCE, {}), id="restore"),
        pytest.param("restored", AT_SOURCE, {}, AllocationPlan(), id="restore again"),
        pytest.param("released", AT_DESTINATION, AT_SOURCE, AllocationPlan(None, {}), id="release"),
        pytest.param("released", AT_DESTINATION, {}, AllocationPlan(), id="release again"),
    ],
)
def test_plan(state: str, of_server: Any, of_migration: Any, expected: AllocationPlan) -> None:
    assert plan_allocations(state, server(of_server), migration(of_migration), CLAIM) == expected


@pytest.mark.parametrize("state", ["moved", "restored"])
def test_a_server_without_allocations_is_refused(state: str) -> None:
    with pytest.raises(ConflictError, match="heal_allocations --instance server"):
        plan_allocations(state, server({}), migration({}), CLAIM)


def test_a_server_that_is_there_already_is_refused() -> None:
    with pytest.raises(ConflictError, match="of provider dst already, and its migration migration has none"):
        plan_allocations("moved", server(AT_DESTINATION), migration({}), CLAIM)


def test_moving_takes_a_provider() -> None:
    with pytest.raises(StackmoveError, match="destination_provider"):
        plan_allocations("moved", server(AT_SOURCE), migration({}), None)


def test_one_request_names_both_with_their_generations() -> None:
    plan = AllocationPlan(AT_DESTINATION, AT_SOURCE)
    assert payload(plan, server(AT_SOURCE), migration({}), Owner()) == {
        "server": {
            "allocations": {"dst": {"resources": {"VCPU": 1, "MEMORY_MB": 128}}},
            "consumer_generation": 3,
            "project_id": "project",
            "user_id": "user",
        },
        "migration": {
            "allocations": {"src": {"resources": {"VCPU": 1, "MEMORY_MB": 128}}},
            "consumer_generation": None,
            "project_id": "project",
            "user_id": "user",
        },
    }


def test_a_release_leaves_the_server_out() -> None:
    body = payload(AllocationPlan(migration={}), server(AT_DESTINATION), migration(AT_SOURCE), Owner())
    assert list(body) == ["migration"]
    assert body["migration"]["allocations"] == {}


def test_the_owner_of_what_placement_does_not_know() -> None:
    body = payload(AllocationPlan(AT_SOURCE), Consumer("server"), Consumer("migration"), Owner("p", "u"))
    assert (body["server"]["project_id"], body["server"]["user_id"]) == ("p", "u")


def inventory(total: int, **other: Any) -> dict[str, Any]:
    return {
        "total": total,
        "reserved": 0,
        "allocation_ratio": 1.0,
        "min_unit": 1,
        "max_unit": total,
        "step_size": 1,
        **other,
    }


@pytest.mark.parametrize(
    ("resources", "traits", "expected"),
    [
        pytest.param({"MEMORY_MB": 128}, [], [], id="fits"),
        pytest.param({"MEMORY_MB": 512}, [], ["MEMORY_MB: wanted 512, free 128"], id="no room"),
        pytest.param({"VCPU": 9}, [], ["VCPU: wanted 9, at most 8 for one server"], id="too large for one"),
        pytest.param({"VGPU": 1}, [], ["VGPU: wanted 1, the provider has none"], id="no such thing"),
        pytest.param({"DISK_GB": 3}, [], ["DISK_GB: wanted 3, given from 2 in steps of 2"], id="steps"),
        pytest.param({"MEMORY_MB": 0}, [], [], id="nothing wanted"),
        pytest.param({}, ["HW_CPU_X86_VMX", "T"], ["trait HW_CPU_X86_VMX is missing"], id="missing trait"),
        pytest.param({}, ["!T"], ["trait T is there, and forbidden"], id="forbidden trait"),
    ],
)
def test_shortages(resources: dict[str, int], traits: list[str], expected: list[str]) -> None:
    provider = {
        "inventories": {
            "VCPU": inventory(8, allocation_ratio=4.0),
            "MEMORY_MB": inventory(1024, reserved=512),
            "DISK_GB": inventory(100, min_unit=2, step_size=2),
        },
        "usages": {"VCPU": 4, "MEMORY_MB": 384},
        "traits": ["T"],
    }
    assert shortages(Claim("dst", resources, traits), provider) == expected


def test_amounts_are_read_as_playbooks_give_them() -> None:
    assert amounts({"VCPU": "2", "MEMORY_MB": 512}) == {"VCPU": 2, "MEMORY_MB": 512}
    with pytest.raises(StackmoveError, match="lots isn't a whole number"):
        amounts({"VCPU": "lots"})


def test_outcome_in_words() -> None:
    outcome = Outcome({"server": AT_SOURCE, "migration": {}}, {"server": AT_SOURCE, "migration": AT_SOURCE})
    assert outcome.changed
    assert outcome.describe() == ["set the migration's allocations to 128 MEMORY_MB, 1 VCPU of provider src"]


def test_the_answer_to_the_one_request_is_lost(cloud: Cloud, conn: Any) -> None:
    """The same generations are refused the second time; what is read then is as it was wanted."""

    def consumer(allocations: dict[str, dict[str, int]], generation: int) -> dict[str, Any]:
        found = {provider: {"resources": resources} for provider, resources in allocations.items()}
        return {"allocations": found, "consumer_generation": generation, "project_id": "p", "user_id": "u"}

    nothing: dict[str, Any] = {"allocations": {}}
    cloud.answers = {
        "GET /placement/allocations/server": [(200, consumer(AT_DESTINATION, 3)), (200, consumer(AT_SOURCE, 4))],
        "GET /placement/allocations/migration": [(200, consumer(AT_SOURCE, 7)), (200, nothing)],
        "POST /placement/allocations": [(0, None), (409, {"errors": [{"detail": "consumer generation conflict"}]})],
    }
    found = settle(conn, "restored", ("server", "migration"), None, Owner(), dry_run=False)
    assert found.after == {"server": AT_SOURCE, "migration": {}}


def test_providers_with_room_are_the_roots(cloud: Cloud, conn: Any) -> None:
    summaries = {
        "node": {"root_provider_uuid": "node"},
        "its-numa-cell": {"root_provider_uuid": "node"},
        "other": {"root_provider_uuid": "other"},
    }
    answer = {"allocation_requests": [], "provider_summaries": summaries}
    cloud.answers = {"GET /placement/allocation_candidates": [(200, answer)]}
    assert providers_with_room(conn, Claim("", {"VCPU": 1})) == ["node", "other"]
