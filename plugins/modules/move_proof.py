#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: move_proof
short_description: Whether a move has come out as planned
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Compares the plan of a move with what was read afterwards from every system that knows of the server.
  - A pure function of its options; it reaches no system and changes nothing.
extends_documentation_fragment:
  - stackmove.nova.attributes.info
options:
  plan:
    description: What M(stackmove.nova.move_plan) returned.
    type: dict
    required: true
  move:
    description: What M(stackmove.nova.server_move_info) returned after the move.
    type: dict
    required: true
  source_host:
    description: What M(stackmove.nova.hypervisor_info) returned for the host that the server has left.
    type: dict
    required: true
  destination_host:
    description: What M(stackmove.nova.hypervisor_info) returned for its new host.
    type: dict
    required: true
  uploaded:
    description: The disks that M(stackmove.nova.source_guest) has uploaded, as it returned them.
    type: list
    elements: dict
    default: []
  placed:
    description: The disks that M(stackmove.nova.destination_guest) has placed, as it returned them.
    type: list
    elements: dict
    default: []
  off_s:
    description: How long the guest was off, in seconds; shown with the proof.
    type: float
seealso:
  - module: stackmove.nova.move_plan
"""

EXAMPLES = r"""
- name: Compare with the plan
  stackmove.nova.move_proof:
    plan: "{{ stackmove_plan }}"
    move: "{{ now.move }}"
    source_host: "{{ old_host }}"
    destination_host: "{{ new_host }}"
  register: proof

- name: The move is proven
  ansible.builtin.assert:
    that: proof.proven
"""

RETURN = r"""
proven:
  description: Whether every check holds.
  returned: success
  type: bool
checks:
  description: What had to be true, and what was found.
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: What the check is about.
      type: str
      sample: guest on compute21
    wanted:
      description: What had to be found.
      type: str
      sample: running
    found:
      description: What was found.
      type: str
      sample: running
    ok:
      description: Whether they agree.
      type: bool
table:
  description: The checks as text, a line each.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._move.proof import Seen, prove, table


def work(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    checks = prove(Seen(**{name: value for name, value in params.items() if name != "off_s"}))
    return {
        "changed": False,
        "proven": all(check.ok for check in checks),
        "checks": [check.as_dict() for check in checks],
        "table": table(params["plan"]["name"], checks, params["off_s"]),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "plan": {"type": "dict", "required": True},
            "move": {"type": "dict", "required": True},
            "source_host": {"type": "dict", "required": True},
            "destination_host": {"type": "dict", "required": True},
            "uploaded": {"type": "list", "elements": "dict", "default": []},
            "placed": {"type": "list", "elements": "dict", "default": []},
            "off_s": {"type": "float"},
        },
        supports_check_mode=True,
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
