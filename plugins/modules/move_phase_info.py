#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: move_phase_info
short_description: How far a cross-cell move is, by Nova's databases alone
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Reads the phase of a move and the cell in which the server lives. It needs no API, so that a rollback can decide
    what it may touch while Glance, Cinder or Neutron is down.
extends_documentation_fragment:
  - stackmove.nova.attributes.info
  - stackmove.nova.attributes.actiongroup_nova_db
  - stackmove.nova.nova_db
  - stackmove.nova.nova_move
options:
  source_cell:
    description: UUID or name of the cell that the server leaves.
    type: str
    required: true
  target_cell:
    description: UUID or name of the cell that the server enters.
    type: str
    required: true
seealso:
  - module: stackmove.nova.server_move_info
  - module: stackmove.nova.move_state
"""

EXAMPLES = r"""
- name: Where does the server live?
  stackmove.nova.move_phase_info:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33
    source_cell: cell1
    target_cell: cell2
"""

RETURN = r"""
phase:
  description:
    - How far the move is. V(reverting) and V(returned) are on the way back from V(finished).
    - V(foreign) is what neither Nova nor this collection leaves behind.
  returned: success
  type: str
  sample: departed
cell:
  description: Name of the cell to which the server is mapped.
  returned: success
  type: str
  sample: cell1
moved:
  description: Whether that is O(target_cell).
  returned: success
  type: bool
run:
  description: The run that works on the server, or an empty text.
  returned: success
  type: str
  sample: '{"host": "controller", "pid": 4711}'
deleted:
  description: Whether the server's owner has deleted it, or is about to.
  returned: success
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import NOVA_DB_OPTIONS, run_module
from ansible_collections.stackmove.nova.plugins.module_utils._nova import steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import open_cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import PYMYSQL_IMPORT_ERROR


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    cells = open_cells(params)
    source, target = cells.by_uuid(params["source_cell"]), cells.by_uuid(params["target_cell"])
    found = steps.where(cells, source, target, params["server"], params["migration"])
    return {
        "changed": False,
        "phase": found.phase,
        "cell": found.home.name,
        "moved": found.home.id == target.id,
        "run": found.run,
        "deleted": found.deleted,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NOVA_DB_OPTIONS,
            "server": {"type": "str", "required": True},
            "migration": {"type": "str", "required": True},
            "source_cell": {"type": "str", "required": True},
            "target_cell": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"PyMySQL": PYMYSQL_IMPORT_ERROR})


if __name__ == "__main__":
    main()
