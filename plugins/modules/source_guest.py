#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: source_guest
short_description: Let a guest go from its source host, take it back, or remove what is left of it
version_added: 0.1.0
description:
  - Runs on the source hypervisor, as root.
  - Each step is noted in the server's folder when it is done. A run that was killed is run again and goes on.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_libvirt
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  server:
    description:
      - The server's uuid, which is its domain's too.
    type: str
    required: true
  migration:
    description:
      - The uuid that names the move.
    type: str
    required: true
  state:
    description:
      - V(released) keeps the domain's XML beside the disks, shuts the guest down, uploads O(transfers), undefines the
        domain, disconnects O(volumes), and unplugs O(vifs). The disks stay.
      - V(restored) takes all of this back, and starts the guest if it ran before.
      - V(absent) removes the domain and the server's folder. It refuses while the guest runs here.
    type: str
    choices: [released, restored, absent]
    required: true
  transfers:
    description:
      - For O(state=released), the local disks to upload and the images that wait for them.
      - A qcow2 disk arrives as one flat qcow2 image without a backing file, any other as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      disk:
        description:
          - The disk's file in the server's folder, for example V(disk) or V(disk.config).
        type: str
        required: true
      image_id:
        description:
          - The image for its bytes.
        type: str
        required: true
      disk_format:
        description:
          - The image's format, V(qcow2) or V(raw).
        type: str
      sha512:
        description:
          - The SHA-512 of the image's bytes, once they are sent.
        type: str
      size_bytes:
        description:
          - The number of the image's bytes, once they are sent.
        type: int
      virtual_size_bytes:
        description:
          - The disk's size as the guest sees it, in bytes. Not used.
        type: int
      seconds:
        description:
          - How long the upload took. Not used.
        type: float
  endpoint:
    description:
      - The image service's endpoint.
    type: str
  token:
    description:
      - A token for the image service.
    type: str
  ca_file:
    description:
      - Certificates on this host to trust the image service by.
    type: path
  volumes:
    description:
      - The server's volumes, each with C(volume_id) and C(connection_info) as the source holds it. Other keys
        are ignored.
      - Contains secrets, so set C(no_log) on the task.
    type: list
    elements: dict
    default: []
  vifs:
    description:
      - The server's ports as Nova's C(network_info) has them, for this host.
    type: list
    elements: dict
    default: []
  shutdown_timeout_s:
    description:
      - Seconds that the guest has to shut down by itself before it is switched off.
    type: int
    default: 60
  shutdown_retry_interval_s:
    description:
      - Seconds after which the guest is asked again.
    type: int
    default: 10
  keep_disks:
    description:
      - For O(state=absent), leave the server's folder alone, because the destination uses the same storage.
    type: bool
    default: false
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
  - module: stackmove.nova.destination_guest
  - module: stackmove.nova.transfer_images
author:
  - stackmove.nova contributors (@stackmove)
"""

EXAMPLES = r"""
- name: Shut the guest down and upload its disk
  stackmove.nova.source_guest:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
    migration: 6d696772-6174-4e00-8b6d-6f7665210001
    state: released
    transfers:
      - disk: disk
        image_id: "{{ images.images.disk.id }}"
    endpoint: "{{ images.endpoint }}"
    token: "{{ images.token }}"
  delegate_to: compute11
  no_log: true

- name: Take the guest back
  stackmove.nova.source_guest:
    server: 6f70656e-7374-4163-8b6d-6f7665210001
    migration: 6d696772-6174-4e00-8b6d-6f7665210001
    state: restored
  delegate_to: compute11
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode, in order.
  returned: always
  type: list
  elements: str
  sample: [keep, shut_down, "upload:disk", undefine, disconnect]
guest_state:
  description: The domain's state afterwards, or V(absent).
  returned: always
  type: str
was_running:
  description: Whether the guest ran when the move began.
  returned: when the guest is released
  type: bool
clean_shutdown:
  description: Whether the guest shut down by itself; V(null) when it did not run.
  returned: when the guest is released
  type: bool
off_since:
  description: When the guest was asked to shut down, in seconds since the epoch; V(null) when it did not run.
  returned: when the guest is released
  type: float
disks:
  description: The disks that were uploaded; sizes in bytes.
  returned: when the guest is released
  type: list
  elements: dict
  sample:
    - disk: disk
      image_id: 696d6167-6500-4163-8b6d-6f7665210001
      disk_format: qcow2
      size_bytes: 19333120
      virtual_size_bytes: 1073741824
      sha512: 4dff4ea340f0a823...
      seconds: 1.25
domain_xml:
  description: The domain's XML as it was kept, console passwords included.
  returned: when the guest is released
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    instance_dir,
    nova_conf,
    params,
    source,
    vifs,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import (
    domain_info,
    domain_xml,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import Guest

SPEC: dict[str, Any] = {
    "server": {"type": "str", "required": True},
    "migration": {"type": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": ["released", "restored", "absent"]},
    "transfers": params.TRANSFERS,
    "endpoint": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
    "volumes": {"type": "list", "elements": "dict", "default": []},
    "vifs": {"type": "list", "elements": "dict", "default": []},
    "shutdown_timeout_s": {"type": "int", "default": 60},
    "shutdown_retry_interval_s": {"type": "int", "default": 10},
    "keep_disks": {"type": "bool", "default": False},
    "nova_conf": {"type": "list", "elements": "path", "default": list(nova_conf.DEFAULT_FILES)},
    "libvirt_uri": {"type": "str", "default": "qemu:///system"},
}


def work(guest: Guest, given: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Plan, act unless in check mode, and return the module's result."""
    conf = nova_conf.read(given["nova_conf"])
    folder = instance_dir.InstanceDir(instance_dir.path_of(conf.instances_path, given["server"]))
    host = source.SourceHost(
        guest,
        folder,
        given["migration"],
        Volumes(conf, in_use=lambda path: bool(guest.others_using(path))),
        vifs.Ports(conf),
        formats=domain_info.local_disk_formats,
        patch=lambda text, volumes: domain_xml.with_volumes(text, volumes)[0],
    )
    connections, ports = params.connections(given["volumes"]), params.ports(given["vifs"])
    transfers = [source.Transfer(item["disk"], item["image_id"], item["disk_format"]) for item in given["transfers"]]
    seen = host.observe()
    before = describe(guest, folder)
    if given["state"] == "released":
        steps = source.plan_release(seen, given["server"], given["migration"], transfers)
        if not check_mode:
            host.release(
                steps,
                transfers,
                params.image_service(given),
                connections,
                ports,
                given["shutdown_timeout_s"],
                given["shutdown_retry_interval_s"],
            )
    elif given["state"] == "restored":
        steps = source.plan_restore(seen, given["server"], given["migration"])
        if not check_mode:
            host.restore(steps, connections, ports)
    else:
        steps = source.plan_absent(seen, given["server"], given["keep_disks"])
        if not check_mode:
            host.remove(steps)
    after = predict(before, steps) if check_mode else describe(guest, folder)
    result = host.result() if given["state"] == "released" and not check_mode else {}
    return {
        "changed": bool(steps),
        "steps": steps,
        "guest_state": after["guest"],
        "diff": {"before": before, "after": after},
        **result,
    }


def describe(guest: Guest, folder: instance_dir.InstanceDir) -> dict[str, str]:
    """Say what is here, in a few words."""
    return {"guest": guest.state(), "folder": "present" if folder.exists() else "absent"}


def predict(before: dict[str, str], steps: list[str]) -> dict[str, str]:
    """Say what would be here after the steps."""
    after = dict(before)
    if "undefine" in steps or "undefine_all" in steps:
        after["guest"] = "absent"
    elif "start" in steps:
        after["guest"] = "running"
    elif "define" in steps or "shut_down" in steps:
        after["guest"] = "shutoff"
    if "remove_directory" in steps:
        after["folder"] = "absent"
    return after


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        with connect(module.params["libvirt_uri"]) as connection:
            guest = Guest(connection, module.params["server"])
            result = work(guest, module.params, module.check_mode)
    except StackmoveError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"Failed to work on this host: {error}. Remedy: Check space and permissions.")
    except ImportError as error:
        module.fail_json(msg=missing_required_lib(str(error.name)))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
