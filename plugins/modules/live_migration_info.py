#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: live_migration_info
short_description: How far a server's live migration is, by Nova's database alone
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Reads the phase of a live migration, Nova's own as well, and the host where the database has the
    server. It needs no API, so that a rollback can decide what it may touch while others are down.
  - From V(running) on the guest may be at either host. Ask libvirt on both (M(stackmove.nova.hypervisor_info)) before
    anything is removed.
extends_documentation_fragment:
  - stackmove.nova.attributes.info
  - stackmove.nova.attributes.actiongroup_nova_db
  - stackmove.nova.nova_db
  - stackmove.nova.nova_move
options:
  source_cell:
    description: UUID or name of the cell that the server leaves. Left out, it stays within its cell.
    type: str
  target_cell:
    description: UUID or name of the cell that it enters.
    type: str
seealso:
  - module: stackmove.nova.live_migration_state
"""

EXAMPLES = r"""
- name: How far is it?
  stackmove.nova.live_migration_info:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 5d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b88
"""

RETURN = r"""
phase:
  description: How far it is; V(none) before it has begun, and when it is over.
  returned: success
  type: str
  sample: running
status:
  description: The migration's status; empty if there is none.
  returned: success
  type: str
  sample: running
host:
  description: Where the database has the server; V(null) if its owner has deleted it.
  returned: success
  type: str
  sample: compute11
run:
  description: The run that works on the server, or an empty text.
  returned: success
  type: str
  sample: '{"host": "controller", "pid": 4711}'
cell:
  description: Name of the cell in which the server lives, or has lived until it was deleted.
  returned: success
  type: str
  sample: cell1
vm_state:
  description: The server's C(vm_state); V(null) where RV(host) is.
  returned: success
  type: str
  sample: active
deleted:
  description: Whether the server's owner has deleted it, or is about to. One that is V(soft-delete) can be restored.
  returned: success
  type: bool
gone:
  description: Whether Nova has done with deleting it, so that what is left of it anywhere is nobody's.
  returned: success
  type: bool
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import NOVA_DB_OPTIONS, run_module
from ansible_collections.stackmove.nova.plugins.module_utils._nova import live
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import open_cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import PYMYSQL_IMPORT_ERROR


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    cells, crossing = open_cells(params), None
    if params["source_cell"]:
        crossing = cells.by_uuid(params["source_cell"]), cells.by_uuid(params["target_cell"])
    found = live.where(cells, params["server"], params["migration"], crossing)
    return {
        "changed": False,
        "phase": found.phase,
        "status": found.seat.status,
        "cell": found.cell,
        "host": found.seat.instance["host"] if found.seat.instance else None,
        "vm_state": found.seat.instance["vm_state"] if found.seat.instance else None,
        "run": found.seat.run,
        "deleted": found.deleted,
        "gone": found.gone,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NOVA_DB_OPTIONS,
            "server": {"type": "str", "required": True},
            "migration": {"type": "str", "required": True},
            "source_cell": {"type": "str"},
            "target_cell": {"type": "str"},
        },
        supports_check_mode=True,
        required_together=[("source_cell", "target_cell")],
    )
    run_module(module, work, {"PyMySQL": PYMYSQL_IMPORT_ERROR})


if __name__ == "__main__":
    main()
