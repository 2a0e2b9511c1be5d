# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.tests.fault_matrix import matrix
from ansible_collections.stackmove.nova.tests.fault_matrix.steps import (
    JOBS,
    OTHER_ROLES,
    PREFIX,
    ROLES_WITHOUT_STEPS,
    ROOT,
    UnknownStepError,
    steps,
)

STEPS = steps()


def role(folder: Path, tasks: str) -> Path:
    """A collection with one playbook, whose only role has these tasks."""
    for name, job in JOBS.items():
        for part in job.roles:
            file = folder / "roles" / part / "tasks" / "main.yml"
            file.parent.mkdir(parents=True)
            file.write_text(tasks if name == "confirm" else "[]")
    (folder / "playbooks").mkdir()
    (folder / "playbooks" / "confirm.yml").touch()
    return folder


def test_every_role_is_in_a_job() -> None:
    roles = {path.name for path in (ROOT / "roles").iterdir()}
    assert roles == {part for job in JOBS.values() for part in job.roles} | ROLES_WITHOUT_STEPS | OTHER_ROLES


def test_every_call_of_a_module_is_a_step() -> None:
    """Counted another way: by the lines that name a module, in whatever file of a role that is no rollback."""
    lines = [
        (str(file), number)
        for job in JOBS.values()
        for part in job.roles
        for file in (ROOT / "roles" / part / "tasks").glob("*.yml")
        if file.name != "rollback.yml"
        for number, line in enumerate(file.read_text().splitlines())
        if line.strip().startswith(PREFIX)
    ]
    assert len(lines) == len(STEPS)


def test_the_location_is_where_the_task_begins() -> None:
    for step in STEPS:
        file, _colon, line = step.location.rpartition(":")
        text = (ROOT / file.lstrip("/")).read_text().splitlines()[int(line) - 1]
        assert text.strip().startswith("- name: ")


def test_a_step_knows_where_it_runs_and_what_it_talks_to() -> None:
    found = {(step.module, step.state): step for step in STEPS if step.job == "move"}
    assert found["destination_guest", "staged"].place == "destination"
    assert found["destination_guest", "staged"].services == ("libvirtd", "glance")
    assert found["source_guest", "released"].place == "source"
    assert found["move_state", "prepared"].place == "controller"
    assert found["port_bindings", "active"].services == ("neutron",)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ("- name: Do it\n  stackmove.nova.no_such_module:\n", "which service does no_such_module talk to"),
        ("- name: Do it\n  ansible.builtin.command: rm -r /\n", "nothing is known of what it does"),
        ("- name: Do it\n  delegate_to: elsewhere\n  stackmove.nova.move_state:\n", "which side is elsewhere"),
    ],
)
def test_what_is_unknown_is_an_error(tmp_path: Path, tasks: str, message: str) -> None:
    with pytest.raises(UnknownStepError, match=message):
        steps(role(tmp_path, tasks))


def test_blocks_and_included_files_are_followed(tmp_path: Path) -> None:
    folder = role(
        tmp_path,
        """
- name: Together
  block:
    - name: One to {{ plan.destination.host }}
      stackmove.nova.move_state:
        state: confirming
  always:
    - name: Two
      delegate_to: "{{ plan.source.inventory_name }}"
      stackmove.nova.source_guest:
- name: More
  ansible.builtin.include_tasks:
    file: more.yml
""",
    )
    (folder / "roles/confirm/tasks/more.yml").write_text("- name: Three\n  stackmove.nova.move_proof:\n")
    assert [(step.id, step.name, step.place, step.location) for step in steps(folder)] == [
        ("confirm.01", "One to [host]", "controller", "/roles/confirm/tasks/main.yml:4"),
        ("confirm.02", "Two", "source", "/roles/confirm/tasks/main.yml:8"),
        ("confirm.03", "Three", "controller", "/roles/confirm/tasks/more.yml:1"),
    ]


@pytest.mark.parametrize("cases", [matrix.every_case(STEPS), matrix.few_cases(STEPS)], ids=["every", "few"])
def test_each_step_and_each_fault_is_there(cases: list[matrix.Case]) -> None:
    shots = [shot for case in cases for shot in case.shots]
    assert {shot.step for shot in shots} == set(STEPS)
    assert {shot.fault for shot in shots} == set(matrix.FAULTS)
    assert len({case.id for case in cases}) == len(cases)


def test_the_whole_matrix_has_all_that_can_happen_in_a_step() -> None:
    found = {case.shots[-1].id for case in matrix.every_case(STEPS)}
    for step in STEPS:
        if step.rebuilds:
            continue
        wanted = {
            "task_fails_before",
            "task_fails_after",
            "module_killed",
            "controller_killed",
            "controller_terminated",
        }
        wanted |= {f"service_stopped:{service}" for service in step.services}
        wanted |= {"host_unreachable"} if step.place != "controller" else set()
        assert {f"{step.id}:{fault}" for fault in wanted} <= found


def test_only_a_run_that_goes_on_makes_some_steps() -> None:
    for case in matrix.every_case(STEPS):
        assert len(case.shots) == (2 if case.shots[-1].step.resumed else 1)
