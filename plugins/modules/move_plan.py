#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: move_plan
short_description: The plan of a move, and everything that stands against it
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
    description: What M(stackmove.nova.hypervisor_info) returned for the host that the server leaves, or how it failed.
    type: dict
    required: true
  destination_host:
    description: What M(stackmove.nova.hypervisor_info) returned for the host that takes it, or how it failed.
    type: dict
    default: {}
  job:
    description:
      - What is to be done with the server.
      - V(move) begins a move or goes on with it; V(confirm) and V(revert) end one that waits for it.
      - V(recover) finds out what a run, or Nova itself, has left half done, and ends that in O(direction).
      - V(live_migrate) migrates it live within its cell, V(cross_cell_live_migrate) to another one. They begin with
        that or go on with it; with O(direction=back) they take back one that has not arrived.
    type: str
    choices: [move, confirm, revert, recover, live_migrate, cross_cell_live_migrate]
    default: move
  direction:
    description:
      - Where V(recover) and live migrations go. V(forward) ends a move at its destination, V(back) at its source.
      - With V(recover), V(auto) goes forward where the guest is at its destination already, and back otherwise. A live
        migration goes forward, unless this is V(back) and the guest has not arrived.
    type: str
    choices: [auto, forward, back]
    default: auto
  resume:
    description:
      - Whether a run that has taken the server, and cannot be seen from here, is dead.
      - On the machine where it ran that is seen by itself.
    type: bool
    default: false
  fenced:
    description:
      - Whether a host is off for certain, so that the guest cannot run there, and stays off.
      - With V(recover) it is the destination. With live migrations it is the one that does not answer. One that goes
        back then needs only the source, and one that has arrived needs only the destination.
    type: bool
    default: false
  nova_idle_s:
    description: For how many seconds Nova must not have touched a move of its own before O(job=recover) takes it.
    type: int
    default: 1800
  refused:
    description: Hosts that could not take the server, each with C(host) and C(cause).
    type: list
    elements: dict
    default: []
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
    job:
      description: What is to be done, as O(job).
      type: str
    direction:
      description: Where it goes, V(forward) or V(back); V(none) when there is nothing to do.
      type: str
    roles:
      description: The roles that it takes, in their order; those of a move that is taken back with their rollback.
      type: list
      elements: str
    run:
      description: Names this run, as the server's rows will; see O(stackmove.nova.move_state#module:run).
      type: str
    previous_run:
      description: Names the run that has taken the server before, and is dead; or empty.
      type: str
    refused:
      description: As O(refused).
      type: list
      elements: dict
    fenced:
      description: As O(fenced).
      type: bool
    nova_made:
      description: Whether Nova itself has brought to the destination what is there of the move.
      type: bool
    nova_image:
      description: By what the image is known that Nova may have left, or null; see M(stackmove.nova.transfer_images).
      type: dict
    deleted:
      description: Whether the server's owner has deleted it in the middle of its move.
      type: bool
    rebuild:
      description: Whether only Nova can define the guest at its source again.
      type: bool
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
        provider:
          description: UUID of its resource provider.
          type: str
        connector:
          description: Its volume connector.
          type: dict
        directory:
          description: The server's folder there, whether it exists or not; null if that could not be asked.
          type: str
        guest:
          description: The state of the guest there, in libvirt's word; null where it is not defined or not known.
          type: str
          sample: running
        reached:
          description: Whether the host could be read.
          type: bool
        domain_name:
          description: What libvirt calls the guest there; null as long as that cell has no rows of it.
          type: str
        availability_zone:
          description: Its availability zone.
          type: str
    destination:
      description:
        - The host that takes it, or null if there is none. It has what the source has, and besides C(compute_node), as
          O(stackmove.nova.move_state#module:destination) takes it.
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
      description: How its local disks travel. V(snapshot) is through Glance, V(live) with the running guest.
      type: str
    crosses:
      description: For a live migration, whether it goes to another cell.
      type: bool
    hosts_off:
      description: For a live migration, the hosts that do not answer and are off, as O(fenced) says.
      type: list
      elements: str
    source_cell:
      description: For a live migration to another cell, UUID of the source's cell; null within a cell.
      type: str
    target_cell:
      description: The same of the destination's.
      type: str
    config_drive:
      description: For a live migration, whose the file of its config drive is to be (C(uid) and C(gid)), or null.
      type: dict
    copy_storage:
      description: For a live migration, as O(stackmove.nova.domain_live_migration#module:copy_storage).
      type: str
    migrate_disks:
      description: For a live migration, as O(stackmove.nova.domain_live_migration#module:migrate_disks).
      type: list
      elements: str
    options:
      description: For a live migration, other options of M(stackmove.nova.domain_live_migration), as Nova has them.
      type: dict
    domain:
      description: For a live migration, options of M(stackmove.nova.domain_xml) that the destination decides.
      type: dict
    held_at_source:
      description: For a live migration, the volumes that Cinder still has connected to the source.
      type: list
      elements: str
    disks:
      description:
        - Its local disks, each with C(disk), C(disk_format) and C(virtual_size_bytes); for a live migration with
          C(over_base), as O(stackmove.nova.destination_guest#module:disks) has it.
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
    elsewhere:
      description: Whether another destination may not have it.
      type: bool
refused:
  description: Why the destination does not take the server, while another may; empty when it does, or none would.
  returned: success
  type: str
  sample: its compute service is disabled.
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._move import blockers, live_migration, owner, plan
from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import DIRECTIONS, JOBS, LIVE_JOBS, Observed

_OBSERVED = ("move", "source_host", "destination_host", "job", "direction", "resume", "fenced", "nova_idle_s")


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    move = params["move"]
    move["holder"] = owner.describe(move.get("run") or "")
    if move["migration"]:
        move["migration"]["idle_s"] = owner.idle_s(move["migration"]["updated_at"])
    observed = Observed(**{name: params[name] for name in _OBSERVED})
    make_plan, describe, find_blockers = (
        (live_migration.make_plan, live_migration.describe, live_migration.find_blockers)
        if observed.job in LIVE_JOBS
        else (plan.make_plan, plan.describe, blockers.find_blockers)
    )
    planned = make_plan(observed, params["inventory_names"], owner.this_run().text(), params["refused"])
    steps = describe(planned)
    found = find_blockers(observed)
    return {
        "changed": False,
        "plan": planned,
        "steps": steps,
        "blockers": [blocker.as_dict() for blocker in found],
        "refused": blockers.refusal(found),
        "diff": {"before": "", "after": "\n".join(steps) + "\n"},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "move": {"type": "dict", "required": True},
            "source_host": {"type": "dict", "required": True},
            "destination_host": {"type": "dict", "default": {}},
            "job": {"type": "str", "choices": [*JOBS], "default": "move"},
            "direction": {"type": "str", "choices": [*DIRECTIONS], "default": "auto"},
            "resume": {"type": "bool", "default": False},
            "fenced": {"type": "bool", "default": False},
            "nova_idle_s": {"type": "int", "default": 1800},
            "refused": {"type": "list", "elements": "dict", "default": []},
            "inventory_names": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
