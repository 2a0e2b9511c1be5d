#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_reboot
short_description: Let Nova define and start a guest anew
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Reboots a server hard by Nova's API, and waits until it is V(ACTIVE). Nova destroys the guest, makes its definition
    anew from its databases, and starts it.
  - That brings back a guest which a failed move of Nova's own has left undefined on its host. Whatever runs in a guest
    that is not undefined is cut off.
  - A server that was stopped runs afterwards.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_cloud
  - stackmove.nova.cloud
options:
  server:
    description: UUID of the server.
    type: str
    required: true
  timeout_s:
    description: For how long to wait until it is V(ACTIVE), in seconds.
    type: float
    default: 300
  state:
    description: V(rebooted) reboots it each time.
    type: str
    choices: [rebooted]
    default: rebooted
seealso:
  - module: stackmove.nova.server_move_info
"""

EXAMPLES = r"""
- name: Bring back a guest that is not defined any more
  stackmove.nova.server_reboot:
    cloud: production
    server: 7c6c5a0e-1d0b-4c56-8a49-4a3a0f1f2f55
"""

RETURN = r"""
status:
  description: The server's status afterwards; in check mode, as it is.
  returned: success
  type: str
  sample: ACTIVE
host:
  description: The compute host that it is on.
  returned: success
  type: str
  sample: compute11
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["reboot server 7c6c5a0e-1d0b-4c56-8a49-4a3a0f1f2f55 hard"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import compute
from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    CLOUD_OPTIONS,
    OPENSTACKSDK_IMPORT_ERROR,
    connect,
)
from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    conn = connect(params["cloud"], params["service_cloud"])
    server = compute.find_server(conn, params["server"])
    before = server["status"]
    if not module.check_mode:
        compute.reboot_hard(conn, server["id"])
        server = compute.wait_until_active(conn, server["id"], params["timeout_s"])
    return {
        "changed": True,
        "status": server["status"],
        "host": server["host"],
        "actions": [f"reboot server {server['id']} hard"],
        "diff": {"before": {"status": before}, "after": {"status": "ACTIVE"}},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CLOUD_OPTIONS,
            "server": {"type": "str", "required": True},
            "timeout_s": {"type": "float", "default": 300},
            "state": {"type": "str", "choices": ["rebooted"], "default": "rebooted"},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"openstacksdk": OPENSTACKSDK_IMPORT_ERROR})


if __name__ == "__main__":
    main()
