#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hypervisor_info
short_description: Read what a move has to know of a hypervisor and of one server on it
version_added: 0.1.0
description:
  - Reads nova-compute's configuration, libvirt's and QEMU's abilities, the storage, the volume connector,
    and on request one server's domain and files.
  - Runs on the hypervisor, as root, and changes nothing.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_libvirt
attributes:
  check_mode:
    support: full
    details:
      - Nothing is ever changed.
  diff_mode:
    support: N/A
    details:
      - Nothing is ever changed.
  idempotent:
    support: N/A
    details:
      - Nothing is ever changed.
options:
  server:
    description:
      - The uuid of a server whose domain and files are read as well.
    type: str
  nova_conf:
    description:
      - The files that nova-compute is started with, later ones over earlier ones. Files that do not exist are left out.
    type: list
    elements: path
    default: [/etc/nova/nova.conf, /etc/nova/nova-compute.conf]
  libvirt_uri:
    description:
      - How libvirt is reached.
    type: str
    default: qemu:///system
seealso:
  - module: stackmove.nova.source_guest
  - module: stackmove.nova.destination_guest
author:
  - stackmove.nova contributors (@stackmove)
"""

EXAMPLES = r"""
- name: Read the hypervisor and one server on it
  stackmove.nova.hypervisor_info:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
  delegate_to: compute11
  register: source_host
"""

RETURN = r"""
nova:
  description: The options of nova-compute that a move follows; no secrets.
  returned: always
  type: dict
  sample:
    host: compute11
    instances_path: /var/lib/nova/instances
    images_type: qcow2
connector:
  description:
    - This host's volume connector, as Nova would hand it to Cinder.
    - V(null) when os-brick is missing.
  returned: always
  type: dict
libvirt:
  description:
    - Versions, host name and uuid, processor, machine types and emulators.
    - V(null) when libvirt's Python module is missing.
  returned: always
  type: dict
storage:
  description: The file system of C(instances_path); sizes in bytes.
  returned: always
  type: dict
base_images:
  description: The files in the image cache.
  returned: always
  type: list
  elements: str
missing:
  description: Programs and Python modules that are not installed, each with Debian's package for it.
  returned: always
  type: list
  elements: dict
owned_by_nova:
  description: The C(uid) and C(gid) of C(instances_path); V(null) when it does not exist.
  returned: always
  type: dict
guest:
  description:
    - The server's domain, with its persistent XML in which console passwords are blanked out.
    - V(null) when O(server) is not given or is not defined here.
  returned: always
  type: dict
directory:
  description:
    - The server's folder, its files and its local disks; sizes in bytes.
    - V(null) when O(server) is not given or has no folder here.
  returned: always
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    instance_dir,
    nova_conf,
    requirements,
    storage,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import (
    capabilities,
    domain_info,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import Guest


def describe_guest(guest: Guest) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Return a guest's facts, and its local disks' formats."""
    if not guest.exists():
        return None, {}
    definition = guest.definition()
    facts = {
        "uuid": guest.uuid,
        "name": guest.name(),
        "state": guest.state(),
        "persistent": guest.is_persistent(),
        "snapshots": guest.snapshots(),
        "checkpoints": guest.checkpoints(),
        "xml": domain_info.redacted(definition),
        **domain_info.describe(definition),
    }
    return facts, domain_info.local_disk_formats(definition)


def describe_directory(conf: nova_conf.NovaConf, server: str, formats: dict[str, str]) -> dict[str, Any] | None:
    """Return what is in a server's folder."""
    folder = instance_dir.InstanceDir(instance_dir.path_of(conf.instances_path, server))
    if not folder.exists():
        return None
    disks = [image.as_dict() for image in folder.disks(formats)]
    return {"path": str(folder.path), "files": folder.files(), "disks": disks}


def gather(params: dict[str, Any]) -> dict[str, Any]:
    """Read everything that the host has; what needs a missing library stays empty."""
    conf = nova_conf.read(params["nova_conf"])
    absent = requirements.missing()
    names = {item["name"] for item in absent}
    path = conf.instances_path
    owner = path.stat() if path.is_dir() else None
    base = conf.base_path
    result: dict[str, Any] = {
        "nova": conf.summary(),
        "missing": absent,
        "storage": storage.describe(path),
        "base_images": sorted(item.name for item in base.iterdir()) if base.is_dir() else [],
        "owned_by_nova": {"uid": owner.st_uid, "gid": owner.st_gid} if owner else None,
        "connector": None,
        "libvirt": None,
        "guest": None,
        "directory": None,
    }
    if "os_brick" not in names:
        result["connector"] = Volumes(conf, in_use=lambda _path: True).connector()
    if names & {"libvirt", "lxml"}:
        return result
    with connect(params["libvirt_uri"]) as connection:
        result["libvirt"] = capabilities.describe(connection)
        if params["server"]:
            guest, formats = describe_guest(Guest(connection, params["server"]))
            result["guest"] = guest
            result["directory"] = describe_directory(conf, params["server"], formats)
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str"},
            "nova_conf": {
                "type": "list",
                "elements": "path",
                "default": list(nova_conf.DEFAULT_FILES),
            },
            "libvirt_uri": {"type": "str", "default": "qemu:///system"},
        },
        supports_check_mode=True,
    )
    try:
        result = gather(module.params)
    except StackmoveError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"Failed to work on this host: {error}. Remedy: Check space and permissions.")
    except ImportError as error:
        module.fail_json(msg=missing_required_lib(str(error.name)))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
