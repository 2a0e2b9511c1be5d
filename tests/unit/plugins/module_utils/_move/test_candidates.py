# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move.candidates import (
    Host,
    Request,
    in_order,
    matches,
    refusal,
    service_refusal,
    weight,
)

REQUEST = Request(project_id="p1")


def host(name: str, free_ram_mb: int = 0, **metadata: str | set[str]) -> Host:
    values = {key: frozenset({value} if isinstance(value, str) else value) for key, value in metadata.items()}
    return Host(name, "cell2", free_ram_mb, values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(set(), -1000000.0, id="the default"),
        pytest.param({"5"}, -5.0, id="an aggregate's"),
        pytest.param({"5", "2.5"}, -2.5, id="the smallest of several"),
        pytest.param({"-5"}, 5.0, id="a cell that is to be filled"),
        pytest.param({"0"}, 0.0, id="none at all"),
        pytest.param({"many"}, -1000000.0, id="not a number"),
        pytest.param({"many", "2"}, -1000000.0, id="one of them not a number"),
    ],
)
def test_weight(values: set[str], expected: float) -> None:
    assert weight(host("a", cross_cell_move_weight_multiplier=values), 1000000.0) == expected


def test_order_is_by_weight_then_by_memory_then_by_name() -> None:
    hosts = [
        host("roomy", 4096),
        host("welcome", 512, cross_cell_move_weight_multiplier="1"),
        host("b", 1024),
        host("a", 1024),
        host("avoided", 8192, cross_cell_move_weight_multiplier="2000000"),
    ]
    assert [found.name for found in in_order(hosts, REQUEST)] == ["welcome", "roomy", "a", "b", "avoided"]


@pytest.mark.parametrize(
    ("candidate", "changes", "expected"),
    [
        pytest.param(host("a"), {}, None, id="nothing against it"),
        pytest.param(host("a"), {"exclude_hosts": ["a"]}, "excluded", id="excluded"),
        pytest.param(host("a"), {"exclude_hosts": ["b"]}, None, id="another is excluded"),
        pytest.param(host("a", availability_zone="z1"), {"zone": "z1"}, None, id="its zone"),
        pytest.param(host("a", availability_zone="z1"), {"zone": "z2"}, "zone z1.*booted into z2", id="another zone"),
        pytest.param(host("a", availability_zone="z1"), {}, None, id="no zone asked for"),
        pytest.param(host("a"), {"zone": "nova"}, None, id="a default zone is Nova's to tell"),
        pytest.param(host("a", filter_tenant_id="p2"), {}, "other projects", id="another project's"),
        pytest.param(host("a", filter_tenant_id="p2,p1"), {}, None, id="its and another's"),
        pytest.param(host("a", filter_tenant_id="p2", filter_tenant_id_7="p1"), {}, None, id="in a further key"),
        pytest.param(host("a"), {"group_hosts": ["a"]}, "group", id="anti-affinity"),
        pytest.param(
            host("a", ssd="true"), {"extra_specs": {"aggregate_instance_extra_specs:ssd": "true"}}, None, id="has it"
        ),
        pytest.param(
            host("a", ssd={"false", "true"}),
            {"extra_specs": {"aggregate_instance_extra_specs:ssd": "true"}},
            None,
            id="one of its aggregates has it",
        ),
        pytest.param(
            host("a"),
            {"extra_specs": {"aggregate_instance_extra_specs:ssd": "true"}},
            "no aggregate of it has ssd true",
            id="lacks it",
        ),
        pytest.param(host("a"), {"extra_specs": {"hw:cpu_policy": "dedicated"}}, None, id="of no aggregate"),
    ],
)
def test_refusal(candidate: Host, changes: dict[str, Any], expected: str | None) -> None:
    found = refusal(candidate, replace(REQUEST, **changes))
    assert found is None if expected is None else found and re.search(expected, found)


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ("true", "true", True),
        ("true", "false", False),
        ("4", "= 3", True),
        ("4", "= 5", False),
        ("4", "== 4.0", True),
        ("4", "!= 4", False),
        ("4", "<= 4", True),
        ("4", ">= 5", False),
        ("many", ">= 5", False),
        ("4", ">=", False),
        ("abc", "s== abc", True),
        ("abc", "s!= abc", False),
        ("abc", "s< abd", True),
        ("abc", "s>= abd", False),
        ("abc", "<in> b", True),
        ("abc", "<in> x", False),
        ("abc", "<all-in> a <all-in> c", True),
        ("abc", "<all-in> a <all-in> x", False),
        ("abc", "<or> x <or> abc", True),
        ("abc", "<or> x <or> y", False),
        ("", "", True),
    ],
)
def test_matches(value: str, wanted: str, expected: bool) -> None:
    assert matches(value, wanted) is expected


UP = {"state": "up", "status": "enabled", "zone": "z1"}


@pytest.mark.parametrize(
    ("service", "zone", "expected"),
    [
        (UP, None, None),
        (UP, "z1", None),
        (UP, "z2", "it is in availability zone z1, and the server was booted into z2"),
        (None, None, "its nova-compute is not up"),
        ({**UP, "state": "down"}, None, "its nova-compute is not up"),
        ({**UP, "status": "disabled"}, None, "its nova-compute is disabled"),
    ],
)
def test_service_refusal(service: dict[str, object] | None, zone: str | None, expected: str | None) -> None:
    assert service_refusal(service, replace(REQUEST, zone=zone)) == expected
