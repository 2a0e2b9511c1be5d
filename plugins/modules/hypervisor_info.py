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
  - stackmove.nova.attributes.info
  - stackmove.nova.attributes.actiongroup_libvirt
  - stackmove.nova.libvirt
options:
  server:
    description:
      - The uuid of a server whose domain and files are read as well.
    type: str
  processor:
    description:
      - The processor of a guest that runs elsewhere, as RV(guest.processor) has it there, to see whether this host's
        QEMU can give it the same.
    type: str
  destination:
    description:
      - A host to which O(server) would be migrated live. Its libvirt is looked at from here, as the migration will
        reach it, for RV(destination).
      - Options that are left out are those of C(nova.conf).
    type: dict
    suboptions:
      host:
        description: Nova's name of it.
        type: str
        required: true
      inbound_address:
        description: The address on which it receives guests, C(live_migration_inbound_addr) of its C(nova.conf).
        type: str
      destination_uri:
        description: As O(stackmove.nova.domain_live_migration#module:destination_uri).
        type: str
      migrate_uri:
        description: As O(stackmove.nova.domain_live_migration#module:migrate_uri).
        type: str
      native_tls:
        description: As O(stackmove.nova.domain_live_migration#module:native_tls).
        type: bool
      post_copy:
        description: As O(stackmove.nova.domain_live_migration#module:post_copy).
        type: bool
      parallel_connections:
        description: As O(stackmove.nova.domain_live_migration#module:parallel_connections).
        type: int
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
  description: What a move follows of the configuration of nova-compute; no secrets.
  returned: success
  type: dict
  contains:
    host:
      description: Nova's name of this host.
      type: str
      sample: compute11
    instances_path:
      description: The folder with a folder for each server.
      type: str
      sample: /var/lib/nova/instances
    images_type:
      description: Where root disks live; V(default) is resolved as Nova does.
      type: str
      sample: qcow2
    virt_type:
      description: The kind of virtualization.
      type: str
      sample: kvm
    cpu_shared_set:
      description: C([compute] cpu_shared_set), the processors that guests share; empty for every processor.
      type: str
      sample: 0-15
    instance_name_template:
      description: By what libvirt's names of guests are made.
      type: str
      sample: instance-%08x
    rbd_user:
      description: C([libvirt] rbd_user), for disks in Ceph.
      type: str
    rbd_secret_uuid:
      description: C([libvirt] rbd_secret_uuid). It is the name of a secret and none itself.
      type: str
    vnc_server_listen:
      description: Where consoles over VNC listen.
      type: str
      sample: 192.0.2.11
    spice_server_listen:
      description: Where consoles over SPICE listen.
      type: str
      sample: 127.0.0.1
    serial_console_enabled:
      description: Whether guests get serial consoles over TCP.
      type: bool
    serial_console_address:
      description: C([serial_console] proxyclient_address), where these listen.
      type: str
      sample: 127.0.0.1
    serial_console_port_range:
      description: C([serial_console] port_range), the first port for them and the one after the last.
      type: str
      sample: "10000:20000"
    live_migration:
      description:
        - How Nova migrates guests live from and to this host, by the options of
          M(stackmove.nova.domain_live_migration); but for C(uri), which has V(%s) for the destination, and
          C(inbound_address), on which this host receives guests, or empty.
      type: dict
    shutdown_timeout_s:
      description: How long guests have to shut down, in seconds.
      type: int
      sample: 60
connector:
  description:
    - This host's volume connector, as Nova would hand it to Cinder.
    - V(null) when os-brick is missing.
  returned: success
  type: dict
  contains:
    host:
      description: Nova's name of this host.
      type: str
    ip:
      description: The address for the storage network.
      type: str
    initiator:
      description: The iSCSI initiator's name, if there is one.
      type: str
    multipath:
      description: Whether volumes are connected over several paths.
      type: bool
libvirt:
  description:
    - What this host's libvirt and QEMU are and can do.
    - V(null) when libvirt's or lxml's Python module is missing.
  returned: success
  type: dict
  contains:
    version:
      description: libvirt's version.
      type: str
      sample: 9.0.0
    hypervisor_version:
      description: QEMU's version.
      type: str
      sample: 7.2.9
    hostname:
      description: The host's name, as libvirt has it. With Nova's libvirt driver it is the compute node's name.
      type: str
    host_uuid:
      description: The host's uuid.
      type: str
    arch:
      description: The processor's architecture.
      type: str
      sample: x86_64
    cpu_model:
      description: The processor's model in libvirt's words.
      type: str
    cpu_vendor:
      description: The processor's vendor.
      type: str
    emulators:
      description: The path of QEMU by architecture.
      type: dict
    machine_types:
      description: The machine types for the host's architecture.
      type: list
      elements: str
storage:
  description: The file system of C(instances_path).
  returned: success
  type: dict
  contains:
    path:
      description: C(instances_path).
      type: str
    exists:
      description: Whether that folder exists.
      type: bool
    free_bytes:
      description: The free space, in bytes.
      type: int
    total_bytes:
      description: The whole space, in bytes.
      type: int
    type:
      description: The kind of file system.
      type: str
      sample: ext4
    filesystem:
      description: An identifier. Two hosts with the same one may share the storage.
      type: str
missing:
  description: Programs and Python modules that are not installed.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The program or module.
      type: str
      sample: os_brick
    kind:
      description: V(program) or V(python).
      type: str
    package:
      description: Debian's package for it.
      type: str
      sample: python3-os-brick
owned_by_nova:
  description: Whose C(instances_path) is; V(null) when it does not exist.
  returned: success
  type: dict
  contains:
    uid:
      description: The user.
      type: int
    gid:
      description: The group.
      type: int
processor_refusal:
  description:
    - What the host lacks of O(processor), in libvirt's words; empty when it lacks nothing, or none was given.
  returned: success
  type: str
  sample: "the CPU is incompatible with host CPU: Host CPU does not provide required features: avx512f"
certificates:
  description:
    - Those by which QEMU would encrypt a live migration.
    - V(null) when there is no C(/etc/libvirt/qemu.conf) here, as where libvirt runs in a container.
  returned: success
  type: dict
  contains:
    path:
      description: The folder in which QEMU looks for them.
      type: str
      sample: /etc/pki/qemu
    files:
      description: The names of the files in it.
      type: list
      elements: str
destination:
  description: What is seen of O(destination) from here. V(null) when it is not given.
  returned: success
  type: dict
  contains:
    options:
      description: How the server would be migrated there, by the options of M(stackmove.nova.domain_live_migration).
      type: dict
    refusal:
      description: Why its libvirt is not reached; empty when it is.
      type: str
    hostname:
      description: Its own name, to which a guest is sent unless C(migrate_uri) says otherwise.
      type: str
    host_uuid:
      description: Its uuid.
      type: str
    is_resolved:
      description: Whether an address of that name is known here.
      type: bool
    name_taken_by:
      description: The uuid of another guest there that has the name that the server's domain has here, or empty.
      type: str
guest:
  description:
    - The server's domain. V(null) when O(server) is not given or is not defined here.
  returned: success
  type: dict
  contains:
    uuid:
      description: The server's uuid.
      type: str
    name:
      description: The domain's name.
      type: str
      sample: instance-0000000a
    state:
      description: The state in libvirt's word.
      type: str
      sample: running
    off_reason:
      description:
        - Why it is V(shutoff), in libvirt's word; V(null) if it is not.
        - One that is so since it was V(migrated) may run elsewhere. After a restart of libvirt it is V(unknown).
      type: str
      sample: crashed
    persistent:
      description: Whether it is defined, and not only running.
      type: bool
    xml:
      description: The persistent XML, in which console passwords are blanked out.
      type: str
    snapshots:
      description: The number of libvirt's own snapshots.
      type: int
    checkpoints:
      description: The number of libvirt's checkpoints.
      type: int
    processor:
      description:
        - The processor that it runs on, with each of its features, for O(processor) on another host; V(null) if it does
          not run.
      type: str
    type:
      description: libvirt's kind of domain.
      type: str
      sample: kvm
    arch:
      description: The processor's architecture.
      type: str
      sample: x86_64
    machine:
      description: The machine type.
      type: str
    cpu_mode:
      description: The mode of the processor in libvirt's word; V(null) where the XML has none.
      type: str
      sample: host-model
    tcp_consoles:
      description: How many of its serial consoles are ports of the host.
      type: int
    has_tpm:
      description: Whether it has a TPM.
      type: bool
    has_nvram:
      description: Whether it has firmware variables (UEFI).
      type: bool
    has_pinned_cpus:
      description: Whether processors are pinned.
      type: bool
    has_numa:
      description: Whether it has a NUMA topology.
      type: bool
    has_launch_security:
      description: Whether its memory is encrypted.
      type: bool
    has_kernel:
      description: Whether it boots a kernel outside of its disk.
      type: bool
    hostdevs:
      description: The kinds of the host's devices that it has.
      type: list
      elements: str
    filesystems:
      description: The host's folders that it has, by their names in the guest.
      type: list
      elements: str
    interfaces:
      description: The network interfaces, each with C(mac), C(type), C(target), C(bridge), C(port), and C(model).
      type: list
      elements: dict
    disks:
      description: The disks, each with C(type), C(device), C(target), C(format), C(serial), and C(source).
      type: list
      elements: dict
directory:
  description:
    - The server's folder. V(null) when O(server) is not given or has no folder here.
  returned: success
  type: dict
  contains:
    path:
      description: The folder.
      type: str
    files:
      description: All files in it, each with C(name) and C(size_bytes).
      type: list
      elements: dict
    disks:
      description:
        - The local disks, each with C(name), C(path), C(format), C(virtual_size_bytes), C(allocated_bytes),
          C(backing_path), C(backing_format), and C(chain_depth).
      type: list
      elements: dict
    note:
      description:
        - What a move has noted in the folder. V(null) when none has.
        - It may be left over from a move that Nova has confirmed or reverted, which its C(migration) tells.
      type: dict
      contains:
        role:
          description: >-
            V(source) where the guest was let go, V(destination) where it was taken in, V(returned) where it is taken
            in again with the disks that it had there.
          type: str
        migration:
          description: The uuid that names the move.
          type: str
        phase:
          description: How far the guest's departure or arrival has come on this host.
          type: str
          sample: released
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._host import (
    instance_dir,
    nova_conf,
    params,
    requirements,
    storage,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.volumes import Volumes
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import (
    capabilities,
    certificates,
    domain_info,
    migration_checks,
    migration_hosts,
    migration_options,
    migration_reach,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import connect
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import Guest
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migratable import migratable_xml

DESTINATION: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "inbound_address": {"type": "str"},
    "destination_uri": {"type": "str"},
    "migrate_uri": {"type": "str"},
    "native_tls": {"type": "bool"},
    "post_copy": {"type": "bool"},
    "parallel_connections": {"type": "int"},
}


def describe_guest(guest: Guest, definition: str, processor: str | None) -> dict[str, Any]:
    """Return a guest's facts.

    :param processor: the one that it runs on, None if it does not run
    """
    return {
        "uuid": guest.uuid,
        "name": guest.name(),
        "state": guest.state(),
        "off_reason": guest.off_reason(),
        "persistent": guest.is_persistent(),
        "snapshots": guest.snapshots(),
        "checkpoints": guest.checkpoints(),
        "processor": processor,
        "xml": domain_info.redacted(definition),
        **domain_info.describe(definition),
    }


def see(conf: nova_conf.NovaConf, given: dict[str, Any], guest: Guest | None) -> dict[str, Any]:
    """Return what is seen from here of the host to which a guest would be migrated, by the options for that."""
    set_here = {name: value for name, value in given.items() if value is not None}
    found = conf.summary()["live_migration"]
    options = {
        **migration_options.toward(found, set_here.pop("host"), set_here.pop("inbound_address", "")),
        **set_here,
    }
    name = guest.name() if guest and guest.exists() else None
    return {"options": options, **migration_reach.look(options["destination_uri"], guest.uuid if guest else "", name)}


def describe_directory(folder: instance_dir.InstanceDir, definition: str | None) -> dict[str, Any] | None:
    """Return what is in a server's folder."""
    if not folder.exists():
        return None
    formats = domain_info.local_disk_formats(definition, str(folder.path)) if definition else {}
    disks = [image.as_dict() for image in folder.disks(formats)]
    note = folder.note.read()
    return {
        "path": str(folder.path),
        "files": folder.files(),
        "disks": disks,
        "note": {key: note.get(key) for key in ("role", "migration", "phase")} if note else None,
    }


def gather(given: dict[str, Any]) -> dict[str, Any]:
    """Read everything that the host has; what needs a missing library stays empty."""
    conf = nova_conf.read(given["nova_conf"])
    absent = requirements.missing()
    names = {item["name"] for item in absent}
    path = conf.instances_path
    owner = path.stat() if path.is_dir() else None
    result: dict[str, Any] = {
        "nova": conf.summary(),
        "missing": absent,
        "storage": storage.describe(path),
        "owned_by_nova": {"uid": owner.st_uid, "gid": owner.st_gid} if owner else None,
        "connector": None,
        "libvirt": None,
        "processor_refusal": "",
        "certificates": certificates.describe(),
        "destination": None,
        "guest": None,
        "directory": None,
    }
    if "os_brick" not in names:
        result["connector"] = Volumes(conf, in_use=lambda _path: True).connector()
    if names & {"libvirt", "lxml"}:
        return result
    if given["destination"]:
        migration_hosts.keep_alive()
    with connect(given["libvirt_uri"]) as connection:
        result["libvirt"] = capabilities.describe(connection)
        if given["processor"]:
            result["processor_refusal"] = migration_checks.cpu_refusal(connection, given["processor"])
        guest = Guest(connection, given["server"]) if given["server"] else None
        if given["destination"]:
            result["destination"] = see(conf, given["destination"], guest)
        if guest:
            folder = instance_dir.InstanceDir(instance_dir.path_of(path, guest.uuid))
            definition = guest.definition() if guest.exists() else None
            processor = None
            if guest.is_active():  # its definition may only say that it is the host's
                processor = domain_info.processor(migratable_xml(connection, guest.uuid))
            result["guest"] = describe_guest(guest, definition, processor) if definition else None
            result["directory"] = describe_directory(folder, definition)
    return result


def work(module: AnsibleModule) -> dict[str, Any]:
    """Return the module's result."""
    return {"changed": False, **gather(module.params)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str"},
            "processor": {"type": "str"},
            "destination": {"type": "dict", "options": DESTINATION},
            **params.LIBVIRT_OPTIONS,
        },
        supports_check_mode=True,
    )
    run_module(module, work, {})


if __name__ == "__main__":
    main()
