# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that stands against a move, found before anything is changed: each with its remedy.

Pure functions over what was observed. Nova refuses some of this, and silently loses the rest
(``nova.conductor.tasks.cross_cell_migrate``); here it is one list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import (
    GUEST_LEFT,
    LIVE,
    LIVE_JOBS,
    Document,
    Observed,
    course,
    is_done,
    unreached,
)

_BYTES_PER_GIB = 1024**3
_VNIC_TYPES = ("normal",)
_NAME_TEMPLATE = "instance-%08x"
# By their names in what hypervisor_info tells of a guest.
_LOST_ON_THE_HOST = {
    "has_tpm": "an emulated TPM",
    "has_nvram": "UEFI variables (NVRAM)",
    "has_launch_security": "encrypted memory (SEV)",
    "has_pinned_cpus": "CPUs pinned to those of its host",
    "has_numa": "a NUMA topology",
    "has_kernel": "a kernel of its own",
}
_DETACHABLE = {
    "hostdevs": "a host device",
    "filesystems": "a shared file system",
    "snapshots": "libvirt snapshots, which would be lost",
    "checkpoints": "libvirt checkpoints, which would be lost",
}


@dataclass(frozen=True)
class Blocker:
    """One reason why the job cannot be done.

    :param elsewhere: whether another destination may not have it
    """

    object: str
    cause: str
    remedy: str
    elsewhere: bool = False

    def as_dict(self) -> Document:
        """As a module returns it."""
        return asdict(self)


def find_blockers(observed: Observed) -> list[Blocker]:
    """Every blocker at once. A move that is under way is not asked again what it has passed already."""
    half_done = list(half_done_live(observed))
    if half_done:  # what else would be found, such as rows in another cell, is its own
        return half_done
    if observed.job == "move" and observed.phase == "none":
        return list(_new_move(observed))
    ask = {"move": _go_on, "confirm": _confirm, "revert": _revert, "recover": _recover}[observed.job]
    return [*held(observed), *ask(observed)]


def refusal(blockers: Sequence[Blocker]) -> str:
    """Why this destination does not take the server, while another may; empty when it does, or when none would."""
    if not all(blocker.elsewhere for blocker in blockers):
        return ""
    return " ".join(blocker.cause for blocker in blockers)


def _new_move(observed: Observed) -> Iterator[Blocker]:
    yield from reach(observed)
    yield from _server(observed)
    yield from _destination(observed)
    yield from services(observed)
    yield from _flavor(observed)
    yield from ports(observed)
    yield from volumes(observed)
    if not unreached(observed.source_host):
        yield from source_host(observed)
        yield from _guest(observed)
    if observed.move["destination"] and observed.destination_host and not unreached(observed.destination_host):
        for blocker in _destination_host(observed):
            yield replace(blocker, elsewhere=True)


def reach(observed: Observed) -> Iterator[Blocker]:
    """Whether both hosts could be read."""
    for role, host in (("source", observed.source_host), ("destination", observed.destination_host)):
        why, place = unreached(host), observed.move[role]
        if why and place:
            yield Blocker(
                f"host {place['host']}",
                f"it cannot be read: {why}",
                "Give Ansible a connection to it by its inventory name, and see that libvirtd runs there.",
                elsewhere=role == "destination",
            )


def named(observed: Observed) -> str:
    """The server, as an operator calls it."""
    return f"server {observed.move['server']['name']}"


def half_done_live(observed: Observed) -> Iterator[Blocker]:
    """A live migration of ours that another job cannot end, and that does not end by waiting."""
    found, holder = observed.move.get("half_done_live"), observed.move.get("holder")
    if not found:
        return
    if holder and holder["alive"]:
        yield _another_run(observed)
        return
    # Nothing leads back from its destination.
    back = "" if found["phase"] == "arrived" else ", or with -e live_migrate_direction=back to go back"
    yield Blocker(
        named(observed),
        f"its live migration is half done (phase {found['phase']}).",
        f"Run the playbook {found['job']} again to go on{back}.",
    )


def _another_run(observed: Observed) -> Blocker:
    return Blocker(
        named(observed),
        f"another run works on it ({observed.move['holder']['who']}).",
        "Let it end, or stop it and run again.",
    )


def held(observed: Observed) -> Iterator[Blocker]:
    """Whoever has begun a job must be dead before another run goes on with it."""
    migration, holder, phase = observed.move["migration"], observed.move.get("holder"), observed.phase
    if phase == "none" or migration is None:
        return
    if phase == "foreign" or (not migration["ours"] and phase != "finished"):
        if observed.job != "recover" or phase == "foreign":
            yield Blocker(
                named(observed),
                f"Nova itself is working on it (migration {migration['status']}).",
                "Wait until that is done, or abort it: openstack server migration abort."
                if observed.job in LIVE_JOBS
                else "Wait until that is done; if Nova has died over it, run the playbook recover.",
            )
        elif migration["idle_s"] < observed.nova_idle_s:
            yield Blocker(
                named(observed),
                f"Nova itself has worked on it {migration['idle_s']} s ago (migration {migration['status']}).",
                f"Wait until it has not for {observed.nova_idle_s} s (recover_nova_idle_s): it may still be at work.",
            )
    elif holder and holder["alive"]:
        yield _another_run(observed)
    elif holder and holder["alive"] is None and not observed.resume:
        yield Blocker(
            named(observed),
            f"a run that cannot be seen from here has taken it ({holder['who']}; phase {phase}).",
            "When you are sure that it is dead, run again with -e stackmove_resume=true.",
        )


def _go_on(observed: Observed) -> Iterator[Blocker]:
    """With a move that is under way."""
    if observed.phase in ("confirming", "reverting", "returned"):
        job = "confirm" if observed.phase == "confirming" else "revert"
        yield Blocker(named(observed), f"its move is {observed.phase}.", f"Run the playbook {job} to its end.")
    elif observed.phase != "finished":
        yield from reach(observed)
    yield from wish(observed, "or revert that move first")


def _confirm(observed: Observed) -> Iterator[Blocker]:
    """Before the disks at the source are deleted, the guest must be at its destination."""
    move, host = observed.move, observed.destination_host
    if observed.phase not in ("finished", "confirming"):
        yield from _not_finished(observed)
        return
    yield from reach(observed)
    if not unreached(observed.source_host):
        yield from _file_disks(observed.source_host, move["source"]["host"])
    if unreached(host):
        return
    guest = host.get("guest")
    where = f"guest {move['server']['id']}"
    if guest is None or host.get("directory") is None:
        yield Blocker(
            where,
            f"it is not on {move['destination']['host']}.",
            "Look there; revert the move: openstack server resize revert",
        )
    elif move["instance"]["old_vm_state"] == "active" and guest["state"] != "running":
        yield Blocker(
            where,
            f"it is {guest['state']} on {move['destination']['host']}.",
            "Start it there (virsh start), or revert the move.",
        )


def _not_finished(observed: Observed) -> Iterator[Blocker]:
    if not is_done(observed):
        yield Blocker(
            named(observed),
            f"it has no finished cross-cell move (phase {observed.phase}).",
            "Move it first (cross_cell_resize), or see openstack server migration list.",
        )


def _revert(observed: Observed) -> Iterator[Blocker]:
    """Before the guest is stopped at its destination, the disks that it had must be at its source."""
    move, host = observed.move, observed.source_host
    if observed.phase not in ("finished", "reverting", "returned"):
        yield from _not_finished(observed)
        return
    yield from reach(observed)
    yield from services(observed)
    if unreached(host):
        return
    yield from _file_disks(host, move["source"]["host"])
    directory = host.get("directory")
    if not move["volume_backed"] and "disk" not in {disk["name"] for disk in (directory or {}).get("disks", [])}:
        yield Blocker(
            f"guest {move['server']['id']}",
            f"the root disk that it had is not on {move['source']['host']} any more.",
            "Confirm the move: there is nothing to return to.",
        )
    elif observed.phase == "finished" and not unreached(observed.destination_host):
        yield from _guest_returns(observed)


def _local_disks(host: Document) -> set[str]:
    names = {str(disk["name"]) for disk in (host.get("directory") or {}).get("disks", [])}
    return {name for name in names if not name.endswith(".rescue")}


def _guest_returns(observed: Observed) -> Iterator[Blocker]:
    """What its definition at the destination has, and its source would not."""
    move, guest = observed.move, observed.destination_host.get("guest") or {}
    name, host = f"guest {move['server']['id']}", move["destination"]["host"]
    for key, what in {**_LOST_ON_THE_HOST, **_DETACHABLE}.items():
        if guest.get(key):
            yield Blocker(
                name, f"it has {what} on {host}.", "Revert the move with Nova: openstack server resize revert"
            )
    here, there = _local_disks(observed.source_host), _local_disks(observed.destination_host)
    if here != there:
        yield Blocker(
            name,
            f"its local disks are {', '.join(sorted(there))} on {host}, and"
            f" {', '.join(sorted(here))} on {move['source']['host']}.",
            "Revert the move with Nova: openstack server resize revert",
        )


def _recover(observed: Observed) -> Iterator[Blocker]:
    phase, wanted, move = observed.phase, observed.direction, observed.move
    if (phase, wanted) in (("confirming", "back"), ("reverting", "forward"), ("returned", "forward")):
        yield Blocker(
            named(observed),
            f"its move is {phase}, and that only ends the way it has begun.",
            "Leave recover_direction out.",
        )
    if phase == "finished" and wanted != "auto":
        job = "confirm" if wanted == "forward" else "revert"
        yield Blocker(named(observed), "its move is whole, and waits.", f"Run the playbook {job}.")
    going = course(observed)
    if move["migration"] and not move["migration"]["ours"] and going.direction == "forward" and phase in GUEST_LEFT:
        yield Blocker(
            named(observed),
            "Nova has stopped its guest at the source, and only Nova goes on from there.",
            "Take the move back: recover_direction=back. What it has written at its destination, if it runs there, is"
            " lost.",
        )
    if "revert" in going.roles or "confirm" in going.roles or going.direction == "forward":
        yield from reach(observed)
    elif going.direction == "back" and phase in GUEST_LEFT:
        yield from _reach_back(observed)


def _reach_back(observed: Observed) -> Iterator[Blocker]:
    """A destination that is gone keeps nobody from going back, unless the guest may run there."""
    for blocker in reach(observed):
        if not blocker.elsewhere:
            yield blocker
        elif observed.phase == "departed" and not observed.fenced:
            yield Blocker(
                blocker.object,
                f"nobody knows whether the guest runs there; {blocker.cause}",
                "Bring it back; or make sure that it is off, and run again with -e recover_fenced=true.",
            )


def wish(observed: Observed, otherwise: str) -> Iterator[Blocker]:
    """A move that is under way goes where it goes.

    :param otherwise: what else the operator can do than to leave the wish out
    """
    move, wish = observed.move, observed.move.get("wish") or {}
    if not move["destination"]:
        return
    host, flavor = move["destination"]["host"], move["flavor"]
    if wish.get("destination_host") not in (None, "", host):
        yield Blocker(
            named(observed),
            f"its move to {host} is under way.",
            f"Leave destination_host out, {otherwise}.",
        )
    if wish.get("flavor") not in (None, "", flavor["name"], flavor["flavorid"]):
        yield Blocker(
            named(observed),
            f"its move to flavor {flavor['name']} is under way.",
            f"Leave flavor out, {otherwise}.",
        )


def _file_disks(host: Document, name: str) -> Iterator[Blocker]:
    if host.get("nova") and host["nova"]["images_type"] not in ("qcow2", "default"):
        yield Blocker(
            f"host {name}", f"it keeps disks as {host['nova']['images_type']}.", "Only qcow2 files are moved so far."
        )


def _server(observed: Observed) -> Iterator[Blocker]:
    yield from state(observed, ("active", "stopped"), "Bring it to ACTIVE or SHUTOFF first.")
    yield from unmovable(observed, "Move it within its cell, or rebuild it.")
    yield from leftovers(observed)
    yield from group(observed)


def leftovers(observed: Observed) -> Iterator[Blocker]:
    """What is in the way in the cell that it enters."""
    move = observed.move
    for row in move["leftovers"]:
        yield Blocker(
            named(observed),
            f"an earlier move left {row} in {move['destination']['cell']['name']}.",
            "Run the playbook recover; or purge it there (nova-manage db archive_deleted_rows).",
            elsewhere=True,
        )


def state(observed: Observed, vm_states: Sequence[str], remedy: str) -> Iterator[Blocker]:
    """Whether Nova lets go of it.

    :param remedy: for one in another vm_state than those
    """
    move, server, name = observed.move, observed.move["server"], named(observed)
    if server["vm_state"] not in vm_states:
        yield Blocker(name, f"it is {server['vm_state']}.", remedy)
    if server["task_state"]:
        yield Blocker(name, f"Nova is busy with it ({server['task_state']}).", "Wait until that is done.")
    if not move["instance"]["launched_at"]:
        yield Blocker(
            name, "it was never launched.", "It has nothing to move; see openstack server show for its fault."
        )
    if server["locked"]:
        yield Blocker(name, "it is locked.", f"openstack server unlock {server['id']}")


def unmovable(observed: Observed, remedy: str) -> Iterator[Blocker]:
    """What a move would lose."""
    for thing in observed.move["unmovable"]:
        yield Blocker(named(observed), f"it has {thing}, which would be lost.", remedy)


def group(observed: Observed) -> Iterator[Blocker]:
    """Whether its server group lets it go, and lets it in there."""
    move, name = observed.move, named(observed)
    found = move["server_group"]
    destination = (move["destination"] or {}).get("host")
    if found and found["policy"] == "affinity" and found["hosts"]:
        yield Blocker(
            name,
            f"its server group {found['name']} wants one host for all.",
            "Take it out of the group, or move the group's other members with it after that.",
        )
    if found and found["policy"] == "anti-affinity" and destination in found["hosts"]:
        yield Blocker(
            name,
            f"another member of its server group {found['name']} is on {destination}.",
            "Choose another host.",
            elsewhere=True,
        )


def _destination(observed: Observed) -> Iterator[Blocker]:
    move = observed.move
    destination, source = move["destination"], move["source"]
    if destination is None:
        yield Blocker(
            "destination",
            "no host of another enabled cell is up, enabled and has room for the flavor.",
            "Enable one, make room, or name one (destination_host) to see what it lacks.",
        )
        return
    name = f"host {destination['host']}"
    if destination["cell"]["id"] == source["cell"]["id"]:
        yield Blocker(
            name,
            f"it is in {source['cell']['name']}, as the server is.",
            "Name a host of another cell; within a cell, openstack server migrate does it.",
        )
    if destination["cell"]["disabled"]:
        yield Blocker(
            name, f"its cell {destination['cell']['name']} is disabled.", "nova-manage cell_v2 update_cell --enable"
        )
    yield from room(observed)


def room(observed: Observed) -> Iterator[Blocker]:
    """Whether Nova's scheduler would send it to its destination."""
    move = observed.move
    destination, source = move["destination"], move["source"]
    name = f"host {destination['host']}"
    zone = move.get("requested_zone")
    if zone and destination["availability_zone"] != zone:
        yield Blocker(
            name,
            f"it is in zone {destination['availability_zone']}, and the server was booted into zone {zone}.",
            "Choose a host of that zone.",
            elsewhere=True,
        )
    for shortage in destination["shortages"]:
        yield Blocker(
            name, f"Placement has no room there ({shortage}).", "Choose another host or make room.", elsewhere=True
        )
    for role, host in (("source", source), ("destination", destination)):
        service = host["service"]
        if not service or service["state"] != "up":
            cause = f"nova-compute of the {role} is not up."
            yield Blocker(f"host {host['host']}", cause, "Start it and wait.", elsewhere=role == "destination")
        elif role == "destination" and service["status"] != "enabled":
            yield Blocker(
                name,
                "its compute service is disabled.",
                "openstack compute service set --enable, or another host.",
                elsewhere=True,
            )


def services(observed: Observed) -> Iterator[Blocker]:
    """What Neutron, Keystone and Cinder lack."""
    move = observed.move
    if not move["binding_extended"]:
        yield Blocker("Neutron", "it lacks the extension binding-extended.", "Enable it (ML2 has it).")
    if move["volumes"] and not move["service_role"]:
        yield Blocker(
            "Keystone",
            "no service token: Cinder refuses to detach volumes of a server without one (CVE-2023-2088).",
            "Set stackmove_service_cloud to a clouds.yaml entry whose user has the role 'service'.",
        )
    version = move["cinder_microversion"]
    if version and tuple(int(part) for part in version.split(".")) < (3, 44):
        yield Blocker("Cinder", f"it speaks {version} only.", "Upgrade it: attachments are completed since 3.44.")


def _flavor(observed: Observed) -> Iterator[Blocker]:
    move = observed.move
    new, old = move["flavor"], move["flavor_before"]
    if new["flavorid"] == old["flavorid"]:
        return
    name = f"flavor {new['name']}"
    if new.get("disabled"):
        yield Blocker(name, "it is disabled.", "Choose another.")
    if not move["volume_backed"] and new["root_gb"] < old["root_gb"]:
        yield Blocker(
            name, f"its root disk ({new['root_gb']} GiB) is smaller than {old['root_gb']} GiB.", "Choose a larger one."
        )
    for key, what in (("ephemeral_gb", "ephemeral disk"), ("swap", "swap disk")):
        if (new.get(key) or 0) != (old.get(key) or 0):
            yield Blocker(
                name, f"its {what} has another size.", "Choose a flavor with the same one; resize it later in its cell."
            )
    specs = {**(new.get("extra_specs") or {})}
    for key in specs:
        if key.startswith(
            ("hw:numa", "hw:mem_page_size", "hw:cpu_policy", "pci_passthrough:", "accel:", "hw:tpm", "hw:pmem")
        ):
            yield Blocker(name, f"its extra spec {key} needs what a cross-cell move cannot claim.", "Choose another.")
    image = move["base_image"]
    if image and not move["volume_backed"] and (image.get("min_ram") or 0) > new["memory_mb"]:
        yield Blocker(name, f"the image needs {image['min_ram']} MiB of memory.", "Choose a larger one.")


def ports(observed: Observed) -> Iterator[Blocker]:
    """Ports that cannot be bound elsewhere."""
    cached = {vif["id"] for vif in observed.move["vifs"]}
    for port_id in sorted(cached ^ {port["id"] for port in observed.move["server"]["ports"]}):
        cause = "Nova's cache names it, and Neutron does not have it" if port_id in cached else "Nova's cache lacks it"
        yield Blocker(f"port {port_id}", f"{cause}.", "Wait until nova-compute heals it, or reboot the server hard.")
    for port in observed.move["server"]["ports"]:
        name = f"port {port['id']}"
        if port["vnic_type"] not in _VNIC_TYPES:
            yield Blocker(name, f"its vnic_type {port['vnic_type']} names hardware of its host.", "Detach it first.")
        if port["resource_request"]:
            yield Blocker(name, "it has a guaranteed minimum bandwidth (QoS).", "Take the rule away for the move.")


def volumes(observed: Observed) -> Iterator[Blocker]:
    """Volumes that cannot be connected elsewhere."""
    for entry in observed.move["volumes"]:
        volume, name = entry["volume"], f"volume {entry['volume_id']}"
        if volume is None:
            yield Blocker(
                name,
                "Cinder does not have it.",
                "Ask Cinder (openstack volume show); detach it only if it is truly gone.",
            )
            continue
        if volume["status"] != "in-use":
            yield Blocker(name, f"it is {volume['status']}, not in-use.", "Wait for it, or reset its state.")
        if volume["multiattach"]:
            yield Blocker(name, "it may be attached to several servers.", "Detach it for the move.")
        if volume["encrypted"]:
            yield Blocker(name, "it is encrypted, and its secret is on the host.", "Detach it for the move.")


def source_host(observed: Observed) -> Iterator[Blocker]:
    """What keeps the host from letting it go."""
    host = observed.source_host
    yield from _host_software(host, observed.move["source"]["host"])
    yield from _file_disks(host, observed.move["source"]["host"])


def _host_software(host: Document, name: str) -> Iterator[Blocker]:
    for entry in host.get("missing") or []:
        yield Blocker(f"host {name}", f"{entry['name']} is not installed.", f"apt-get install {entry['package']}")
    if host.get("nova") and host["nova"]["host"] != name:
        yield Blocker(
            f"host {name}",
            f"the machine that Ansible reaches under this name calls itself {host['nova']['host']} in nova.conf.",
            "Set stackmove_inventory_names, so that each compute host has its inventory name.",
        )


def _guest(observed: Observed) -> Iterator[Blocker]:
    move, guest = observed.move, observed.source_host.get("guest")
    name = f"guest {move['server']['id']}"
    host = move["source"]["host"]
    if guest is None:
        yield Blocker(name, f"libvirt on {host} does not know it.", "openstack server reboot --hard defines it anew.")
        return
    running = guest["state"] == "running"
    if running != (move["instance"]["vm_state"] == "active"):
        yield Blocker(
            name,
            f"it is {guest['state']} on {host}, and Nova believes it {move['instance']['vm_state']}.",
            "Start or stop it through Nova, and wait until both agree.",
        )
    yield from parts(observed, "Move it within its cell.")


def parts(observed: Observed, remedy: str) -> Iterator[Blocker]:
    """What the guest has that a move would lose, and what it must have.

    :param remedy: for what cannot be detached
    """
    move, guest = observed.move, observed.source_host["guest"]
    name, host = f"guest {move['server']['id']}", move["source"]["host"]
    for key, what in _LOST_ON_THE_HOST.items():
        if guest[key]:
            yield Blocker(name, f"it has {what} on {host}, which would be lost.", remedy)
    for key, what in _DETACHABLE.items():
        if guest[key]:
            yield Blocker(name, f"it has {what}.", "Remove it first.")
    directory = observed.source_host.get("directory")
    if directory is None:
        yield Blocker(name, f"its folder is missing on {host}.", "openstack server reboot --hard makes it anew.")
    elif not move["volume_backed"] and "disk" not in {disk["name"] for disk in directory["disks"]}:
        yield Blocker(
            name,
            f"its root disk is not in its folder on {host}.",
            "openstack server reboot --hard, if its disk is elsewhere.",
        )


def _destination_host(observed: Observed) -> Iterator[Blocker]:
    # The upload is kept beside the disk until that is rebased on the cached base image.
    yield from destination_host(observed, copies=2)


def destination_host(observed: Observed, copies: int) -> Iterator[Blocker]:
    """What keeps the host from taking it in.

    :param copies: of each disk, for which there must be room
    """
    move, host = observed.move, observed.destination_host
    name = f"host {move['destination']['host']}"
    yield from _host_software(host, move["destination"]["host"])
    yield from _file_disks(host, move["destination"]["host"])
    if host["nova"].get("instance_name_template", _NAME_TEMPLATE) != _NAME_TEMPLATE:
        yield Blocker(
            name, "its nova.conf sets instance_name_template.", f"Only Nova's default {_NAME_TEMPLATE} is known."
        )
    if host["directory"] is not None:
        # Within a cell nothing of ours leaves one.
        leftover = "what an earlier move has left, the playbook recover removes."
        if observed.job == LIVE:
            leftover = "remove it there, if it is a leftover."
        yield Blocker(
            name,
            f"it has a folder of the server already ({host['directory']['path']}): shared storage, or a leftover.",
            f"Shared instance storage is not moved so far; {leftover}",
        )
    if host["guest"] is not None:
        yield Blocker(name, "libvirt there has a domain with the server's uuid.", "Undefine it, if it is a leftover.")
    guest = observed.source_host.get("guest")
    if guest and host["libvirt"] and guest["machine"] not in host["libvirt"]["machine_types"]:
        yield Blocker(name, f"its QEMU has no machine type {guest['machine']}.", "Upgrade it, or choose another host.")
    directory = observed.source_host.get("directory")
    base = int((move["base_image"] or {}).get("size") or 0)
    disks = directory["disks"] if directory else []
    needed = copies * sum(min(disk["virtual_size_bytes"], disk["allocated_bytes"] + base) for disk in disks)
    free = host["storage"]["free_bytes"]
    if free < needed:
        yield Blocker(
            name,
            f"{free / _BYTES_PER_GIB:.1f} GiB are free for its disks, and {needed / _BYTES_PER_GIB:.1f} are needed.",
            "Make room, or choose another host.",
        )
