# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Ansible and the plain Python of this collection meet: the only module_utils that knows both."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError

# The options of the doc fragment stackmove.nova.nova_db.
NOVA_DB_OPTIONS: dict[str, dict[str, Any]] = {
    "api_database": {"type": "str", "no_log": True},
    "main_database": {"type": "str", "no_log": True},
    "cell_databases": {"type": "dict", "no_log": True},
}
# The options of the doc fragments stackmove.nova.nova_move and nova_move.step.
STEP_OPTIONS: dict[str, dict[str, Any]] = {
    "server": {"type": "str", "required": True},
    "migration": {"type": "str", "required": True},
    "run": {"type": "str", "required": True},
    "previous_run": {"type": "str", "default": ""},
    "destination": {
        "type": "dict",
        "options": {
            "host": {"type": "str", "required": True},
            "node": {"type": "str", "required": True},
            "compute_id": {"type": "int", "required": True},
            "ip": {"type": "str", "required": True},
            "availability_zone": {"type": "str"},
        },
    },
    "volumes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "volume_id": {"type": "str", "required": True},
            "source_attachment_id": {"type": "str"},
            "destination_attachment_id": {"type": "str"},
            "mountpoint": {"type": "str"},
            "connection_info": {"type": "dict"},
        },
    },
    "bindings": {"type": "list", "elements": "dict", "default": []},
}


class Step(Protocol):
    """A step of a move that was planned, as :mod:`_nova.changes` does it."""

    @property
    def phase_before(self) -> str: ...

    @property
    def phase_after(self) -> str: ...

    def describe(self) -> list[str]: ...

    def apply(self) -> None: ...


def take(module: AnsibleModule, step: Step) -> dict[str, Any]:
    """Make a step, unless in check mode, and return a module's result."""
    if not module.check_mode:
        step.apply()
    changes = step.describe()
    return {
        "changed": bool(changes),
        "phase": step.phase_after,
        "changes": changes,
        "diff": {
            "before": f"phase: {step.phase_before}\n",
            "after": f"phase: {step.phase_after}\n" + "\n".join(changes),
        },
    }


def run_module(
    module: AnsibleModule,
    work: Callable[[AnsibleModule], Mapping[str, Any]],
    libraries: Mapping[str, str | None],
) -> None:
    """Do the work of a module, and leave with its result or with a message that the operator can use.

    :param work: takes the module and returns its result
    :param libraries: by name of a Python library, the traceback of its failed import, or None
    """
    for library, error in libraries.items():
        if error:
            module.fail_json(msg=missing_required_lib(library), exception=error)
    try:
        result = work(module)
    except StackmoveError as error:
        module.fail_json(msg=str(error), **error.result)
    except ImportError as error:
        # What only some hosts need is imported where it is used.
        module.fail_json(msg=missing_required_lib(str(error.name)))
    except OSError as error:
        module.fail_json(msg=f"Failed to work on this host: {error}. Remedy: Check space and permissions.")
    module.exit_json(**result)


def utc_now() -> str:
    """The time as Nova's databases hold it: UTC, whole seconds."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
