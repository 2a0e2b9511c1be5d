# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checker says nothing of a server that is whole, and names each thing that is amiss."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.tests.fault_matrix import checker
from ansible_collections.stackmove.nova.tests.fault_matrix.checker import Facts, OnHost, Way

ID = "e7a1b3c5-0000-4000-8000-000000000001"
PORT = "aaaaaaaa-bbbb-4000-8000-000000000002"
WAY = Way("compute11", "compute21")
SEATS = {"home": "compute11", "moved": "compute21", "confirmed": "compute21"}
FILES = (f"{ID} 755 64060 64060", f"{ID}/disk 644 64055 64055")
Rows = dict[str, list[dict[str, Any]]]


def cell_rows(cell: str, kind: str, hidden: bool) -> Rows:
    """The rows of the server in one cell."""
    resized = kind == "moved" and not hidden
    host = SEATS[kind]
    return {
        f"{cell}.instances": [
            {"host": host, "hidden": int(hidden), "deleted": 0, "vm_state": "resized" if resized else "active"}
        ],
        f"{cell}.instance_system_metadata": [{"key": "old_vm_state", "deleted": 0}] if kind == "moved" else [],
        f"{cell}.instance_extra": [
            {"deleted": 0, "migration_context": "{}" if resized else None, "flavor": '{"cur": {}, "old": null}'}
        ],
        f"{cell}.block_device_mapping": [
            {"deleted": 0, "volume_id": None, "attachment_id": None},
            {"deleted": 0, "volume_id": "volume", "attachment_id": "held" if host else None},
        ],
    }


def whole(kind: str) -> Facts:
    """What all systems have of a server that is whole."""
    host = SEATS[kind]
    moved = kind == "moved"
    rows: Rows = {
        "nova_api.cell_mappings": [{"id": "2", "name": "cell1"}, {"id": "3", "name": "cell2"}],
        "nova_api.instance_mappings": [{"cell_id": 2 if kind == "home" else 3, "queued_for_delete": 0}],
        "nova_api.request_specs": [{"spec": json.dumps({"nova_object.data": {"flavor": {"vcpus": 1}}})}],
        "cinder.volume_attachment": [
            {"id": "held", "attach_status": "attached", "deleted": 0},
            {"id": "old", "attach_status": "detached", "deleted": 1},
        ],
        **cell_rows(checker.CELLS[host], kind, hidden=False),
        **(cell_rows("nova_cell1", kind, hidden=True) if moved else {}),
    }
    api: dict[str, Any] = {
        **dict.fromkeys(checker.KEPT),
        "id": ID,
        "status": "VERIFY_RESIZE" if moved else "ACTIVE",
        "task_state": None,
        "power_state": 1,
        "host": host,
        "flavor": "m1.nano",
        "volumes": ["volume"],
        "ports": {PORT: {"status": "ACTIVE", "bindings": {host: "ACTIVE"}}},
        "attachments": {"volume": ["attached"]},
        "allocations": [host],
        "migrations": [{"status": "confirmed", "allocations": []}],
        "images": [],
    }
    if moved:
        api["ports"][PORT]["bindings"]["compute11"] = "INACTIVE"
        api["attachments"]["volume"].append("reserved")
        api["migrations"] = [{"status": "finished", "allocations": ["compute11"]}]
    hosts = {name: OnHost("", "", (), frozenset({"lo"})) for name in checker.CELLS}
    if moved:
        hosts["compute11"] = OnHost("", "", (*FILES, f"{ID}/stackmove-state.json 600 0 0"), frozenset())
    hosts[host] = OnHost("running", "<domain/>", FILES, frozenset({"lo", f"tap{PORT[:11]}"}))
    disk = {"text": "1 0.1\n2 0.3\n", "last": 2, "complete": True}
    guest = {"root": disk, "volume": disk, "addresses": ["10.88.0.5"], "reaches": ["10.88.0.2"]}
    return deepcopy(Facts(api, guest, rows, hosts, ()))


@pytest.mark.parametrize("kind", checker.OUTCOMES)
def test_nothing_is_amiss_with_a_whole_server(kind: str) -> None:
    facts = whole(kind)
    assert checker.outcome(facts, WAY) == kind
    assert checker.amiss(facts, whole("home"), WAY, kind) == []


def left_file(facts: Facts) -> None:
    facts.hosts["compute21"] = replace(facts.hosts["compute21"], files=("_base/1234.part",))


def left_link(facts: Facts) -> None:
    facts.hosts["compute21"] = replace(facts.hosts["compute21"], links=frozenset({f"tap{PORT[:11]}"}))


def left_note(facts: Facts) -> None:
    files = (*FILES, f"{ID}/stackmove-state.json 600 0 0")
    facts.hosts["compute11"] = replace(facts.hosts["compute11"], files=files)


def two_guests(facts: Facts) -> None:
    facts.hosts["compute21"] = replace(facts.hosts["compute21"], state="running")


def lost_writes(facts: Facts) -> None:
    facts.guest["root"] = {"text": "1 0.1\n", "last": 1, "complete": True}


def put(table: str, **columns: Any) -> Callable[[Facts], None]:
    """Change the first row of a table, or add one to a table that has none."""

    def change(facts: Facts) -> None:
        rows = facts.rows.setdefault(table, [])
        if not rows:
            rows.append({"deleted": 0})
        rows[0].update(columns)

    return change


def api(**fields: Any) -> Callable[[Facts], None]:
    """Change what the API shows."""
    return lambda facts: facts.api.update(fields)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (left_file, "files on compute21"),
        (left_link, "links on compute21"),
        (left_note, "files of ours on compute11"),
        (two_guests, "the guest runs on compute11 and compute21"),
        (lost_writes, "root disk has lost"),
        (api(task_state="resize_prep"), "task_state: resize_prep"),
        (api(allocations=["compute21"]), "allocations: ['compute21']"),
        (api(images=["left"]), "images: ['left']"),
        (api(attachments={"volume": ["attached", "reserved"]}), "attachments: "),
        (api(migrations=[{"status": "migrating", "allocations": []}]), "still migrating"),
        (api(migrations=[{"status": "error", "allocations": ["compute11"]}]), "allocations of migrations"),
        (put("nova_cell2.instances", hidden=1, vm_state="active", host=None), "rows in the other cell"),
        (put("nova_cell1.instances", hidden=1), "is shown by no cell"),
        (put("nova_api.instance_mappings", cell_id=3), "the mapping names nova_cell2"),
        (put("nova_api.request_specs", spec='{"nova_object.data": {"flavor": {"vcpus": 2}}}'), "request spec"),
        (put("nova_cell1.instance_extra", migration_context="{}"), "migration_context"),
        (put("nova_cell1.instance_extra", flavor='{"cur": {}, "new": {}}'), "old and new flavor"),
        (put("nova_cell1.instance_system_metadata", key="stackmove_run"), "system metadata in nova_cell1"),
        (put("nova_cell1.block_device_mapping", volume_id="volume", attachment_id="gone"), "block devices name"),
    ],
)
def test_what_is_amiss_is_named(break_it: Callable[[Facts], None], said: str) -> None:
    facts = whole("home")
    break_it(facts)
    problems = checker.amiss(facts, whole("home"), WAY, "home")
    assert any(said in problem for problem in problems), problems


def test_a_failure_has_to_be_told() -> None:
    facts = whole("home")
    assert len(list(checker.untold(facts, "nova_cell1", "2026-01-02 00:00:00"))) == 2
    facts.rows["nova_cell1.instance_faults"] = [{"created_at": "2026-01-02 00:00:01"}]
    facts.rows["nova_cell1.instance_actions_events"] = [{"result": "Error", "finish_time": "2026-01-02 00:00:01"}]
    assert list(checker.untold(facts, "nova_cell1", "2026-01-02 00:00:00")) == []
