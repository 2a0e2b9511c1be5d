#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: move_plan
short_description: The plan of a cross-cell move, and everything that stands against it
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Decides from what was observed what a move will do, and lists every blocker at once, each with its remedy.
  - A pure function of its options; it reaches no system and changes nothing.
extends_documentation_fragment:
  - stackmove.nova.attributes
options:
  move:
    description: What M(stackmove.nova.server_move_info) returned as RV(stackmove.nova.server_move_info#module:move).
    type: dict
    required: true
  source_host:
    description: What M(stackmove.nova.hypervisor_info) returned for the host that the server leaves.
    type: dict
    required: true
  destination_host:
    description: What M(stackmove.nova.hypervisor_info) returned for the host that takes it.
    type: dict
    default: {}
  job:
    description: Whether the server is to be moved, or a finished move to be confirmed.
    type: str
    choices: [move, confirm]
    default: move
  resume:
    description: Whether a move that is under way is gone on with. Say so only when no other run works on it.
    type: bool
    default: false
  inventory_names:
    description: Ansible's inventory name of a compute host, by Nova's name of it, for those where they differ.
    type: dict
    default: {}
seealso:
  - module: stackmove.nova.server_move_info
  - module: stackmove.nova.hypervisor_info
"""

EXAMPLES = r"""
- name: Plan the move
  stackmove.nova.move_plan:
    move: "{{ observed.move }}"
    source_host: "{{ source }}"
    destination_host: "{{ destination }}"
  register: planned

- name: Show what stands against it
  ansible.builtin.debug:
    var: planned.blockers
"""

RETURN = r"""
plan:
  description: What the phases of the move follow; the roles take it as it is.
  returned: success
  type: dict
  contains:
    server:
      description: UUID of the server.
      type: str
    name:
      description: Its name.
      type: str
    project_id:
      description: Its project.
      type: str
    user_id:
      description: Its user.
      type: str
    phase:
      description: How far the move is, as in RV(stackmove.nova.server_move_info#module:move.phase).
      type: str
      sample: none
    migration:
      description: UUID that names the move; a new one where none is under way.
      type: str
    resize:
      description: Whether it gets another flavor.
      type: bool
    flavor:
      description: The flavor that it is going to have.
      type: dict
    flavor_before:
      description: The one that it has had before the move.
      type: dict
    resources:
      description: Amounts by resource class to claim at the destination.
      type: dict
    required_traits:
      description: Traits to require of the destination.
      type: list
      elements: str
    running:
      description: Whether the guest has run before the move, and is started at the destination.
      type: bool
    shutdown_timeout_s:
      description: How long the guest may take to shut down before it is destroyed, in seconds.
      type: int
    source:
      description: The host that it leaves.
      type: dict
      contains:
        host:
          description: Nova's name of the host.
          type: str
        node:
          description: Name of its hypervisor.
          type: str
        ip:
          description: Its address, as nova-compute has told it.
          type: str
        cell:
          description: Name of its cell.
          type: str
        cell_uuid:
          description: UUID of its cell.
          type: str
        inventory_name:
          description: Ansible's name of the host.
          type: str
        connector:
          description: Its volume connector.
          type: dict
        directory:
          description: The server's folder there, or null if there is none.
          type: str
    destination:
      description:
        - The host that takes it, or null if there is none. It has C(host), C(node), C(ip), C(cell), C(cell_uuid),
          C(inventory_name) and C(connector) like the source, and besides C(compute_id), C(provider) and
          C(availability_zone), as in RV(stackmove.nova.server_move_info#module:move.destination).
      type: dict
    ports:
      description: Its ports, as O(stackmove.nova.port_bindings#module:ports) takes them.
      type: list
      elements: dict
    vifs:
      description: Its network interfaces, as Nova's network information cache has them.
      type: list
      elements: dict
    volumes:
      description: Its volumes, as O(stackmove.nova.volume_attachments#module:volumes) takes them.
      type: list
      elements: dict
    disk_transport:
      description: How its local disks travel. So far always V(snapshot), through Glance.
      type: str
    disks:
      description: Its local disks, each with C(disk), C(disk_format) and C(virtual_size_bytes).
      type: list
      elements: dict
    images:
      description: The images that carry them, as O(stackmove.nova.transfer_images#module:images) takes them.
      type: list
      elements: dict
    base_image:
      description:
        - C(id) and C(disk_format) of the image on whose cached copy the root disk is based again, or null if it is
          made to stand alone.
      type: dict
steps:
  description: The plan as text, a line for each step.
  returned: success
  type: list
  elements: str
blockers:
  description: Everything that stands against the move; empty when it may begin.
  returned: success
  type: list
  elements: dict
  contains:
    object:
      description: What it is about.
      type: str
      sample: port 0d5d3b5c-1b3b-4c43-a5c5-0c7d7f3d4c11
    cause:
      description: Why it stands against the move.
      type: str
      sample: it has a guaranteed minimum bandwidth (QoS).
    remedy:
      description: What to do about it.
      type: str
      sample: Take the rule away for the move.
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._move import plan
from ansible_collections.stackmove.nova.plugins.module_utils._move.blockers import Observed, find_blockers


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    observed = Observed(
        params["move"], params["source_host"], params["destination_host"], params["job"], params["resume"]
    )
    planned = plan.make_plan(observed, params["inventory_names"])
    steps = plan.describe(planned, params["job"])
    return {
        "changed": False,
        "plan": planned,
        "steps": steps,
        "blockers": [blocker.as_dict() for blocker in find_blockers(observed)],
        "diff": {"before": "", "after": "\n".join(steps) + "\n"},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "move": {"type": "dict", "required": True},
            "source_host": {"type": "dict", "required": True},
            "destination_host": {"type": "dict", "default": {}},
            "job": {"type": "str", "choices": ["move", "confirm"], "default": "move"},
            "resume": {"type": "bool", "default": False},
            "inventory_names": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
