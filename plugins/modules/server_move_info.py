#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_move_info
short_description: Where a server is, where it may go, and how far its move has come
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Reads Nova's databases and the APIs of Nova, Neutron, Cinder, Glance and Placement, and changes nothing.
  - The phase of a move is derived from these systems each time; it is remembered by nobody else.
extends_documentation_fragment:
  - stackmove.nova.attributes.info
  - stackmove.nova.attributes.actiongroup_nova_db
  - stackmove.nova.attributes.actiongroup_cloud
  - stackmove.nova.nova_db
  - stackmove.nova.cloud
options:
  server:
    description: Name or UUID of the server. A name that several servers have is refused.
    type: str
    required: true
  destination_host:
    description:
      - Compute host to move to. Without it, the host of another enabled cell that has most free memory and on which
        Placement has room is proposed.
      - A move that is under way keeps the destination that it has.
    type: str
  flavor:
    description: Name or id of the flavor to resize to.
    type: str
seealso:
  - module: stackmove.nova.move_plan
  - module: stackmove.nova.hypervisor_info
"""

EXAMPLES = r"""
- name: How far is the move of web1?
  stackmove.nova.server_move_info:
    api_database: "{{ stackmove_api_database }}"
    cloud: "{{ stackmove_cloud }}"
    server: web1
  register: web1

- name: Show it
  ansible.builtin.debug:
    var: web1.move.phase
"""

RETURN = r"""
move:
  description:
    - What was found. C(phase) is one of V(none), V(started), V(copied), V(prepared), V(stopping), V(departed),
      V(finished), V(confirming).
  returned: success
  type: dict
  contains:
    phase:
      description: How far the move is.
      type: str
    migration:
      description: The migration that is under way, if any.
      type: dict
    server:
      description: The server as the APIs show it, with ports, volumes and allocations.
      type: dict
    source:
      description: The compute host that it leaves.
      type: dict
    destination:
      description: The compute host that takes it.
      type: dict
  sample:
    phase: none
    migration: null
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    CLOUD_OPTIONS,
    OPENSTACKSDK_IMPORT_ERROR,
    connect,
)
from ansible_collections.stackmove.nova.plugins.module_utils._edge import NOVA_DB_OPTIONS, run_module
from ansible_collections.stackmove.nova.plugins.module_utils._move.observation import Wish, observe_move
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import open_cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import PYMYSQL_IMPORT_ERROR


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    cells = open_cells(params)
    conn = connect(params["cloud"], params["service_cloud"])
    wish = Wish(params["server"], params["destination_host"], params["flavor"])
    return {"changed": False, "move": observe_move(cells, conn, wish)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NOVA_DB_OPTIONS,
            **CLOUD_OPTIONS,
            "server": {"type": "str", "required": True},
            "destination_host": {"type": "str"},
            "flavor": {"type": "str"},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"PyMySQL": PYMYSQL_IMPORT_ERROR, "openstacksdk": OPENSTACKSDK_IMPORT_ERROR})


if __name__ == "__main__":
    main()
