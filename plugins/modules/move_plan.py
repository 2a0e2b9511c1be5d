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
  description: What the phases of the move follow.
  returned: success
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
    observed = Observed(params["move"], params["source_host"], params["destination_host"], params["job"])
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
            "inventory_names": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
