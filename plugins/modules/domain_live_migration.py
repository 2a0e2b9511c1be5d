#!/usr/bin/python

# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_live_migration
short_description: Migrate a running libvirt guest to another host
version_added: 0.1.0
description:
  - Moves memory, and local disks where O(copy_storage) says so, while the guest runs; and proves in the end that it
    runs at the destination. Runs on the host that the guest leaves, as root.
  - Nothing of OpenStack is needed. The defaults of downtime and timeout are Nova's.
  - Everything is checked before it begins, and all that stands against it is listed at once.
  - When it fails, the guest runs on at its source, files that were made for it at the destination are removed, and the
    message tells libvirt's error, what it means, and what to do.
  - While it goes on it is shown, a line every O(interval_s) seconds. The file C(/run/stackmove/<uuid>.progress.json) on
    the source's host has the same for other programs.
  - A run that is ended does not end the migration. Run it again, and it goes on watching, to fail if that migration
    fails; run it after the guest has arrived, and it changes nothing. M(stackmove.nova.domain_migration_control) ends a
    migration.
extends_documentation_fragment:
  - stackmove.nova.attributes
  - stackmove.nova.attributes.actiongroup_libvirt
  - stackmove.nova.libvirt
attributes:
  action:
    description: Has an action plugin of the same name, which shows the progress.
    support: full
  async:
    description: Supports being run with the C(async) keyword.
    support: none
    details:
      - It is asynchronous by itself.
options:
  domain:
    description:
      - The guest's uuid or name.
      - A guest that has arrived already can be found by its uuid, or by its name at the destination.
    type: str
    required: true
  destination_uri:
    description:
      - How libvirt of the destination is reached from the host that the guest leaves; by its libvirtd, too, if
        O(peer_to_peer) is set. C(qemu+ssh://root@HOST/system) and C(qemu+tls://HOST/system) are usual.
    type: str
    required: true
  peer_to_peer:
    description:
      - Have the source's libvirtd do it. Such a migration outlives this module.
      - Otherwise this module does it, and libvirt takes it back when the module is killed.
    type: bool
    default: true
  migrate_uri:
    description:
      - Where the guest's memory is sent, C(tcp://ADDRESS) or C(tcp://ADDRESS:PORT). By default the destination's own
        idea of its name.
    type: str
  listen_address:
    description:
      - The address of the destination on which QEMU waits for the guest. By default all.
    type: str
  disks_port:
    description:
      - The port of the destination for disks that are copied. By default libvirt chooses one.
    type: int
  native_tls:
    description:
      - Encrypt memory and disks by QEMU's own TLS. Both hosts need certificates in C(/etc/pki/qemu).
    type: bool
    default: false
  tls_destination:
    description:
      - The name in the destination's certificate, where it is not the one in the URI.
    type: str
  bandwidth_mib:
    description:
      - The most that is sent, in MiB/s; 0 is no limit.
    type: int
    default: 0
  bandwidth_postcopy_mib:
    description:
      - The same after a switch to post-copy.
    type: int
    default: 0
  compression:
    description:
      - How memory is compressed. V(zlib) and V(zstd) need O(parallel_connections).
    type: list
    elements: str
    choices: [xbzrle, mt, zlib, zstd]
    default: []
  auto_converge:
    description:
      - Slow the guest down while it writes faster than can be sent. Ignored with O(post_copy), as by Nova.
    type: bool
    default: false
  auto_converge_initial:
    description:
      - By how many percent it is slowed down at first. By default QEMU's.
    type: int
  auto_converge_increment:
    description:
      - By how many percent more, each time that this does not suffice. By default QEMU's.
    type: int
  post_copy:
    description:
      - Allow the guest to go on at the destination before all of its memory is there. It is done when the timeout is
        reached and O(timeout_action=force_complete), or by M(stackmove.nova.domain_migration_control).
      - There is no way back from there. When the way between the hosts breaks then, the guest stands still until the
        migration is resumed, which is tried three times, and again when this module is run again.
      - Needs C(sysctl vm.unprivileged_userfaultfd=1) at the destination, where QEMU is not privileged.
    type: bool
    default: false
  parallel_connections:
    description:
      - The number of connections for memory.
    type: int
    default: 1
  copy_storage:
    description:
      - V(all) copies disks whole; V(incremental) copies what is in a file that stands on another one, which is at the
        destination already, the same to the byte; V(none) copies nothing, as for storage that both hosts see.
      - V(auto) copies disks whole that the destination does not see. Where all are seen and no disk is cached by its
        host, libvirt is told so as by O(unsafe). Of block devices nobody can tell who sees them, so they must be named
        in O(migrate_disks) to be copied.
      - A file that both hosts see is never copied onto itself. That is tested, but for V(none), by a file that is made
        for a moment beside the guest's, in check mode, too.
    type: str
    choices: [auto, none, all, incremental]
    default: auto
  migrate_disks:
    description:
      - The disks to copy, by their targets. By default all files and block devices that the guest alone writes to.
        Disks on the network are never copied.
    type: list
    elements: str
  create_disks:
    description:
      - Make the files of copied disks at the destination, sparse and of the same virtual size; and remove them if the
        migration fails. They must not exist.
      - Otherwise they must exist, and whoever made them cares for them. So do block devices in any case.
    type: bool
    default: true
  synchronous_writes:
    description:
      - Have the guest wait for each write to reach the destination's disk, too. So copying disks ends however much it
        writes.
    type: bool
    default: false
  unsafe:
    description:
      - Migrate though libvirt fears for a disk that is not copied, as it does for a file that is cached by the host.
    type: bool
    default: false
  downtime_ms:
    description:
      - For how many milliseconds the guest may be paused in the end.
    type: int
    default: 500
  downtime_steps:
    description:
      - In how many steps this is reached. The first allows the least.
    type: int
    default: 10
  downtime_delay_s:
    description:
      - How many seconds each step lasts, for each GiB of memory and copied disks; at least 2 GiB are counted for each.
    type: int
    default: 75
  completion_timeout_s:
    description:
      - After how many seconds O(timeout_action) is taken, for each GiB as above; 0 is never.
    type: int
    default: 800
  timeout_action:
    description:
      - V(abort) leaves the guest at its source. V(force_complete) switches to post-copy where O(post_copy) allows it,
        and otherwise pauses the guest until it has arrived.
    type: str
    choices: [abort, force_complete]
    default: abort
  interval_s:
    description:
      - Seconds between two lines of progress.
    type: float
    default: 5
  stall_s:
    description:
      - When neither memory nor disks were sent for so many seconds, the progress says so, with both hosts and what can
        be done; and so do RV(steps), or the error, in the end. 0 is never.
      - Nothing is done about it. QEMU may wait for minutes for a link that is down; O(completion_timeout_s) goes on.
    type: int
    default: 30
  destination_xml:
    description:
      - The guest's XML for the destination, where addresses, paths or names differ. Nothing that the guest sees may.
      - M(stackmove.nova.domain_xml) makes it. As it may hold passwords of consoles, it is kept out of logs.
    type: str
  persistent_xml:
    description:
      - The XML by which the guest is defined there. By default O(destination_xml).
    type: str
  destination_name:
    description:
      - The guest's name at the destination.
    type: str
  lock_timeout_s:
    description:
      - Seconds to wait for another module that works on the same guest on this host. One that migrates it is waited for
        as long as that takes.
    type: int
    default: 300
notes:
  - O(nova_conf) is an option so that the action group can be given it. It is not read.
seealso:
  - module: stackmove.nova.domain_migration_control
  - module: stackmove.nova.domain_xml
author:
  - stackmove.nova contributors (@stackmove)
"""

EXAMPLES = r"""
- name: Migrate a guest whose disks both hosts see
  stackmove.nova.domain_live_migration:
    domain: web1
    destination_uri: qemu+ssh://root@kvm2/system

- name: Migrate it with its disks, at 200 MiB/s, and pause it rather than give up
  stackmove.nova.domain_live_migration:
    domain: web1
    destination_uri: qemu+ssh://root@kvm2/system
    copy_storage: all
    bandwidth_mib: 200
    timeout_action: force_complete
"""

RETURN = r"""
uuid:
  description: The guest's uuid.
  returned: success
  type: str
name:
  description: The guest's name, at the destination if it is there.
  returned: success
  type: str
destination:
  description: The destination's name for itself.
  returned: success
  type: str
disks:
  description:
    - The disks that were or would be copied, each with C(target), C(source_path), C(path) at the destination, virtual
      C(size_bytes), and whether the file there is made by this (C(create)).
    - The files at the source stay.
  returned: success, when this run has begun or would begin the migration
  type: list
  elements: dict
plan:
  description: What would be done.
  returned: success, in check mode, when something would be done
  type: dict
  contains:
    source:
      description: The name of the host that the guest leaves.
      type: str
    memory_bytes:
      description: The guest's memory.
      type: int
    data_gib:
      description: What there is to carry, in GiB, as the timeouts count it.
      type: float
    flags:
      description: libvirt's flags.
      type: int
source_state:
  description: How the guest is at its source afterwards.
  returned: success and failure, not in check mode
  type: str
  sample: not there
destination_state:
  description: How the guest is at the destination afterwards.
  returned: success and failure, not in check mode
  type: str
  sample: running
downtime_ms:
  description: For how long the guest was paused; V(null) when libvirt does not remember.
  returned: success, not in check mode
  type: int
elapsed_ms:
  description: How long the migration took; V(null) when libvirt does not remember.
  returned: success, not in check mode
  type: int
memory_sent_bytes:
  description: What was sent of its memory; V(null) when libvirt does not remember.
  returned: success, not in check mode
  type: int
iterations:
  description: How often memory was gone through; V(null) when libvirt does not remember.
  returned: success, not in check mode
  type: int
steps:
  description: What was done, in order.
  returned: success and failure, not in check mode
  type: list
  elements: str
  sample: ["create /var/lib/libvirt/images/web1.qcow2", migrate to kvm2, allow a pause of 50 ms]
outcome:
  description: >-
    V(stayed) at its source; V(ended), since it crashed or was shut down; V(torn) after a switch to post-copy;
    V(switched) to post-copy, which still goes on; V(halted) where it has arrived; V(unseen) at its source, which did
    not answer, after it has arrived; V(both), V(unknown).
  returned: failure
  type: str
libvirt_error:
  description: The number of libvirt's error.
  returned: failure
  type: int
blockers:
  description: All that stands against the migration.
  returned: when something does
  type: list
  elements: str
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.stackmove.nova.plugins.module_utils._edge import run_module
from ansible_collections.stackmove.nova.plugins.module_utils._errors import ConflictError
from ansible_collections.stackmove.nova.plugins.module_utils._host import lock, params
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import (
    migration_hosts,
    migration_options,
    progress,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration import Migration

SPEC: dict[str, Any] = {
    "domain": {"type": "str", "required": True},
    "destination_uri": {"type": "str", "required": True},
    "peer_to_peer": {"type": "bool", "default": True},
    "migrate_uri": {"type": "str"},
    "listen_address": {"type": "str"},
    "disks_port": {"type": "int"},
    "native_tls": {"type": "bool", "default": False},
    "tls_destination": {"type": "str"},
    "bandwidth_mib": {"type": "int", "default": 0},
    "bandwidth_postcopy_mib": {"type": "int", "default": 0},
    "compression": {"type": "list", "elements": "str", "choices": ["xbzrle", "mt", "zlib", "zstd"], "default": []},
    "auto_converge": {"type": "bool", "default": False},
    "auto_converge_initial": {"type": "int"},
    "auto_converge_increment": {"type": "int"},
    "post_copy": {"type": "bool", "default": False},
    "parallel_connections": {"type": "int", "default": 1},
    "copy_storage": {"type": "str", "choices": ["auto", "none", "all", "incremental"], "default": "auto"},
    "migrate_disks": {"type": "list", "elements": "str"},
    "create_disks": {"type": "bool", "default": True},
    "synchronous_writes": {"type": "bool", "default": False},
    "unsafe": {"type": "bool", "default": False},
    "downtime_ms": {"type": "int", "default": 500},
    "downtime_steps": {"type": "int", "default": 10},
    "downtime_delay_s": {"type": "int", "default": 75},
    "completion_timeout_s": {"type": "int", "default": 800},
    "timeout_action": {"type": "str", "choices": ["abort", "force_complete"], "default": "abort"},
    "interval_s": {"type": "float", "default": 5},
    "stall_s": {"type": "int", "default": 30},
    "destination_xml": {"type": "str", "no_log": True},
    "persistent_xml": {"type": "str", "no_log": True},
    "destination_name": {"type": "str"},
    "lock_timeout_s": {"type": "int", "default": 300},
    **params.LIBVIRT_OPTIONS,
}


@contextmanager
def turn(migration: Migration, uuid: str, timeout_s: int) -> Iterator[bool]:
    """Hold the guest's lock for the length of a ``with`` block; tell whether another run was migrating it till then.

    :param timeout_s: seconds to wait for whoever holds it, counted while no migration is under way
    :raises ConflictError: when it is still held then
    """
    watched = False
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(lock.held(uuid, 1))
                break
            except ConflictError:
                if migration.is_under_way():
                    watched = True
                    deadline = time.monotonic() + timeout_s
                elif time.monotonic() > deadline:
                    raise
        yield watched


def work(module: AnsibleModule) -> dict[str, Any]:
    """Migrate the guest, and return the module's result."""
    given = module.params
    options = migration_options.Options(
        **{field.name: given[field.name] for field in fields(migration_options.Options)}
    )
    migration_options.refuse_nonsense(options)
    migration_hosts.keep_alive()
    with ExitStack() as stack:
        source = migration_hosts.Host(given["libvirt_uri"], stack)
        destination = migration_hosts.Host(given["destination_uri"], stack)
        name = given["destination_name"] or given["domain"]
        uuid = migration_hosts.uuid_of(given["domain"], [(source, given["domain"]), (destination, name)])
        file = progress.path_of(uuid)
        migration = Migration(source, destination, uuid, options, lambda record: progress.write(file, record))
        if module.check_mode:
            return migration.predict()
        with turn(migration, uuid, given["lock_timeout_s"]) as watched:
            try:
                result = migration.run(watched)
            finally:
                file.unlink(missing_ok=True)
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    run_module(module, work, {})


if __name__ == "__main__":
    main()
