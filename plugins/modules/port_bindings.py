#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: port_bindings
short_description: Bindings of Neutron ports to one host
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Creates, activates or deletes the bindings of a server's ports to one host.
  - A port may be bound to several hosts, and one of these bindings is active. A move makes inactive ones for its
    destination, activates them when the guest has left its source, and deletes the source's when the move is confirmed.
  - If a binding cannot be created, those that this call has created are deleted again.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_cloud
  - stackmove.nova.cloud
options:
  host:
    description: The host, by Nova's and Neutron's name for it.
    type: str
    required: true
  ports:
    description: The ports.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: UUID of the port.
        type: str
        required: true
      vnic_type:
        description: What kind of interface a new binding asks for.
        type: str
        default: normal
      profile:
        description: The profile of a new binding.
        type: dict
        default: {}
  state:
    description:
      - V(inactive) makes sure that each port has a binding to O(host), and leaves one that is active as it is. A
        binding that Neutron could not bind, or that has another O(ports[].vnic_type), is made anew.
      - V(active) makes the binding to O(host) the active one of each port, and creates it where it does not exist.
      - V(absent) deletes it. An active one is never deleted, since Neutron would leave the port unbound; another has
        to be activated first.
    type: str
    choices: [inactive, active, absent]
    required: true
  wait_for_status:
    description:
      - With O(state=active), wait until the host's Neutron agent has wired each port, that is until its status is
        C(ACTIVE).
      - The agent does so only when the guest runs there. A port that its owner has switched off is not waited for.
    type: bool
    default: false
  wait_timeout_s:
    description: How long to wait for all ports together, in seconds.
    type: float
    default: 120
seealso:
  - module: stackmove.nova.volume_attachments
  - module: stackmove.nova.server_allocations
  - name: Neutron API, port bindings
    description: What the extension C(binding-extended) does.
    link: https://docs.openstack.org/api-ref/network/v2/#port-bindings
"""

EXAMPLES = r"""
- name: Bind the ports to the destination, where nothing runs yet
  stackmove.nova.port_bindings:
    cloud: production
    host: compute21
    ports:
      - id: 1a0b4a6e-2c8f-4b8e-9a43-0c9b3a5f7d10
    state: inactive

- name: Let the traffic go there
  stackmove.nova.port_bindings:
    cloud: production
    host: compute21
    ports:
      - id: 1a0b4a6e-2c8f-4b8e-9a43-0c9b3a5f7d10
    state: active
    wait_for_status: true

- name: Forget the source
  stackmove.nova.port_bindings:
    cloud: production
    host: compute11
    ports:
      - id: 1a0b4a6e-2c8f-4b8e-9a43-0c9b3a5f7d10
    state: absent
"""

RETURN = r"""
bindings:
  description: The bindings to O(host) as they are afterwards; in check mode, as they are.
  returned: success
  type: list
  elements: dict
  contains:
    port_id:
      description: UUID of the port.
      type: str
    host:
      description: The host.
      type: str
    status:
      description: V(ACTIVE) or V(INACTIVE).
      type: str
    vif_type:
      description: How the host plugs the interface, such as V(ovs) or V(bridge).
      type: str
    vif_details:
      description: What the host needs to know for that.
      type: dict
    vnic_type:
      description: The kind of interface.
      type: str
    profile:
      description: The binding's profile.
      type: dict
  sample:
    - port_id: 1a0b4a6e-2c8f-4b8e-9a43-0c9b3a5f7d10
      host: compute21
      status: INACTIVE
      vif_type: bridge
      vif_details:
        port_filter: true
      vnic_type: normal
      profile: {}
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["activate the binding of port 1a0b4a6e-2c8f-4b8e-9a43-0c9b3a5f7d10 to host compute21"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._cloud import ports
from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    CLOUD_OPTIONS,
    OPENSTACKSDK_IMPORT_ERROR,
    connect,
)
from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    host, state = params["host"], params["state"]
    wanted = [ports.WantedPort(entry["id"], entry["vnic_type"], entry["profile"]) for entry in params["ports"]]
    conn = connect(params["cloud"], params["service_cloud"])

    found = ports.observe(conn, wanted, state)
    plans = {port.id: ports.plan_binding(port, found[port.id], host, state) for port in wanted}
    changes = [change for plan in plans.values() for change in plan]
    diff = {
        "before": {port_id: ports.statuses(bindings) for port_id, bindings in found.items()},
        "after": {port_id: ports.statuses(bindings, plans[port_id]) for port_id, bindings in found.items()},
    }
    if not module.check_mode:
        ports.apply_bindings(conn, changes)
        if state == "active" and params["wait_for_status"]:
            ports.wait_for_ports(conn, found, params["wait_timeout_s"])
        if changes:
            found = ports.observe(conn, wanted, state)
    mine = {port_id: ports.on_host(bindings, host) for port_id, bindings in found.items()}
    return {
        "changed": bool(changes),
        "bindings": [{"port_id": port_id, **binding} for port_id, binding in mine.items() if binding],
        "actions": [str(change) for change in changes],
        "diff": diff,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CLOUD_OPTIONS,
            "host": {"type": "str", "required": True},
            "ports": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "id": {"type": "str", "required": True},
                    "vnic_type": {"type": "str", "default": "normal"},
                    "profile": {"type": "dict", "default": {}},
                },
            },
            "state": {"type": "str", "choices": ["inactive", "active", "absent"], "required": True},
            "wait_for_status": {"type": "bool", "default": False},
            "wait_timeout_s": {"type": "float", "default": 120},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"openstacksdk": OPENSTACKSDK_IMPORT_ERROR})


if __name__ == "__main__":
    main()
