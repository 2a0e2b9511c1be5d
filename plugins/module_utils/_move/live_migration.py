# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands against a live migration, within a cell or to another, and its plan: pure functions of what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ansible_collections.stackmove.nova.plugins.module_utils._host.instance_dir import base_name
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import (
    capabilities,
    certificates,
    migration_checks,
    migration_options,
)
from ansible_collections.stackmove.nova.plugins.module_utils._move import blockers, plan
from ansible_collections.stackmove.nova.plugins.module_utils._move.blockers import Blocker
from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import (
    LIVE,
    Document,
    Observed,
    is_deleted,
    unreached,
)

# What its libvirt calls a guest in each vm_state that can be migrated.
_STATES = {"active": "running", "paused": "paused"}
_BY_NOVA = "Migrate it within its cell with Nova: openstack server migrate --live-migration."
_COLD = {
    True: "Start it first; or migrate it cold: openstack server migrate.",
    False: "Start it first; or move it cold, with the playbook cross_cell_resize.",
}
_CONFIG_DRIVE = "disk.config"
_BACK = "-e live_migrate_direction=back"
_FENCED = "-e live_migrate_fenced=true"


def find_blockers(observed: Observed) -> list[Blocker]:
    """Every blocker at once. One that is under way is not asked again what it has passed already."""
    if observed.phase == "none":
        half_done = list(blockers.half_done_live(observed))  # to another cell, or just not to one
        return half_done if half_done or observed.direction == "back" else list(_new(observed))
    return [*blockers.held(observed), *_go_on(observed)]


def _new(observed: Observed) -> Iterator[Blocker]:
    yield from blockers.reach(observed)
    # Neither Nova nor we move it cold in another state.
    stopped = observed.move["server"]["vm_state"] == "stopped"
    yield from blockers.state(
        observed, tuple(_STATES), _COLD[observed.job == LIVE] if stopped else "Bring it to ACTIVE first."
    )
    yield from blockers.unmovable(observed, _BY_NOVA)
    yield from blockers.leftovers(observed)
    yield from blockers.group(observed)
    yield from _destination(observed)
    yield from blockers.services(observed)
    yield from blockers.ports(observed)
    yield from blockers.volumes(observed)
    if not unreached(observed.source_host):
        yield from blockers.source_host(observed)
        yield from _guest(observed)
        yield from _certificates(observed, "source")
    if observed.move["destination"] and observed.destination_host and not unreached(observed.destination_host):
        for blocker in (
            *blockers.destination_host(observed, copies=1),
            *_hypervisor(observed),
            *_certificates(observed, "destination"),
            *_way(observed),
        ):
            yield replace(blocker, elsewhere=True)


def _destination(observed: Observed) -> Iterator[Blocker]:
    source, destination = observed.move["source"], observed.move["destination"]
    within = observed.job == LIVE
    if destination is None:
        where = f"no other host of {source['cell']['name']}" if within else "no host of another enabled cell"
        yield Blocker(
            "destination",
            f"{where} is up, enabled and has room for the flavor.",
            "Enable one, make room, or name one (destination_host) to see what it lacks.",
        )
        return
    name = f"host {destination['host']}"
    if destination["host"] == source["host"]:
        yield Blocker(name, "the server is there already.", "Name another host.")
    elif (destination["cell"]["id"] == source["cell"]["id"]) != within:
        yield Blocker(
            name,
            f"it is in {destination['cell']['name']}, and the server in {source['cell']['name']}.",
            "Name a host of its own cell; to another, the playbook cross_cell_live_migrate migrates it."
            if within
            else "Name a host of another cell; within its own, the playbook live_migrate migrates it.",
        )
    if destination["cell"]["disabled"]:
        yield Blocker(
            name, f"its cell {destination['cell']['name']} is disabled.", "nova-manage cell_v2 update_cell --enable"
        )
    yield from blockers.room(observed)


def _guest(observed: Observed) -> Iterator[Blocker]:
    move, guest = observed.move, observed.source_host.get("guest")
    name, host = f"guest {move['server']['id']}", move["source"]["host"]
    if guest is None:
        yield Blocker(name, f"libvirt on {host} does not know it.", "openstack server reboot --hard defines it anew.")
        return
    vm_state = move["instance"]["vm_state"]
    if vm_state in _STATES and guest["state"] != _STATES[vm_state]:
        yield Blocker(
            name,
            f"it is {guest['state']} on {host}, and Nova believes it {vm_state}.",
            "Pause or unpause, or stop and start it through Nova, and wait until both agree.",
        )
    yield from blockers.parts(observed, _BY_NOVA)


def _hypervisor(observed: Observed) -> Iterator[Blocker]:
    here, there = (host.get("libvirt") for host in (observed.source_host, observed.destination_host))
    name = f"host {observed.move['destination']['host']}"
    refusal = observed.destination_host.get("processor_refusal")
    if refusal:
        yield Blocker(
            name,
            f"its processor lacks what the guest has: {refusal}.",
            "Choose another host; or have Nova give guests a processor that all hosts have ([libvirt] cpu_models), and"
            " start this one anew.",
        )
    if not here or not there:
        return
    versions = [capabilities.version_number(libvirt["hypervisor_version"]) for libvirt in (here, there)]
    if versions[1] < versions[0]:
        yield Blocker(
            name,
            f"its QEMU {there['hypervisor_version']} is older than the source's {here['hypervisor_version']}.",
            "Upgrade it, or choose another host.",
        )
    options = _asked(observed)
    if migration_checks.loses_guest(options.get("post_copy", False), options.get("parallel_connections", 1), versions):
        yield Blocker(
            name,
            "a switch to post-copy over several connections needs QEMU 10.1 on both hosts; the guest would be lost.",
            "Leave out post-copy or the connections: -e live_transfer_post_copy=false, or"
            " -e live_transfer_parallel_connections=1.",
        )
    arch = (observed.source_host.get("guest") or {}).get("arch")
    if arch and arch not in there["emulators"]:
        yield Blocker(name, f"it has no QEMU for {arch}.", "Install it, or choose another host.")
    is_other = observed.move["source"]["host"] != observed.move["destination"]["host"]
    if is_other and here["host_uuid"] and here["host_uuid"] == there["host_uuid"]:
        yield Blocker(
            name,
            f"its libvirt has the same host uuid as the source's ({there['host_uuid']}), and takes both for one host.",
            "Give one of them another (host_uuid in libvirtd.conf), and start its libvirtd anew.",
        )


def _asked(observed: Observed) -> Document:
    """The options of the migration, with those that the operator has set for this run as far as its source knows."""
    return {**_options(observed), **(observed.source_host.get("destination") or {}).get("options", {})}


def _certificates(observed: Observed, role: str) -> Iterator[Blocker]:
    """Whether a host has what QEMU needs to encrypt; of one whose libvirt runs in a container nobody can tell."""
    host = observed.source_host if role == "source" else observed.destination_host
    found = host.get("certificates")
    if not found or not _asked(observed).get("native_tls"):
        return
    absent = certificates.absent(role, found["files"])
    if absent:
        yield Blocker(
            f"host {observed.move[role]['host']}",
            f"QEMU is to encrypt what it sends, and {found['path']} has no {' nor '.join(absent)}.",
            "Put a certificate of an authority that both hosts trust there (migrate_tls_x509_cert_dir in qemu.conf), or"
            " migrate without: -e live_transfer_native_tls=false.",
        )


def _way(observed: Observed) -> Iterator[Blocker]:
    """Whether its source has reached the destination as the migration will, and found nothing in its place."""
    seen, there = observed.source_host.get("destination"), observed.destination_host.get("libvirt")
    if not seen or not there:
        return
    source, host = (observed.move[role]["host"] for role in ("source", "destination"))
    name, uri = f"host {host}", seen["options"]["destination_uri"]
    if seen["refusal"]:
        yield Blocker(
            name,
            f"{source} does not reach its libvirt at {uri}: {seen['refusal']}",
            f"Try it on {source} as root (virsh -c {uri} list): name, firewall, keys of ssh, certificates. Another way"
            f" is named by live_migration_uri in nova.conf of {source}, or -e live_transfer_destination_uri.",
        )
        return
    if seen["host_uuid"] != there["host_uuid"]:
        yield Blocker(
            name,
            f"what {source} reaches at {uri} is another host, which calls itself {seen['hostname']}.",
            f"See what {source} knows under that name (getent hosts), or -e live_transfer_destination_uri.",
        )
        return
    if not seen["is_resolved"] and not seen["options"]["migrate_uri"]:
        yield Blocker(
            name,
            f"{source} knows no address of {seen['hostname']}, as it calls itself, to send the guest to.",
            f"Have {source} resolve it, or name the address: live_migration_inbound_addr in nova.conf of {host}, or"
            " -e live_transfer_migrate_uri=tcp://ADDRESS.",
        )
    # To another cell it goes under another name, which it gets there.
    if observed.job == LIVE and seen["name_taken_by"]:
        yield Blocker(
            name,
            f"libvirt there has another guest of the server's name ({seen['name_taken_by']}).",
            "Undefine it there, if it is a leftover (virsh domstate, virsh undefine).",
        )


def _go_on(observed: Observed) -> Iterator[Blocker]:
    if is_deleted(observed) and observed.direction == "forward":
        yield Blocker(
            blockers.named(observed),
            "its owner has deleted it.",
            "Leave live_migrate_direction out, so that what is left of it is removed.",
        )
    if observed.phase == "arrived" and observed.direction == "back":
        yield Blocker(
            blockers.named(observed),
            f"its guest is on {observed.move['destination']['host']} already, and nothing leads back.",
            "Leave live_migrate_direction out, so that this ends there; then migrate it back.",
        )
    yield from _reach(observed)
    yield from blockers.wish(
        observed,
        "and migrate it there when this has ended"
        if observed.phase == "arrived"
        else "or take it back first: -e live_migrate_direction=back",
    )


def _reach(observed: Observed) -> Iterator[Blocker]:
    """Whether the hosts could be read without which it does not end.

    Before the job nothing of the guest is at its destination, and once it has arrived its source has nothing that it
    needs. In between it may be at either: the destination must be off then, where the source is to have it alone.
    Of a deleted server none is to have it, so that either may be off.
    """
    phase, is_back = observed.phase, observed.direction == "back"
    way = _FENCED if phase == "arrived" else f"{_BACK} {_FENCED}"
    for found in blockers.reach(observed):
        is_destination = found.elsewhere
        blocker = replace(found, elsewhere=False)  # by now it goes nowhere else
        host = observed.destination_host if is_destination else observed.source_host
        if is_deleted(observed):
            is_off = observed.fenced and host.get("unreachable")
            if not is_off and not (is_destination and phase == "preparing"):
                remedy = f"Bring it back; or, if it is off and stays off, run again with {_FENCED}."
                yield replace(blocker, remedy=remedy if host.get("unreachable") else blocker.remedy)
        elif is_destination == (phase == "arrived"):
            yield blocker
        elif phase == "preparing":
            if not is_back:
                yield replace(blocker, remedy=f"{blocker.remedy} Or take the migration back without it: {_BACK}.")
        elif not host.get("unreachable"):
            yield blocker
        elif not observed.fenced or (phase == "running" and not is_back):
            yield replace(blocker, remedy=f"Bring it back; or, if it is off and stays off, run again with {way}.")


def _hosts_off(observed: Observed) -> list[str]:
    """Those that are off by their operator's word. One that answers is not, though its libvirt may fail."""
    pairs = (("source", observed.source_host), ("destination", observed.destination_host))
    return [observed.move[role]["host"] for role, host in pairs if observed.fenced and host.get("unreachable")]


def make_plan(
    observed: Observed, inventory_names: Mapping[str, str], run: str, refused: Sequence[Document] = ()
) -> Document:
    """All that the roles need to know, decided once; see :func:`plan.make_plan`."""
    if is_deleted(observed):  # nothing else can be done with it
        observed = replace(observed, direction="back")
    made = plan.make_plan(observed, inventory_names, run, refused)
    disks = _disks(observed)
    crosses = observed.job != LIVE
    kept = set(observed.move.get("kept_ports") or ()) - {port["id"] for port in made["ports"]}
    return {
        **made,
        "ports": [*made["ports"], *({"id": port, "vnic_type": "normal", "profile": {}} for port in sorted(kept))],
        "hosts_off": _hosts_off(observed),
        "disk_transport": "live",
        "crosses": crosses,
        "source_cell": made["source"]["cell_uuid"] if crosses else None,
        "target_cell": made["destination"]["cell_uuid"] if crosses and made["destination"] else None,
        "disks": disks,
        "images": [],
        "config_drive": _config_drive(observed),
        "copy_storage": _copy_storage(disks),
        "migrate_disks": _targets(observed),
        "options": _options(observed),
        "domain": _domain(observed),
        "held_at_source": _held_at_source(observed),
    }


def _config_drive(observed: Observed) -> Document | None:
    """Whose its file is to be at the destination: the guest only reads it, so libvirt does not copy it (LP 1246201)."""
    names = [disk["name"] for disk in (observed.source_host.get("directory") or {}).get("disks", [])]
    owner = observed.destination_host.get("owned_by_nova")
    return {"uid": owner["uid"], "gid": owner["gid"]} if _CONFIG_DRIVE in names and owner else None


def _local_disks(observed: Observed) -> list[Document]:
    found = (observed.source_host.get("directory") or {}).get("disks", [])
    return [disk for disk in found if disk["name"] != _CONFIG_DRIVE and not disk["name"].endswith(".rescue")]


def _disks(observed: Observed) -> list[Document]:
    """The local disks, as module destination_guest makes them at the destination.

    One stands on the same image there, if the source's does and nothing else has a backing file: what is below an
    overlay is not copied then. Otherwise all that the guest sees is.
    """
    image, found = observed.move["base_image"], _local_disks(observed)
    based = [bool(image) and _stands_on(disk, str(image["id"])) for disk in found]
    alike = all(is_based or not disk["backing_path"] for disk, is_based in zip(found, based))
    return [
        {
            "disk": disk["name"],
            "disk_format": disk["format"],
            "virtual_size_bytes": disk["virtual_size_bytes"],
            "over_base": is_based and alike,
        }
        for disk, is_based in zip(found, based)
    ]


def _stands_on(disk: Document, image_id: str) -> bool:
    backing = disk["backing_path"]
    return bool(backing) and PurePosixPath(backing).name == base_name(image_id) and disk["chain_depth"] == 2


def _copy_storage(disks: Sequence[Document]) -> str:
    """As module domain_live_migration has it."""
    if not disks:
        return "none"
    return "incremental" if any(disk["over_base"] for disk in disks) else "all"


def _targets(observed: Observed) -> list[str]:
    """The local disks by their names in the guest: volumes that are block devices here are not to be copied."""
    paths = {disk["path"] for disk in _local_disks(observed)}
    return [
        disk["target"] for disk in (observed.source_host.get("guest") or {}).get("disks", []) if disk["source"] in paths
    ]


def _options(observed: Observed) -> Document:
    """The options of the migration, as Nova has them on the source's host."""
    given = (observed.source_host.get("nova") or {}).get("live_migration")
    destination = observed.move["destination"]
    if not given or not destination:
        return {}
    there = (observed.destination_host.get("nova") or {}).get("live_migration") or {}
    return migration_options.toward(given, destination["host"], there.get("inbound_address") or "")


def _domain(observed: Observed) -> Document:
    """What the destination decides of the guest's XML, as module domain_xml takes it."""
    nova, libvirt = (observed.destination_host.get(name) or {} for name in ("nova", "libvirt"))
    if not nova or not libvirt:
        return {}
    guest = observed.source_host.get("guest") or {}
    return {
        "listen": {"vnc": nova["vnc_server_listen"], "spice": nova["spice_server_listen"]},
        "serial_address": nova["serial_console_address"],
        "tcp_consoles": guest.get("tcp_consoles", 0) if nova["serial_console_enabled"] else 0,
        "cpu_shared_set": nova["cpu_shared_set"],
        "cpu_shares": "quota:cpu_shares" in (observed.move["flavor"].get("extra_specs") or {}),
        "rbd_user": nova["rbd_user"],
        "rbd_secret_uuid": nova["rbd_secret_uuid"],
        "emulators": libvirt["emulators"],
        "machine_types": libvirt["machine_types"],
    }


def _held_at_source(observed: Observed) -> list[str]:
    """The volumes that Cinder still has connected to the source."""
    host, attachments = observed.move["source"]["host"], observed.move["server"]["attachments"]
    return [
        volume["volume_id"]
        for volume in observed.move["volumes"]
        if any(entry["host"] == host for entry in attachments.get(volume["volume_id"], []))
    ]


def describe(made: Document) -> list[str]:
    """The plan as the operator reads it: what is left to do, a line for each step, in their order."""
    source, destination, phase = made["source"], made["destination"], made["phase"]
    refused = [f"{host['host']} does not take it: {host['cause']}" for host in made["refused"]]
    who = f"{made['name']} ({made['server']})"
    if destination is None:
        return [*refused, f"{who} has nowhere to go"]
    if not made["roles"]:
        return [f"{who}: nothing to take back (phase {phase})"]
    title = f"{who} live from {source['host']} in {source['cell']} to {destination['host']} in {destination['cell']}"
    if made["direction"] == "back":
        return [f"take back the migration of {title}", *_back(made)]
    lines = [f"migrate {title}" if phase == "none" else f"go on with the migration of {title} (phase {phase})"]
    if "live_prepare" in made["roles"]:
        lines += _prepare(made)
    if "live_transfer" in made["roles"]:
        lines += _transfer(made)
    return [*refused, *lines, *_finish(made)]


def _prepare(made: Document) -> list[str]:
    destination = made["destination"]
    host = destination["host"]
    lines = [
        f"live_prepare: take the server (task_state migrating, migration {made['migration']})",
        f"live_prepare: claim {plan.amounts(made['resources'])} on {destination['node']}",
    ]
    if made["crosses"]:
        lines.append(f"live_prepare: copy its rows to {destination['cell']}, hidden")
    lines += [f"live_prepare: bind port {port['id']} to {host}, inactive" for port in made["ports"]]
    lines += [f"live_prepare: connect volume {entry['volume_id']} to {host}, too" for entry in made["volumes"]]
    lines += [
        f"live_prepare: make {disk['disk']} on {host}, empty"
        + (f", over image {made['base_image']['id']}" if disk["over_base"] else "")
        for disk in made["disks"]
    ]
    if made["config_drive"]:
        lines.append(f"live_prepare: copy its config drive to {host}")
    return lines


def _transfer(made: Document) -> list[str]:
    copied = ", ".join(made["migrate_disks"])
    options = made["options"]
    what = "its memory" + (f" and what is written to {copied}" if made["copy_storage"] == "incremental" else "")
    what += f" and all of {copied}" if made["copy_storage"] == "all" else ""
    limit = f", at {options['bandwidth_mib']} MiB/s" if options.get("bandwidth_mib") else ""
    return [f"live_transfer: migrate {what} to {options.get('destination_uri')}{limit}; from here on it may be there"]


def _finish(made: Document) -> list[str]:
    source, host = made["source"], made["destination"]["host"]
    lines = [f"live_finish: activate port {port['id']} on {host}" for port in made["ports"]]
    lines.append(f"live_finish: record that it is on {host}")
    if made["crosses"]:
        lines.append(f"live_finish: flip the cell mapping to {made['destination']['cell']}")
    lines += [f"live_finish: disconnect volume {entry['volume_id']} from {source['host']}" for entry in made["volumes"]]
    if source["host"] in made["hosts_off"]:
        lines.append(f"live_finish: delete its bindings and claims on {source['host']}, which is off: its folder stays")
    else:
        lines.append(f"live_finish: delete its folder, bindings and claims on {source['host']}")
    if made["crosses"]:
        lines.append(f"live_finish: delete its rows in {source['cell']}")
    lines.append("live_finish: give the server back to its user")
    return lines


def _forget(made: Document) -> Iterator[str]:
    yield "its owner has deleted it: nothing of it is left anywhere"
    for place in (made["destination"], made["source"]):
        if place["host"] in made["hosts_off"] or not place["reached"]:
            yield f"live_prepare, back: leave what {place['host']} has of the guest, unless it answers by then"
        elif place is made["destination"]:
            yield f"live_transfer, back: destroy the guest on {place['host']}, if the migration has brought it there"
            yield f"live_prepare, back: remove what {place['host']} has of the guest"
        else:
            yield f"live_prepare, back: remove what {place['host']} still has of the guest, unless it runs there"
    if made["crosses"]:
        yield "live_prepare, back: delete its rows in the cell in which it did not live"
    yield "live_prepare, back: delete its attachments, bindings and claims"
    yield "live_prepare, back: end the migration"


def _back(made: Document) -> list[str]:
    source, destination = made["source"], made["destination"]
    host = destination["host"]
    if made["deleted"]:
        return list(_forget(made))
    lines = [
        f"live_transfer, back: abort the migration, if it goes on; go on only if the guest is on {source['host']}"
        + (f", and {host} is off" if host in made["hosts_off"] else " alone")
    ]
    lines.append(
        f"live_prepare, back: remove what {host} has of the guest"
        if destination["reached"]
        else f"live_prepare, back: leave what {host} has of the guest, unless it answers by then"
    )
    lines += [f"live_prepare, back: disconnect volume {entry['volume_id']} from {host}" for entry in made["volumes"]]
    lines.append(f"live_prepare, back: delete its bindings and claims on {host}")
    if made["crosses"]:
        lines.append(f"live_prepare, back: delete its rows in {destination['cell']}")
    lines.append("live_prepare, back: give the server back to its user")
    return lines
