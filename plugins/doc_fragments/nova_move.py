# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What modules are told of the move on which they work."""

    DOCUMENTATION = r"""
options:
  server:
    description: UUID of the server.
    type: str
    required: true
  migration:
    description: UUID of the migration that names the move.
    type: str
    required: true
"""

    # What a module that takes a move one step further is told, besides its states.
    STEP = r"""
options:
  run:
    description:
      - A text that names this run, such as RV(stackmove.nova.move_plan#module:plan.run).
      - The state that takes the server keeps it there. Whoever comes with another one is refused until the server is
        given back.
    type: str
    required: true
  previous_run:
    description:
      - For V(resumed), the name of the run that is dead; empty where there was none, as in a move of Nova's own.
    type: str
    default: ""
  destination:
    description: The compute node that takes the server.
    type: dict
    suboptions:
      host:
        description: Nova's name of the compute host.
        type: str
        required: true
      node:
        description: Hypervisor host name.
        type: str
        required: true
      compute_id:
        description: Its C(compute_nodes.id) in its cell.
        type: int
        required: true
      ip:
        description: Its address, C(compute_nodes.host_ip).
        type: str
        required: true
      availability_zone:
        description: The availability zone of the host.
        type: str
  volumes:
    description:
      - The volumes as M(stackmove.nova.volume_attachments) or M(stackmove.nova.destination_guest) has returned them.
        Used by all states in which volumes change hands.
      - Contains secrets, so set C(no_log) on the task.
    type: list
    elements: dict
    default: []
    suboptions:
      volume_id:
        description: UUID of the volume.
        type: str
        required: true
      source_attachment_id:
        description: UUID of the source's Cinder attachment.
        type: str
      destination_attachment_id:
        description: UUID of the destination's Cinder attachment.
        type: str
      mountpoint:
        description: Not used; the entries may be given as they were returned.
        type: str
      connection_info:
        description: How the side that holds the volume reaches it, as Nova stores it.
        type: dict
  bindings:
    description: The port bindings that are active now, as M(stackmove.nova.port_bindings) returns them.
    type: list
    elements: dict
    default: []
"""
