# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that stands against a move, found before anything is changed: each with its remedy.

Pure functions over what was observed. Nova refuses some of this, and silently loses the rest
(``nova.conductor.tasks.cross_cell_migrate``); here it is one list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

Document = dict[str, Any]

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
    """One reason why the move cannot be made."""

    object: str
    cause: str
    remedy: str

    def line(self) -> str:
        """As the operator reads it."""
        return f"{self.object}: {self.cause} Remedy: {self.remedy}"

    def as_dict(self) -> Document:
        """As a module returns it."""
        return asdict(self)


@dataclass(frozen=True)
class Observed:
    """What preflight has read: from databases and APIs, and from the two hosts."""

    move: Document  # what observation.observe_move returns
    source_host: Document  # what hypervisor_info returns there
    destination_host: Document  # likewise; empty when there is no destination
    job: str = "move"  # or "confirm"
    resume: bool = False  # the operator says that no other run works on the move under way


def find_blockers(observed: Observed) -> list[Blocker]:
    """Every blocker at once. A move that is under way is not asked again what it has passed already."""
    if observed.job == "confirm":
        return list(_confirm(observed))
    if observed.move["phase"] in ("finished", "confirming"):
        return list(_over(observed))
    found = [*_under_way(observed), *_wish(observed), *_server(observed), *_destination(observed), *_services(observed)]
    if observed.move["phase"] == "none":
        found += [
            *_flavor(observed),
            *_ports(observed),
            *_volumes(observed),
            *_source_host(observed),
            *_guest(observed),
            *_destination_host(observed),
        ]
    return found


def _confirm(observed: Observed) -> Iterator[Blocker]:
    """Before the disks at the source are deleted, the guest must be at its destination."""
    move, host = observed.move, observed.destination_host
    name = f"server {move['server']['name']}"
    if move["phase"] not in ("finished", "confirming"):
        yield Blocker(
            name,
            f"it has no finished cross-cell move (phase {move['phase']}).",
            "Move it first (cross_cell_resize), or see openstack server migration list.",
        )
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


def _over(observed: Observed) -> Iterator[Blocker]:
    move = observed.move
    if move["phase"] == "confirming":
        yield Blocker(
            f"server {move['server']['name']}", "its move is being confirmed.", "Run the playbook confirm to its end."
        )
    yield from _wish(observed)


def _under_way(observed: Observed) -> Iterator[Blocker]:
    """A move that is under way is gone on with only when it is ours, and its run is over."""
    move, phase = observed.move, observed.move["phase"]
    name = f"server {move['server']['name']}"
    if phase == "none":
        return
    if phase == "foreign" or not move["migration"]["ours"]:
        status = move["migration"]["status"]
        yield Blocker(name, f"Nova itself is moving it (migration {status}).", "Wait until that is done.")
    elif not observed.resume:
        yield Blocker(
            name,
            f"a run of this playbook has begun to move it (phase {phase}), and may still be at work.",
            "When you are sure that it is not, run again with -e stackmove_resume=true: it goes on from there.",
        )


def _wish(observed: Observed) -> Iterator[Blocker]:
    """A move that is under way goes where it goes."""
    move, wish = observed.move, observed.move.get("wish") or {}
    if move["phase"] == "none" or not move["destination"]:
        return
    host, flavor = move["destination"]["host"], move["flavor"]
    name = f"server {move['server']['name']}"
    if wish.get("destination_host") not in (None, "", host):
        yield Blocker(
            name, f"its move to {host} is under way.", "Leave destination_host out, or revert that move first."
        )
    if wish.get("flavor") not in (None, "", flavor["name"], flavor["flavorid"]):
        yield Blocker(
            name, f"its move to flavor {flavor['name']} is under way.", "Leave flavor out, or revert that move first."
        )


def _server(observed: Observed) -> Iterator[Blocker]:
    move, server = observed.move, observed.move["server"]
    name = f"server {server['name']}"
    if move["phase"] == "none":
        if server["vm_state"] not in ("active", "stopped"):
            yield Blocker(name, f"it is {server['vm_state']}.", "Bring it to ACTIVE or SHUTOFF first.")
        if server["task_state"]:
            yield Blocker(name, f"Nova is busy with it ({server['task_state']}).", "Wait until that is done.")
        if not move["instance"]["launched_at"]:
            yield Blocker(
                name, "it was never launched.", "It has nothing to move; see openstack server show for its fault."
            )
        if server["locked"]:
            yield Blocker(name, "it is locked.", f"openstack server unlock {server['id']}")
    for thing in move["unmovable"]:
        yield Blocker(name, f"it has {thing}, which would be lost.", "Move it within its cell, or rebuild it.")
    for row in move["leftovers"]:
        yield Blocker(
            name,
            f"an earlier move left {row} in {move['destination']['cell']['name']}.",
            "Purge it there: nova-manage db archive_deleted_rows, or delete it by hand.",
        )
    group = move["server_group"]
    destination = (move["destination"] or {}).get("host")
    if group and group["policy"] == "affinity" and group["hosts"]:
        yield Blocker(
            name,
            f"its server group {group['name']} wants one host for all.",
            "Take it out of the group, or move the group's other members with it after that.",
        )
    if group and group["policy"] == "anti-affinity" and destination in group["hosts"]:
        yield Blocker(
            name, f"another member of its server group {group['name']} is on {destination}.", "Choose another host."
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
    zone = move.get("requested_zone")
    if zone and move["phase"] == "none" and destination["availability_zone"] != zone:
        yield Blocker(
            name,
            f"it is in zone {destination['availability_zone']}, and the server was booted into zone {zone}.",
            "Choose a host of that zone.",
        )
    for shortage in destination["shortages"]:
        yield Blocker(name, f"Placement has no room there ({shortage}).", "Choose another host or make room.")
    for role, host in (("source", source), ("destination", destination)):
        service = host["service"]
        if not service or service["state"] != "up":
            yield Blocker(f"host {host['host']}", f"nova-compute of the {role} is not up.", "Start it and wait.")
        elif role == "destination" and service["status"] != "enabled":
            yield Blocker(
                name, "its compute service is disabled.", "openstack compute service set --enable, or another host."
            )


def _services(observed: Observed) -> Iterator[Blocker]:
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


def _ports(observed: Observed) -> Iterator[Blocker]:
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


def _volumes(observed: Observed) -> Iterator[Blocker]:
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


def _source_host(observed: Observed) -> Iterator[Blocker]:
    host = observed.source_host
    yield from _host_software(host, observed.move["source"]["host"])
    if host.get("nova") and host["nova"]["images_type"] not in ("qcow2", "default"):
        yield Blocker(
            f"host {observed.move['source']['host']}",
            f"it keeps disks as {host['nova']['images_type']}.",
            "Only qcow2 files are moved so far.",
        )


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
    for key, what in _LOST_ON_THE_HOST.items():
        if guest[key]:
            yield Blocker(name, f"it has {what} on {host}, which would be lost.", "Move it within its cell.")
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
    move, host = observed.move, observed.destination_host
    if not move["destination"] or not host:
        return
    name = f"host {move['destination']['host']}"
    yield from _host_software(host, move["destination"]["host"])
    if host["nova"]["images_type"] not in ("qcow2", "default"):
        yield Blocker(name, f"it keeps disks as {host['nova']['images_type']}.", "Only qcow2 files are moved so far.")
    if host["nova"].get("instance_name_template", _NAME_TEMPLATE) != _NAME_TEMPLATE:
        yield Blocker(
            name, "its nova.conf sets instance_name_template.", f"Only Nova's default {_NAME_TEMPLATE} is known."
        )
    if host["directory"] is not None:
        yield Blocker(
            name,
            f"it has a folder of the server already ({host['directory']['path']}): shared storage, or a leftover.",
            "Shared instance storage is not moved so far; remove a leftover by hand.",
        )
    if host["guest"] is not None:
        yield Blocker(name, "libvirt there has a domain with the server's uuid.", "Undefine it, if it is a leftover.")
    guest = observed.source_host.get("guest")
    if guest and host["libvirt"] and guest["machine"] not in host["libvirt"]["machine_types"]:
        yield Blocker(name, f"its QEMU has no machine type {guest['machine']}.", "Upgrade it, or choose another host.")
    directory = observed.source_host.get("directory")
    # The upload is kept beside the disk until that is rebased on the cached base image.
    base = int((move["base_image"] or {}).get("size") or 0)
    disks = directory["disks"] if directory else []
    needed = 2 * sum(min(disk["virtual_size_bytes"], disk["allocated_bytes"] + base) for disk in disks)
    free = host["storage"]["free_bytes"]
    if free < needed:
        yield Blocker(
            name,
            f"{free / _BYTES_PER_GIB:.1f} GiB are free for its disks, and {needed / _BYTES_PER_GIB:.1f} are needed.",
            "Make room, or choose another host.",
        )
