#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_allocations
short_description: What a server uses of two hosts while it moves
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - While a server moves, Placement accounts its source to the migration and its destination to the server, as Nova
    does it.
  - The change of both is one request, which Placement carries out wholly or not at all. It begins again, up to five
    times, when somebody else has changed one of the two meanwhile.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_cloud
  - stackmove.nova.cloud
  - stackmove.nova.nova_move
options:
  state:
    description:
      - V(moved) gives the server's allocations to the migration, and the server those that it needs at
        O(destination_provider).
      - V(restored) gives the server back what the migration has.
      - V(released) deletes what the migration has.
    type: str
    choices: [moved, restored, released]
    required: true
  destination_provider:
    description: UUID of the destination's resource provider, which is the one of its hypervisor. Needed for
      O(state=moved).
    type: str
  resources:
    description: Amounts by resource class that the server needs there. Needed for O(state=moved).
    type: dict
  required_traits:
    description: Traits that the destination must have, or must not have where a C(!) is before it.
    type: list
    elements: str
    default: []
  project_id:
    description: The server's project. Needed only where Placement knows neither the server nor the migration.
    type: str
  user_id:
    description: The server's user, likewise.
    type: str
seealso:
  - module: stackmove.nova.port_bindings
  - name: Placement API, allocations
    description: How consumers and their generations work.
    link: https://docs.openstack.org/api-ref/placement/#manage-allocations
"""

EXAMPLES = r"""
- name: Claim room at the destination
  stackmove.nova.server_allocations:
    cloud: production
    server: 7c6c5a0e-1d0b-4c56-8a49-4a3a0f1f2f55
    migration: 2e7e0a0d-0b8c-4a47-b7a1-5f0f8a1f1f7a
    state: moved
    destination_provider: b9e0a4a1-30f3-4a0b-8d0a-3f0e1c0a5a11
    resources:
      VCPU: 2
      MEMORY_MB: 4096
      DISK_GB: 20

- name: Give up the source when the move is confirmed
  stackmove.nova.server_allocations:
    cloud: production
    server: 7c6c5a0e-1d0b-4c56-8a49-4a3a0f1f2f55
    migration: 2e7e0a0d-0b8c-4a47-b7a1-5f0f8a1f1f7a
    state: released
"""

RETURN = r"""
allocations:
  description: The allocations of both, by resource provider, as they are afterwards or would be.
  returned: success
  type: dict
  contains:
    server:
      description: Those of the server.
      type: dict
    migration:
      description: Those of the migration.
      type: dict
  sample:
    server:
      b9e0a4a1-30f3-4a0b-8d0a-3f0e1c0a5a11: {VCPU: 2, MEMORY_MB: 4096, DISK_GB: 20}
    migration:
      0a4cf5f6-9c3a-4d0e-8f37-3a0d5a3b8c55: {VCPU: 2, MEMORY_MB: 4096, DISK_GB: 20}
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      set the server's allocations to 20 DISK_GB, 4096 MEMORY_MB, 2 VCPU of provider
      b9e0a4a1-30f3-4a0b-8d0a-3f0e1c0a5a11
    - >-
      set the migration's allocations to 20 DISK_GB, 4096 MEMORY_MB, 2 VCPU of provider
      0a4cf5f6-9c3a-4d0e-8f37-3a0d5a3b8c55
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import placement
from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    CLOUD_OPTIONS,
    OPENSTACKSDK_IMPORT_ERROR,
    connect,
)
from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    claim = None
    if params["state"] == "moved":
        claim = placement.Claim(
            params["destination_provider"],
            placement.amounts(params["resources"]),
            params["required_traits"],
        )
    conn = connect(params["cloud"], params["service_cloud"])
    outcome = placement.settle(
        conn,
        params["state"],
        (params["server"], params["migration"]),
        claim,
        placement.Owner(params["project_id"], params["user_id"]),
        dry_run=module.check_mode,
    )
    return {
        "changed": outcome.changed,
        "allocations": outcome.after,
        "actions": outcome.describe(),
        "diff": {"before": outcome.before, "after": outcome.after},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CLOUD_OPTIONS,
            "server": {"type": "str", "required": True},
            "migration": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["moved", "restored", "released"], "required": True},
            "destination_provider": {"type": "str"},
            "resources": {"type": "dict"},
            "required_traits": {"type": "list", "elements": "str", "default": []},
            "project_id": {"type": "str"},
            "user_id": {"type": "str"},
        },
        required_if=[("state", "moved", ["destination_provider", "resources"])],
        supports_check_mode=True,
    )
    run_module(module, work, {"openstacksdk": OPENSTACKSDK_IMPORT_ERROR})


if __name__ == "__main__":
    main()
