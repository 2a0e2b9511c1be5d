# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._nova.rows import (
    COPIED_TABLES,
    REDACTED,
    RUN_KEY,
    Rows,
    plan_copy,
    redacted,
    row_differences,
)


def columns(rows: Rows) -> dict[str, list[str]]:
    return {table: list(found[0]) for table, found in rows.items() if found}


def test_a_row_is_a_row(web1: Rows) -> None:
    """All but what means something in the source cell only is copied as it is."""
    planned = plan_copy(web1, columns(web1))
    assert {table: len(found) for table, found in planned.items()} == {t: len(found) for t, found in web1.items()}
    dropped = {"instances": {"hidden"}, "instance_extra": {"migration_context"}}
    for table, found in planned.items():
        for before, after in zip(web1[table], found):
            same = set(before) - {"id"} - dropped.get(table, set())
            assert {column: after[column] for column in same} == {column: before[column] for column in same}


def test_the_copy_is_hidden(web1: Rows) -> None:
    assert plan_copy(web1, columns(web1))["instances"][0]["hidden"] == 1


def test_ids_of_the_source_cell_are_dropped_but_those_that_link_events(web1: Rows) -> None:
    planned = plan_copy(web1, columns(web1))
    assert [row["id"] for row in planned.pop("instance_actions")] == [2, 27]
    assert [row["action_id"] for row in planned["instance_actions_events"]] == [2, 27]
    assert not [table for table, found in planned.items() for row in found if "id" in row]


@pytest.mark.parametrize(
    ("table", "column"),
    [("instances", "compute_id"), ("migrations", "dest_compute_id"), ("instance_extra", "migration_context")],
)
def test_references_into_the_source_cell_are_forgotten(web1: Rows, table: str, column: str) -> None:
    rows = {**web1, "migrations": [{"uuid": "m", "dest_compute_id": None}]}
    rows[table][0][column] = 7
    assert plan_copy(rows, columns(rows))[table][0][column] is None


def test_the_run_stays_where_it_works(web1: Rows) -> None:
    keys = [row["key"] for row in web1["instance_system_metadata"]]
    web1["instance_system_metadata"].append({**web1["instance_system_metadata"][0], "key": RUN_KEY, "value": "run"})
    assert [row["key"] for row in plan_copy(web1, columns(web1))["instance_system_metadata"]] == keys


def test_a_port_keeps_its_raw_address(web1: Rows) -> None:
    planned = plan_copy(web1, columns(web1))
    port = web1["virtual_interfaces"][0]["uuid"]
    assert planned["virtual_interfaces"][0]["address"] == f"fa:16:3e:b4:bc:35/{port}"


def test_a_column_that_the_target_lacks_may_be_empty(web1: Rows) -> None:
    web1["instances"][0]["ephemeral_key_uuid"] = None
    known = columns(web1)
    known["instances"].remove("ephemeral_key_uuid")
    assert "ephemeral_key_uuid" not in plan_copy(web1, known)["instances"][0]


def test_a_compute_id_that_the_target_has_no_column_for_is_no_loss(web1: Rows) -> None:
    known = columns(web1)
    web1["instances"][0]["compute_id"] = 7
    assert "compute_id" not in plan_copy(web1, known)["instances"][0]


def test_a_column_that_the_target_lacks_is_refused_when_it_holds_a_value(web1: Rows) -> None:
    known = columns(web1)
    known["block_device_mapping"].remove("volume_id")
    with pytest.raises(UnsupportedError, match=r"block_device_mapping .* no column volume_id") as caught:
        plan_copy(web1, known)
    assert "db sync" in str(caught.value)


def test_a_table_that_the_target_lacks_is_refused_when_there_is_a_row(web1: Rows) -> None:
    known = columns(web1)
    del known["virtual_interfaces"]
    with pytest.raises(UnsupportedError, match="virtual_interfaces"):
        plan_copy(web1, known)


def test_a_column_which_only_the_target_has_is_left_to_its_default(web1: Rows) -> None:
    known = columns(web1)
    known["instances"].append("compute_id")
    assert "compute_id" not in plan_copy(web1, known)["instances"][0]


def test_planning_leaves_what_was_read_alone(web1: Rows) -> None:
    before = copy.deepcopy(web1)
    plan_copy(web1, columns(web1))
    assert web1 == before


def test_parents_come_before_children() -> None:
    assert COPIED_TABLES[0].name == "instances"


@pytest.mark.parametrize(
    ("table", "row", "hidden"),
    [
        ("block_device_mapping", {"connection_info": "{}", "volume_id": "v"}, {"connection_info"}),
        ("instances", {"user_data": "IyE=", "uuid": "u"}, {"user_data"}),
        ("instance_system_metadata", {"key": "password_0", "value": "c2Vj"}, {"value"}),
        ("instance_system_metadata", {"key": "image_os_distro", "value": "debian"}, set()),
        ("instance_metadata", {"key": "password", "value": "hers"}, set()),
        ("block_device_mapping", {"connection_info": None}, set()),
    ],
)
def test_secrets_are_not_shown(table: str, row: dict[str, str | None], hidden: set[str]) -> None:
    shown = redacted(table, row)
    assert {column for column, value in shown.items() if value == REDACTED} == hidden
    assert {c: v for c, v in shown.items() if c not in hidden} == {c: v for c, v in row.items() if c not in hidden}


def in_target(planned: Rows) -> Rows:
    """What would be read back: with other ids, in another order."""
    found = copy.deepcopy(planned)
    for table in found:
        for number, row in enumerate(found[table]):
            row["id"] = 1000 + number
        found[table].reverse()
    for number, row in enumerate(found["instance_actions_events"]):
        row["action_id"] = 2000 + number
    return found


def test_a_copy_that_came_well_does_not_differ(web1: Rows) -> None:
    planned = plan_copy(web1, columns(web1))
    assert row_differences(planned, in_target(planned)) == []


@pytest.mark.parametrize(
    "table", ["instances", "instance_system_metadata", "virtual_interfaces", "instance_actions_events"]
)
def test_a_row_that_is_missing_is_found(web1: Rows, table: str) -> None:
    planned = plan_copy(web1, columns(web1))
    target = in_target(planned)
    target[table].pop()
    (difference,) = row_differences(planned, target)
    assert difference.startswith(f"{table} ")
    assert difference.endswith(": missing")


def test_a_value_that_differs_is_found_and_not_shown(web1: Rows) -> None:
    planned = plan_copy(web1, columns(web1))
    target = in_target(planned)
    target["block_device_mapping"][0]["connection_info"] = "s3cret"
    (difference,) = row_differences(planned, target)
    assert difference.endswith(": connection_info differs")
