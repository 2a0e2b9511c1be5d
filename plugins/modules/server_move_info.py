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
      - Compute host to move to. Without it, the first of RV(move.candidates) is proposed that nothing stands against.
      - A move that is under way keeps the destination that it has.
    type: str
  exclude_hosts:
    description: Compute hosts that are not to be proposed, such as those that have refused the server already.
    type: list
    elements: str
    default: []
  cross_cell_move_weight_multiplier:
    description:
      - How much a host outside the server's cell weighs less, where none of its host aggregates sets another by its
        metadata C(cross_cell_move_weight_multiplier).
      - The same as C([filter_scheduler]cross_cell_move_weight_multiplier) of Nova's scheduler.
    type: float
    default: 1000000.0
  migration:
    description:
      - UUID of a move that may be over already, to see whether it has left images or allocations behind.
      - If it has failed, RV(move.migration), RV(move.source) and RV(move.destination) are its own.
    type: str
    default: ""
  flavor:
    description: Name or id of the flavor to resize to.
    type: str
  job:
    description:
      - What this is read for. With V(recover) a move of this collection that has failed is looked at as if it was named
        by O(migration), when no other is under way and none came after it; and a server that its owner has deleted in
        the middle of a move is found by its UUID, with the C(status) V(DELETED).
      - With V(live_migrate) a live migration within the server's cell is looked at, and another host of that cell is
        proposed; with V(cross_cell_live_migrate) one to another cell.
      - The others make no difference.
    type: str
    choices: [move, confirm, revert, recover, live_migrate, cross_cell_live_migrate]
    default: move
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
    - What was found; the whole of it is what O(stackmove.nova.move_plan#module:move) takes.
    - It holds no passwords and no connections of volumes.
  returned: success
  type: dict
  contains:
    wish:
      description: O(destination_host) and O(flavor), as they were given.
      type: dict
    phase:
      description:
        - How far the move is. One of V(none), V(started), V(copied), V(prepared), V(stopping), V(departed),
          V(finished), V(confirming), V(confirmed), V(reverting), V(returned), or V(foreign) where neither Nova nor this
          collection leaves it so.
        - Of a live migration V(none), V(preparing), V(running) or V(arrived).
      type: str
      sample: none
    migration:
      description:
        - The cross-cell migration that is under way, or the failed one that is looked at, or null. It has C(uuid),
          C(status), C(migration_type), C(source_compute), C(dest_compute), C(dest_node), C(created_at) and
          C(updated_at), as Nova's table C(migrations) does.
        - C(ours) tells whether this collection has brought it to its phase, and not Nova.
      type: dict
    last_failed:
      description:
        - UUID of the server's newest cross-cell migration, if it is this collection's and has failed, or null.
        - Null too where its destination is not known any more, since there is nothing left of it then.
      type: str
    last_status:
      description: Status of the server's newest cross-cell migration, or null if there was none.
      type: str
      sample: confirmed
    half_done_live:
      description:
        - C(job) and C(phase) of a live migration of this collection's that is half done, whatever O(job) is; or null.
      type: dict
    run:
      description: The run of a playbook that has taken the server, as O(stackmove.nova.move_state#module:run) names it.
      type: str
    home_cell:
      description: Name of the cell in which the server lives, by its mapping.
      type: str
      sample: cell1
    rows:
      description: By name of the cells that hold the server's rows, whether these are V(live) or V(hidden).
      type: dict
      sample: {cell1: live}
    domain_names:
      description: What libvirt calls the guest, by the UUIDs of the cells that hold the server's rows.
      type: dict
      sample: {e9b3f3d1-0b41-4a3e-8a35-2f4c7b6e7d0a: instance-0000002a}
    server:
      description:
        - The server as the APIs show it, such as C(id), C(name), C(status), C(vm_state), C(task_state), C(locked),
          C(host), C(project_id) and C(user_id).
        - Beside these, its C(ports) with their bindings, its C(volumes) and C(attachments) by volume id, its C(image)
          or null, and its C(allocations) by resource provider.
      type: dict
    instance:
      description:
        - The server as its cell's database has it, such as C(host), C(node), C(vm_state), C(task_state), C(image_ref)
          and C(launched_at).
        - C(old_vm_state) is its state before the move, C(shutdown_timeout_s) what its image asks for, in seconds, or
          null.
      type: dict
    source:
      description: The compute host that the server leaves.
      type: dict
      contains:
        cell:
          description: Its cell, with C(id), C(uuid), C(name) and C(disabled).
          type: dict
        host:
          description: Nova's name of the host.
          type: str
          sample: compute11
        node:
          description: Name of its hypervisor.
          type: str
          sample: compute11
        compute_id:
          description: The hypervisor's id in its cell's database.
          type: int
        provider:
          description: UUID of its resource provider.
          type: str
        ip:
          description: Its address, as nova-compute has told it.
          type: str
        service:
          description: Its nova-compute, with C(status), C(state) and more; null if Nova has none.
          type: dict
        availability_zone:
          description: Its availability zone, or null.
          type: str
        shortages:
          description: What Placement lacks there for the flavor, in words. Always empty at the source.
          type: list
          elements: str
    destination:
      description: The compute host that takes it, with the keys of RV(move.source); null if there is none.
      type: dict
    candidates:
      description:
        - Hosts of other enabled cells on which Placement has room, in the order in which Nova's scheduler weighs cells,
          then by free memory. They are looked at until three are found that nothing stands against.
        - Empty where the destination is known otherwise.
      type: list
      elements: dict
      contains:
        host:
          description: Nova's name of the host.
          type: str
        cell:
          description: Name of its cell.
          type: str
        weight:
          description: Its weight; the greater, the earlier it is tried.
          type: float
        refused:
          description: Why it can't take the server, in words; null if nothing is known against it.
          type: str
    flavor:
      description: The flavor that the server is going to have, with RAM in MiB and disks in GiB.
      type: dict
    flavor_before:
      description: The one that it has had before the move.
      type: dict
    resources:
      description: Amounts by resource class that it needs at the destination.
      type: dict
      sample: {VCPU: 2, MEMORY_MB: 4096, DISK_GB: 20}
    required_traits:
      description: Traits that the flavor requires of a host, or forbids where a C(!) is before them.
      type: list
      elements: str
    volume_backed:
      description: Whether its root disk is a volume.
      type: bool
    volumes:
      description:
        - Its volumes. Each has C(volume_id), C(device), C(boot_index), C(source_attachment_id) and
          C(destination_attachment_id) or null, and C(volume), which is Cinder's view of it, or null if Cinder does not
          have it.
        - C(detached) tells whether it was detached while the move waited to be confirmed.
      type: list
      elements: dict
    vifs:
      description: Its network interfaces, as Nova's network information cache has them.
      type: list
      elements: dict
    unmovable:
      description: What it has that a move to another cell would lose, in words.
      type: list
      elements: str
    leftovers:
      description: Rows of an earlier move that are in the way in the destination's cell.
      type: list
      elements: str
    migration_allocations:
      description: What the migration holds of resource providers.
      type: dict
    base_image:
      description: The image on which its root disk is based, or null if that is gone or there is none.
      type: dict
    transfer_images:
      description: The images of this move, as M(stackmove.nova.transfer_images) returns them.
      type: list
      elements: dict
    server_group:
      description: C(name), C(policy) and the C(hosts) of the other members of its server group, or null.
      type: dict
    requested_zone:
      description: The availability zone that its owner asked for at boot, or null.
      type: str
    service_role:
      description: Whether the requests carry the token of a user with the role C(service).
      type: bool
    binding_extended:
      description: Whether Neutron has the extension C(binding-extended).
      type: bool
    cinder_microversion:
      description: The newest that Cinder speaks, or null for a server without volumes.
      type: str
      sample: "3.70"
"""

import dataclasses
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._cloud.session import (
    CLOUD_OPTIONS,
    OPENSTACKSDK_IMPORT_ERROR,
    connect,
)
from ansible_collections.stackmove.nova.plugins.module_utils._edge import NOVA_DB_OPTIONS, run_module
from ansible_collections.stackmove.nova.plugins.module_utils._move.candidates import WEIGHT_MULTIPLIER
from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import JOBS
from ansible_collections.stackmove.nova.plugins.module_utils._move.observation import Wish, observe_move
from ansible_collections.stackmove.nova.plugins.module_utils._nova.cells import open_cells
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import PYMYSQL_IMPORT_ERROR


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    cells = open_cells(params)
    conn = connect(params["cloud"], params["service_cloud"])
    wish = Wish(**{field.name: params[field.name] for field in dataclasses.fields(Wish)})
    return {"changed": False, "move": observe_move(cells, conn, wish)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **NOVA_DB_OPTIONS,
            **CLOUD_OPTIONS,
            "server": {"type": "str", "required": True},
            "destination_host": {"type": "str"},
            "migration": {"type": "str", "default": ""},
            "flavor": {"type": "str"},
            "job": {"type": "str", "choices": [*JOBS], "default": "move"},
            "exclude_hosts": {"type": "list", "elements": "str", "default": []},
            "cross_cell_move_weight_multiplier": {"type": "float", "default": WEIGHT_MULTIPLIER},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {"PyMySQL": PYMYSQL_IMPORT_ERROR, "openstacksdk": OPENSTACKSDK_IMPORT_ERROR})


if __name__ == "__main__":
    main()
