#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: move_state
short_description: The state of a cross-cell move in Nova's databases
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Takes a move one step further in Nova's databases, with the states, actions and events that Nova itself would write,
    so that its API tells the story and its services keep away from the server meanwhile.
  - Each step is guarded by the state that the step before has left. Of two runs for one server, exactly one proceeds;
    the other fails and changes nothing.
  - How far a move is can be read from the databases at any time, so a step that was made already is not made again.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_nova_db
  - stackmove.nova.nova_db
  - stackmove.nova.nova_move
  - stackmove.nova.nova_move.step
options:
  source_cell:
    description: UUID or name of the cell that the server leaves.
    type: str
    required: true
  target_cell:
    description: UUID or name of the cell that the server enters.
    type: str
    required: true
  state:
    description:
      - V(started) takes the server, so that nobody else works on it. V(confirming), V(reverting) and V(resumed) take
        it, too; V(finished), V(confirmed), V(reverted), V(waiting) and V(aborted) give it back.
      - V(prepared) names the O(destination) in both cells; the rows must have been copied.
      - V(stopping) announces that the guest will be stopped. From here on it may be off.
      - V(departed) records that the guest is off, and its volumes and ports are handed over. From here on it may run at
        the destination.
      - V(finished) flips the server to its new cell, where it is then C(VERIFY_RESIZE).
      - V(confirming) and V(confirmed) end the move.
      - V(reverting) takes a finished move back. From here on the guest may be off at its destination, and run at the
        host that it has come from.
      - V(returned) flips the server back to its old cell, with the volumes, the actions and the name that it got
        meanwhile. It needs those O(volumes), too, that were attached meanwhile.
      - V(reverted) makes it an ordinary server of its old cell. Its rows in the target cell must have been deleted.
      - V(aborted) gives the server back as it was before V(started). The copied rows must have been deleted. Of a
        server that its owner has deleted meanwhile, it ends the migration.
      - V(waiting) takes back what V(confirming) or V(reverting) has begun, so that the move waits in C(VERIFY_RESIZE)
        as after V(finished), and can be confirmed or reverted. The guest and its disks, volumes and ports must be where
        they were then.
      - V(resumed) takes the place of a run that is dead, or of Nova where its conductor has died, in any of these
        states.
    type: str
    choices:
      - started
      - prepared
      - stopping
      - departed
      - finished
      - confirming
      - confirmed
      - reverting
      - returned
      - reverted
      - waiting
      - resumed
      - aborted
    required: true
  flavor:
    description: Name or flavor id of the new flavor of a resize. Left out for a cold migration.
    type: str
  availability_zone:
    description:
      - For V(reverting), the availability zone of the host to which the server returns. Left out, the one that it had
        there.
      - For V(waiting), that of the host at which it stays, since V(reverting) has named the other. Left out, it is not
        changed.
    type: str
  running:
    description: Whether the guest runs at the destination.
    type: bool
    default: true
  error:
    description:
      - Why the move is aborted; becomes the server's fault.
      - For V(waiting), why the confirmation or the revert is taken back; ends the events of its action.
    type: str
    default: ""
seealso:
  - module: stackmove.nova.instance_rows
  - module: stackmove.nova.server_move_info
"""

EXAMPLES = r"""
- name: Take the server for a move
  stackmove.nova.move_state:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33
    source_cell: cell1
    target_cell: cell2
    run: '{"host": "controller", "pid": 4711}'
    state: started

- name: Go on in the place of a run that is dead
  stackmove.nova.move_state:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33
    source_cell: cell1
    target_cell: cell2
    previous_run: '{"host": "controller", "pid": 4711}'
    run: '{"host": "controller", "pid": 4722}'
    state: resumed

- name: Let the move wait again, since it cannot be confirmed now
  stackmove.nova.move_state:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33
    source_cell: cell1
    target_cell: cell2
    run: '{"host": "controller", "pid": 4711}'
    state: waiting
    error: compute12 does not answer

- name: Give it back
  stackmove.nova.move_state:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33
    source_cell: cell1
    target_cell: cell2
    run: '{"host": "controller", "pid": 4711}'
    state: aborted
    error: No space left on compute21
"""

RETURN = r"""
phase:
  description: How far the move is now.
  returned: success
  type: str
  sample: prepared
changes:
  description: What was changed, a line each, without secrets.
  returned: success
  type: list
  elements: str
  sample: ["source: instances.task_state = resize_prep"]
"""

import platform
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import (
    NOVA_DB_OPTIONS,
    STEP_OPTIONS,
    run_module,
    take,
    utc_now,
)
from ansible_collections.stackmove.nova.plugins.module_utils._nova import flavors, steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import open_cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import PYMYSQL_IMPORT_ERROR
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import Destination, Move


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    cells = open_cells(params)
    source, target = cells.by_uuid(params["source_cell"]), cells.by_uuid(params["target_cell"])
    flavor = flavors.new_flavor(cells, source, params["server"], params["flavor"])
    move = Move(
        server=params["server"],
        migration=params["migration"],
        now=utc_now(),
        reporter=platform.node(),
        destination=Destination(**params["destination"]) if params["destination"] else None,
        flavor=flavor.document if flavor else None,
        flavor_id=flavor.id if flavor else None,
        volumes={volume["volume_id"]: volume for volume in params["volumes"]},
        bindings=params["bindings"],
        running=params["running"],
        error=params["error"],
        availability_zone=params["availability_zone"],
        run=params["run"],
        previous_run=params["previous_run"],
    )
    return take(module, steps.plan(cells, source, target, move, params["state"]))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NOVA_DB_OPTIONS,
            **STEP_OPTIONS,
            "source_cell": {"type": "str", "required": True},
            "target_cell": {"type": "str", "required": True},
            "state": {"type": "str", "choices": [*steps.STATES], "required": True},
            "availability_zone": {"type": "str"},
            "flavor": {"type": "str"},
            "running": {"type": "bool", "default": True},
            "error": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"PyMySQL": PYMYSQL_IMPORT_ERROR})


if __name__ == "__main__":
    main()
