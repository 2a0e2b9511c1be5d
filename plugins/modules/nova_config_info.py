#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nova_config_info
short_description: The database URLs in a controller's nova.conf
version_added: 0.1.0
author:
  - stackmove.nova contributors (@stackmove)
description:
  - Reads where Nova's databases are, for playbooks in which they are not given as variables.
  - The result holds passwords, so set C(no_log) on the task.
extends_documentation_fragment:
  - stackmove.nova.attributes.info
options:
  path:
    description: The file, as the API services read it.
    type: path
    default: /etc/nova/nova.conf
seealso:
  - module: stackmove.nova.server_move_info
"""

EXAMPLES = r"""
- name: Read nova.conf on a controller
  stackmove.nova.nova_config_info:
  delegate_to: controller
  register: nova_config
  no_log: true
"""

RETURN = r"""
api_database:
  description: C([api_database]connection).
  returned: success
  type: str
  sample: mysql+pymysql://nova:secret@db.example.org/nova_api
main_database:
  description: C([database]connection), which fills the templated URLs of cells.
  returned: success
  type: str
  sample: mysql+pymysql://nova:secret@db.example.org/nova_cell0
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError
from ansible_collections.stackmove.nova.plugins.module_utils._host import nova_conf


def work(module: AnsibleModule) -> dict[str, Any]:
    path = module.params["path"]
    try:
        conf = nova_conf.parse([Path(path).read_text("utf-8")], "", "")
    except OSError as error:
        remedy = "Set path to the nova.conf of the API services, on a host that has it."
        raise NotFoundError(f"read {path}", f"{error.strerror}.", remedy) from error
    urls = {name: conf.text(section, "connection") for name, section in SECTIONS.items()}
    missing = [f"[{SECTIONS[name]}]connection" for name, url in urls.items() if not url]
    if missing:
        raise NotFoundError(
            f"find the databases in {path}",
            f"it has no {' and no '.join(missing)}.",
            "Set path to the nova.conf of the API services.",
        )
    return {"changed": False, **urls}


SECTIONS = {"api_database": "api_database", "main_database": "database"}


def main() -> None:
    module = AnsibleModule(
        argument_spec={"path": {"type": "path", "default": "/etc/nova/nova.conf"}},
        supports_check_mode=True,
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
