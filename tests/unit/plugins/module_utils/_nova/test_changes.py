# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova.changes import (
    Change,
    CopyAction,
    FinishEvent,
    Hold,
    Insert,
    SetMetadata,
    StartEvent,
    Transaction,
    Update,
    action,
)

NOW = "2026-11-21 12:00:00"
MARKER = Update("instances", {"uuid": "u"}, {"task_state": None}, {"task_state": ("resize_prep",)})


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (Update("t", {"id": 1}, {"a": 1, "b": None}), "t.a = 1|t.b = None"),
        (
            Update("block_device_mapping", {"id": 1}, {"connection_info": "s3cret"}),
            "block_device_mapping.connection_info = (redacted)",
        ),
        (Update("t", {"id": 1}, {"a": "x" * 81}), f"t.a = {'x' * 77}..."),
        (Insert("t", {"a": 1, "b": None}), "t: new row (a=1)"),
        (
            Insert("block_device_mapping", {"connection_info": "s3cret"}),
            "block_device_mapping: new row (connection_info=(redacted))",
        ),
        (Hold("u", "run 2", NOW, ("run 1",)), "instance_system_metadata.stackmove_run = run 2"),
        (
            CopyAction({"action": "reboot", "request_id": "req-1"}, ({"event": "e"},)),
            "instance_actions: reboot req-1, 1 events",
        ),
        (SetMetadata("u", "old_vm_state", "active", NOW), "instance_system_metadata.old_vm_state = active"),
        (StartEvent("u", "req-1", "cold_migrate", "h", NOW), "instance_actions_events: cold_migrate starts on h"),
        (FinishEvent("u", "req-1", "cold_migrate", NOW), "instance_actions_events: cold_migrate end well"),
        (FinishEvent("u", "req-1", "", NOW, "no room"), "instance_actions_events: all end in error"),
    ],
)
def test_each_change_is_told_without_secrets(change: Change, line: str) -> None:
    told = Transaction("source", MARKER, (change,)).describe()
    assert told == ["source: instances.task_state = None", *[f"source: {part}" for part in line.split("|")]]
    assert "s3cret" not in str(told)


def test_a_guard_is_no_change() -> None:
    assert Transaction("source", MARKER, (Hold("u", "run", NOW),)).describe() == ["source: instances.task_state = None"]


@pytest.mark.parametrize(
    ("holder", "previous", "message"),
    [
        ("this", (), None),
        ("this", ("",), None),
        ("", ("",), None),
        ("dead", ("dead",), None),
        ("", (), "no run has taken it over"),
        ("", ("dead",), "no run has taken it over"),
        ("other", (), "another run has taken it over: other"),
        ("other", ("",), "another run has taken it over: other"),
        ("other", ("dead",), "another run has taken it over: other"),
    ],
)
def test_one_run_at_a_time(holder: str, previous: tuple[str, ...], message: str | None) -> None:
    hold = Hold("u", "this", NOW, previous)
    if message is None:
        hold.check(holder)
    else:
        with pytest.raises(ConflictError, match=message):
            hold.check(holder)


def test_an_action_is_the_owners() -> None:
    made = action("u", "req-1", "migrate", {"user_id": "her", "project_id": "theirs", "host": "h"}, NOW)
    assert made.table == "instance_actions"
    assert {key: made.values[key] for key in ("action", "instance_uuid", "request_id", "user_id", "project_id")} == {
        "action": "migrate",
        "instance_uuid": "u",
        "request_id": "req-1",
        "user_id": "her",
        "project_id": "theirs",
    }
    assert made.values["deleted"] == 0
