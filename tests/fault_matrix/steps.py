# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of each job, read from the roles: every task that calls a module of the collection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
PREFIX = "stackmove.nova."

# The service that each module talks to; None where there is none. A module that is missing here is an error.
SERVICES: dict[str, str | None] = {
    "destination_guest": "libvirtd",
    "hypervisor_info": "libvirtd",
    "instance_rows": "mariadb",
    "instance_storage_probe": None,
    "move_phase_info": "mariadb",
    "move_plan": None,
    "move_proof": None,
    "move_state": "mariadb",
    "nova_config_info": None,
    "port_bindings": "neutron",
    "server_allocations": "placement",
    "server_move_info": "mariadb",
    "server_reboot": "nova",
    "source_guest": "libvirtd",
    "transfer_images": "glance",
    "volume_attachments": "cinder",
}

# What else a role may call: none of it reaches beyond the run itself.
HARMLESS = {
    f"ansible.builtin.{name}"
    for name in ("assert", "debug", "fail", "include_role", "include_tasks", "meta", "set_fact", "set_stats")
}
INCLUDES = ("ansible.builtin.include_tasks", "ansible.builtin.import_tasks")


@dataclass(frozen=True)
class Job:
    """A playbook with the roles whose steps are exercised.

    :param begins: the outcome in which a server has to be before it, see :mod:`checker`
    :param ends: the outcome of a run that nothing disturbs
    """

    playbook: str
    roles: tuple[str, ...]
    begins: str
    ends: str


JOBS = {
    "move": Job("cross_cell_resize", ("prep_dest", "prep_source", "finish"), "home", "moved"),
    "confirm": Job("confirm", ("confirm",), "moved", "confirmed"),
    "revert": Job("revert", ("revert",), "moved", "home"),
}
# It decides, and changes nothing.
ROLES_WITHOUT_STEPS = {"preflight"}
# What goes wrong with guests that belong to no cloud is tried in a scenario of theirs. Nor are live migrations in the
# matrix: a guest goes on with them, whatever becomes of the run.
OTHER_ROLES = {"domain_live_migrate", "live_prepare", "live_transfer", "live_finish"}


class UnknownStepError(Exception):
    """A task of which the matrix does not know what it does."""


@dataclass(frozen=True)
class Step:
    """A task that calls a module.

    :param number: within its job, from 1
    :param location: the end of the path and the number of the line by which Ansible knows the task
    :param place: where the module runs: ``controller``, ``source`` or ``destination``
    :param services: those that the module talks to
    :param resumed: only a run that goes on where another was killed makes it
    :param rebuilds: only a move over which Nova itself has died needs it
    """

    job: str
    number: int
    role: str
    name: str
    module: str
    state: str
    location: str
    place: str
    services: tuple[str, ...]
    resumed: bool
    rebuilds: bool

    @property
    def id(self) -> str:
        """What names the step on the command line and in the results."""
        return f"{self.job}.{self.number:02}"


def jobs(root: Path = ROOT) -> dict[str, Job]:
    """The jobs whose playbooks and roles are there."""
    return {name: job for name, job in JOBS.items() if (root / "playbooks" / f"{job.playbook}.yml").is_file()}


def steps(root: Path = ROOT) -> list[Step]:
    """All steps of all jobs, in their order; raises UnknownStepError for a task that this page does not know."""
    found = []
    for name, job in jobs(root).items():
        tasks = [task for role in job.roles for task in _tasks(root, Path("roles", role, "tasks", "main.yml"))]
        found += [_step(name, number, *task) for number, task in enumerate(tasks, 1)]
    return found


def _tasks(root: Path, file: Path) -> Iterator[tuple[Path, int, str, dict[str, Any]]]:
    """Yield file, line, module and document of each task that calls our modules, in a file and those it includes."""
    text = (root / file).read_text()
    yield from _walk(root, file, yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text))


def _walk(
    root: Path, file: Path, nodes: Any, documents: list[dict[str, Any]]
) -> Iterator[tuple[Path, int, str, dict[str, Any]]]:
    for node, task in zip(nodes.value, documents):
        parts = {key.value: value for key, value in node.value}
        if "block" in task:
            for part in ("block", "always"):
                if part in task:
                    yield from _walk(root, file, parts[part], task[part])
            continue
        include = next((task[key] for key in INCLUDES if key in task), None)
        if include is not None:
            yield from _tasks(root, file.parent / (include if isinstance(include, str) else include["file"]))
            continue
        module = next((key for key in task if key.startswith(PREFIX)), None)
        if module is not None:
            yield file, node.start_mark.line + 1, module.removeprefix(PREFIX), task
        elif not HARMLESS.intersection(task):
            raise UnknownStepError(f"{file}:{node.start_mark.line + 1}: nothing is known of what it does")


def _step(job: str, number: int, file: Path, line: int, module: str, task: dict[str, Any]) -> Step:
    if module not in SERVICES:
        raise UnknownStepError(f"{file}:{line}: which service does {module} talk to?")
    options = task[PREFIX + module] or {}
    delegated = task.get("delegate_to", "")
    place = next((side for side in ("source", "destination") if f".{side}." in delegated), "controller")
    if delegated and place == "controller":
        raise UnknownStepError(f"{file}:{line}: which side is {delegated}?")
    # A host's module that is given an endpoint talks to Glance too.
    services = (SERVICES[module], "glance" if "endpoint" in options else None)
    return Step(
        job=job,
        number=number,
        role=file.parts[1],
        name=_plain(task["name"]),
        module=module,
        state=_plain(str(options.get("state", ""))),
        location=f"/{file}:{line}",
        place=place,
        services=tuple(service for service in services if service),
        resumed="is not defined" in str(task.get("when", "")),
        rebuilds="_plan.rebuild" in str(task.get("when", "")),
    )


def _plain(text: str) -> str:
    """A text without its templates: ``to {{ plan.destination.host }}`` as ``to [host]``."""
    return re.sub(r"{{.*?(\w+)'? *}}", r"[\1]", text)
