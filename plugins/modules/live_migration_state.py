#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: live_migration_state
short_description: The state of a server's live migration in Nova's databases
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Takes the live migration of a server one step further in Nova's databases, with the states, actions and events that
    Nova itself would write, so that its API tells the story and its services keep away from the server meanwhile.
  - Between cells, its rows have to be copied to O(target_cell) between V(preparing) and V(running), and deleted in
    O(source_cell) between V(arrived) and V(completed), both by M(stackmove.nova.instance_rows).
  - Each step is guarded by the state that the step before has left. Of two runs for one server, exactly one proceeds;
    the other fails and changes nothing.
  - How far it is can be read from the database at any time, so a step that was made already is not made again.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_nova_db
  - stackmove.nova.nova_db
  - stackmove.nova.nova_move
  - stackmove.nova.nova_move.step
options:
  state:
    description:
      - V(preparing) takes the server, so that nobody else works on it, and names the O(destination), which V(arrived)
        needs, too.
      - V(running) announces the migration of the guest. From here on it may be at either host, whatever happens to this
        run, and only libvirt on both of them tells where. While a migration is in this state, nova-compute at the
        source may activate the destination's port bindings as soon as the guest pauses there, and C(openstack server
        migration abort) ends it.
      - V(arrived) records that the guest is at its destination, with the volumes and ports that it has there, and flips
        the server to O(target_cell). It must have been seen there. Nothing leads back from here.
      - V(completed) gives the server back to its user. The source must have been cleaned.
      - V(aborted) gives the server back as it was. The guest must have been seen at its source, and nothing of it may
        be left at its destination. Of a server that its owner has deleted meanwhile, it ends the migration.
      - V(resumed) takes the place of a run that is dead, in any of these states.
    type: str
    choices: [preparing, running, arrived, completed, resumed, aborted]
    required: true
  source_cell:
    description: UUID or name of the cell that the server leaves. Left out, it stays within its cell.
    type: str
  target_cell:
    description: UUID or name of the cell that it enters.
    type: str
  running:
    description: Whether the guest runs at the destination; if not, it is paused there.
    type: bool
    default: true
  guest_off:
    description:
      - Whether V(aborted) gives back a server whose guest was seen to be off at its source, since it has crashed or was
        shut down meanwhile. Then it is a stopped one.
    type: bool
    default: false
  error:
    description: Why it is aborted; ends the events of its action.
    type: str
    default: ""
seealso:
  - module: stackmove.nova.live_migration_info
  - module: stackmove.nova.domain_live_migration
"""

EXAMPLES = r"""
- name: Take the server for a live migration
  stackmove.nova.live_migration_state:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 5d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b88
    run: '{"host": "controller", "pid": 4711}'
    destination:
      host: compute12
      node: compute12
      compute_id: 2
      ip: 192.0.2.12
      availability_zone: nova
    state: preparing

- name: Record that the guest is at its destination
  stackmove.nova.live_migration_state:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 5d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b88
    run: '{"host": "controller", "pid": 4711}'
    destination: "{{ destination }}"
    volumes: "{{ awaited.volumes }}"
    bindings: "{{ bound.bindings }}"
    state: arrived
  no_log: true
"""

RETURN = r"""
phase:
  description: How far it is now; V(none) before it has begun, and when it is over.
  returned: success
  type: str
  sample: running
changes:
  description: What was changed, a line each, without secrets.
  returned: success
  type: list
  elements: str
  sample: ["source: instances.task_state = migrating"]
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
from ansible_collections.stackmove.nova.plugins.module_utils._nova import live
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cells, open_cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import PYMYSQL_IMPORT_ERROR
from ansible_collections.stackmove.nova.plugins.module_utils._nova.states import Destination, Move


def crossing(cells: Cells, params: dict[str, Any]) -> live.Crossing:
    """Return the cells between which the server goes."""
    if not params["source_cell"]:
        return None
    return cells.by_uuid(params["source_cell"]), cells.by_uuid(params["target_cell"])


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    move = Move(
        server=params["server"],
        migration=params["migration"],
        now=utc_now(),
        reporter=platform.node(),
        destination=Destination(**params["destination"]) if params["destination"] else None,
        volumes={volume["volume_id"]: volume for volume in params["volumes"]},
        bindings=params["bindings"],
        running=params["running"],
        off=params["guest_off"],
        error=params["error"],
        run=params["run"],
        previous_run=params["previous_run"],
    )
    cells = open_cells(params)
    return take(module, live.plan(cells, move, params["state"], crossing(cells, params)))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NOVA_DB_OPTIONS,
            **STEP_OPTIONS,
            "state": {"type": "str", "choices": [*live.STATES], "required": True},
            "source_cell": {"type": "str"},
            "target_cell": {"type": "str"},
            "running": {"type": "bool", "default": True},
            "guest_off": {"type": "bool", "default": False},
            "error": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
        required_together=[("source_cell", "target_cell")],
    )
    run_module(module, work, {"PyMySQL": PYMYSQL_IMPORT_ERROR})


if __name__ == "__main__":
    main()
