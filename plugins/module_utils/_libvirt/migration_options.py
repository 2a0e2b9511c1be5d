# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator may say of a live migration, and what libvirt is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import UnsupportedError

GIB = 1024**3
# virDomainMigrateFlags and the names of its parameters: part of libvirt's stable interface. A constant that the host's
# module for Python is too old for has its name here all the same, so that libvirt itself says that it is too old.
LIVE = 1
PEER2PEER = 2
PERSIST_DEST = 8
UNDEFINE_SOURCE = 16
PAUSED = 32
NON_SHARED_DISK = 64
NON_SHARED_INC = 128
UNSAFE = 512
COMPRESSED = 2048
AUTO_CONVERGE = 8192
POSTCOPY = 32768
TLS = 65536
PARALLEL = 131072
NON_SHARED_SYNCHRONOUS_WRITES = 262144
POSTCOPY_RESUME = 524288


@dataclass(frozen=True)
class Options:
    """The options of the module domain_live_migration, under its names and with its defaults.

    Those that Nova has are described in nova/conf/libvirt.py, the others in libvirt's virDomainMigrateToURI3.
    """

    destination_uri: str
    peer_to_peer: bool = True
    migrate_uri: str | None = None
    listen_address: str | None = None
    disks_port: int | None = None
    native_tls: bool = False
    tls_destination: str | None = None
    bandwidth_mib: int = 0
    bandwidth_postcopy_mib: int = 0
    compression: Sequence[str] = ()
    auto_converge: bool = False
    auto_converge_initial: int | None = None
    auto_converge_increment: int | None = None
    post_copy: bool = False
    parallel_connections: int = 1
    copy_storage: str = "auto"
    migrate_disks: Sequence[str] | None = None
    create_disks: bool = True
    synchronous_writes: bool = False
    unsafe: bool = False
    downtime_ms: int = 500
    downtime_steps: int = 10
    downtime_delay_s: int = 75
    completion_timeout_s: int = 800
    timeout_action: str = "abort"
    interval_s: float = 5.0
    stall_s: int = 30
    destination_xml: str | None = None
    persistent_xml: str | None = None
    destination_name: str | None = None


def refuse_nonsense(options: Options) -> None:
    """Refuse options of which nothing good can come.

    :raises UnsupportedError: naming the option; the least values are those of Nova's options
    """
    least = {
        "downtime_ms": 100,
        "downtime_steps": 3,
        "downtime_delay_s": 3,
        "completion_timeout_s": 0,
        "parallel_connections": 1,
        "bandwidth_mib": 0,
        "interval_s": 0.5,
        "stall_s": 0,
    }
    for name, value in least.items():
        if getattr(options, name) < value:
            raise UnsupportedError(
                f"migrate with {name} {getattr(options, name)}", f"it must be {value} or more.", f"Raise {name}."
            )
    if set(options.compression) & {"zlib", "zstd"} and options.parallel_connections < 2:
        raise UnsupportedError(
            f"compress with {', '.join(options.compression)}",
            "QEMU does so over several connections only.",
            "Set parallel_connections to 2 or more, or compress with xbzrle.",
        )


def toward(found: Mapping[str, Any], host: str, inbound_address: str) -> dict[str, Any]:
    """Return the options of a migration to a host, as Nova has them.

    The libvirt there listens on the address for guests, too (LibvirtDriver._live_migration_operation).

    :param found: what the source's nova.conf says of live migrations, with %s for the destination in ``uri``
    :param inbound_address: on which the destination receives guests; empty: it is reached by its name
    """
    return {
        **{name: value for name, value in found.items() if name not in ("uri", "inbound_address")},
        "destination_uri": found["uri"].replace("%s", _in_uri(inbound_address or host)),
        "migrate_uri": f"tcp://{_in_uri(inbound_address)}" if inbound_address else None,
    }


def _in_uri(address: str) -> str:
    """A host as URIs have it: an IPv6 address in brackets."""
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def for_guest(options: Options, paused: bool) -> Options:
    """Return the options without what does not go together.

    As Nova: a paused guest cannot switch to post-copy (LP 1671011), and one that can be need not be slowed down.
    """
    post_copy = options.post_copy and not paused
    return replace(options, post_copy=post_copy, auto_converge=options.auto_converge and not post_copy)


def flags(options: Options, persistent: bool, paused: bool, disks: Sequence[str]) -> int:
    """Return libvirt's flags for a migration.

    :param persistent: whether the guest is defined at its source, and so shall be at the destination only
    :param disks: the disks that are copied. Without any, copying is not asked for: libvirt would take it for all disks
    """
    wanted = {
        PEER2PEER: options.peer_to_peer,
        UNDEFINE_SOURCE | PERSIST_DEST: persistent,
        PAUSED: paused,
        NON_SHARED_DISK: bool(disks) and options.copy_storage == "all",
        NON_SHARED_INC: bool(disks) and options.copy_storage == "incremental",
        NON_SHARED_SYNCHRONOUS_WRITES: bool(disks) and options.synchronous_writes,
        UNSAFE: options.unsafe,
        COMPRESSED: bool(options.compression),
        AUTO_CONVERGE: options.auto_converge,
        POSTCOPY: options.post_copy,
        TLS: options.native_tls,
        PARALLEL: options.parallel_connections > 1,
    }
    return LIVE | sum(flag for flag, is_wanted in wanted.items() if is_wanted)


def parameters(options: Options, disks: Sequence[str]) -> dict[str, Any]:
    """Return libvirt's typed parameters for a migration.

    The XML for the destination is the persistent one, too, where no other is given: without one libvirt would define
    the guest there as it was defined at its source (LP 1890501).
    """
    found: dict[str, Any] = {
        "bandwidth": options.bandwidth_mib,
        "bandwidth.postcopy": options.bandwidth_postcopy_mib if options.post_copy else 0,
        "migrate_uri": options.migrate_uri,
        "listen_address": options.listen_address,
        "destination_xml": options.destination_xml,
        "persistent_xml": options.persistent_xml or options.destination_xml,
        "destination_name": options.destination_name,
        "migrate_disks": list(disks),
        "disks_port": options.disks_port if disks else None,
        "tls.destination": options.tls_destination if options.native_tls else None,
        "parallel.connections": options.parallel_connections if options.parallel_connections > 1 else None,
        "compression": list(options.compression),
    }
    if options.auto_converge:
        found["auto_converge.initial"] = options.auto_converge_initial
        found["auto_converge.increment"] = options.auto_converge_increment
    return {name: value for name, value in found.items() if value}


def data_gib(memory_bytes: int, disk_bytes: Sequence[int]) -> float:
    """Return how much there is to carry, in GiB: memory and each copied disk, at least 2 GiB each.

    As LibvirtDriver._live_migration_data_gb of Nova.
    """
    return sum(max(size / GIB, 2.0) for size in (memory_bytes, *disk_bytes))


def downtime_schedule(options: Options, gib: float) -> list[tuple[int, int]]:
    """Return pairs of seconds since the start and the downtime in milliseconds that is allowed from then on.

    As downtime_steps of Nova's virt/libvirt/migration.py.
    """
    delay_s = int(options.downtime_delay_s * gib)
    base = options.downtime_ms / options.downtime_steps
    offset = (options.downtime_ms - base) / options.downtime_steps
    return [(delay_s * step, int(base + offset * step)) for step in range(options.downtime_steps + 1)]


def allowed_downtime_ms(schedule: Sequence[tuple[int, int]], elapsed_s: float) -> int | None:
    """Return the downtime that a schedule allows by now, or None at the very start."""
    reached = [downtime_ms for after_s, downtime_ms in schedule if elapsed_s > after_s]
    return reached[-1] if reached else None


def deadline_s(options: Options, gib: float) -> int:
    """Return the seconds after which the timeout's action is taken; 0 is never."""
    return int(options.completion_timeout_s * gib)
