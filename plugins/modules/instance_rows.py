#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_rows
short_description: A server's rows in a cell's database
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Copies every row of a server from one cell's database to another's, column by column, in one transaction,
    hidden from the API until M(stackmove.nova.move_state) flips the server to its new cell.
  - Deletes the server's rows from the cell in which it does not live, leaving no soft-deleted row behind
    that would collide with the next move.
  - Its cost does not depend on how many servers the cell has; every query goes by an index.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_nova_db
  - stackmove.nova.nova_db
  - stackmove.nova.nova_move
options:
  cell:
    description: UUID or name of the cell in whose database the rows shall be, or shall not be.
    type: str
    required: true
  state:
    description:
      - V(copied) brings a hidden copy of the server's rows to O(cell).
      - V(absent) deletes them there; refused where the server lives.
    type: str
    choices: [copied, absent]
    default: copied
  run:
    description:
      - The run that works on the server, as in O(stackmove.nova.move_state#module:run).
      - Nothing is changed if another one has taken the server over. Left out, that is not looked at.
    type: str
seealso:
  - module: stackmove.nova.move_state
  - module: stackmove.nova.server_move_info
"""

EXAMPLES = r"""
- name: Bring the server's rows to the target cell
  stackmove.nova.instance_rows:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33
    cell: 5a8f3a52-6a6c-4a8e-93b0-8c1d6b2f7e01

- name: Take them back
  stackmove.nova.instance_rows:
    api_database: "{{ stackmove_api_database }}"
    server: 6d2c1f9e-58a5-4f6b-9a1e-0a4a8f3c7d11
    migration: 0d0f2f0a-9a64-4a1f-8f0f-1f0a6f1c2b33
    cell: 5a8f3a52-6a6c-4a8e-93b0-8c1d6b2f7e01
    state: absent
"""

RETURN = r"""
cell:
  description: Name of the cell.
  returned: success
  type: str
  sample: cell2
rows:
  description: Number of rows by table that were copied or deleted, or would be in check mode.
  returned: success
  type: dict
  sample: {"instances": 1, "instance_system_metadata": 21}
instance_id:
  description: The instance's id in O(cell), which names its libvirt domain. Null in check mode and after V(absent).
  returned: success
  type: int
  sample: 5
domain_name:
  description: Name that the libvirt domain has in O(cell), by Nova's default C(instance_name_template). Null where
    RV(instance_id) is.
  returned: success
  type: str
  sample: instance-00000005
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import NOVA_DB_OPTIONS, run_module
from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._nova import rows, steps
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import Cell, Cells, open_cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import PYMYSQL_IMPORT_ERROR


def copied(module: AnsibleModule, cells: Cells, cell: Cell) -> dict[str, Any]:
    server, target = module.params["server"], cells.database(cell)
    if rows.is_copied(target, server, module.params["migration"]):
        return {"changed": False, "rows": {}, "diff": {"before": "", "after": ""}}
    source = rows.read_rows(cells.database(cells.of_server(server)), server)
    if not source["instances"]:
        raise ConflictError(
            f"copy server {server} to {cell.name}",
            "its owner has deleted it meanwhile.",
            "Take back what was made ready for it.",
        )
    planned = rows.plan_copy(source, {table: target.columns(table) for table in source})
    in_the_way = rows.leftovers(target, planned)
    if in_the_way:
        raise ConflictError(
            f"copy server {server} to {cell.name}",
            f"an earlier move left {'; '.join(in_the_way)} in its database.",
            "Delete those rows (nova-manage db archive_deleted_rows takes the soft-deleted ones).",
        )
    if not module.check_mode:
        rows.write_rows(target, planned)
    after = {t: [rows.redacted(t, row) for row in found] for t, found in planned.items() if found}
    counts = {table: len(found) for table, found in after.items()}
    return {"changed": True, "rows": counts, "diff": {"before": {}, "after": after}}


def absent(module: AnsibleModule, cells: Cells, cell: Cell) -> dict[str, Any]:
    server, database = module.params["server"], cells.database(cell)
    counts = rows.count_rows(database, server)
    if counts and cells.of_server(server).id == cell.id:
        raise ConflictError(
            f"delete the rows of server {server} in {cell.name}",
            "the API database says that the server lives in that cell.",
            "Look at it with server_move_info.",
        )
    home = cells.database(cells.of_server(server))
    if counts.get("instances") and not rows.is_brought_by(database, home, server, module.params["migration"]):
        raise ConflictError(
            f"delete the rows of server {server} in {cell.name}",
            f"migration {module.params['migration']} did not bring them there.",
            "Look at them with server_move_info; another move may own them.",
        )
    if counts and not module.check_mode:
        rows.delete_rows(database, server)
    return {"changed": bool(counts), "rows": counts, "diff": {"before": counts, "after": {}}}


def work(module: AnsibleModule) -> dict[str, Any]:
    cells = open_cells(module.params)
    cell = cells.by_uuid(module.params["cell"])
    if module.params["run"]:
        steps.require_run(cells, module.params["server"], module.params["run"])
    state = {"copied": copied, "absent": absent}[module.params["state"]]
    result = state(module, cells, cell)
    instances = cells.database(cell).select("instances", uuid=module.params["server"])
    instance_id = instances[0]["id"] if instances else None
    name = f"instance-{instance_id:08x}" if isinstance(instance_id, int) else None
    return {**result, "cell": cell.name, "instance_id": instance_id, "domain_name": name}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NOVA_DB_OPTIONS,
            "server": {"type": "str", "required": True},
            "migration": {"type": "str", "required": True},
            "cell": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["copied", "absent"], "default": "copied"},
            "run": {"type": "str"},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"PyMySQL": PYMYSQL_IMPORT_ERROR})


if __name__ == "__main__":
    main()
