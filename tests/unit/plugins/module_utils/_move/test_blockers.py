# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each blocker has a case here: one change to a server that may move, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._move.blockers import Blocker, find_blockers, refusal
from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import Observed

OTHER_CELL = {"id": 3, "uuid": "c", "name": "cell2", "disabled": False}


def change(observed: Observed, path: str, value: Any) -> None:
    """Set what *path* names, a number standing for a place in a list."""
    *parents, last = path.split(".")
    found: Any = {
        "move": observed.move,
        "source_host": observed.source_host,
        "destination_host": observed.destination_host,
    }
    for name in parents:
        found = found[int(name) if isinstance(found, list) else name]
    found[int(last) if isinstance(found, list) else last] = value


def lines(observed: Observed) -> list[str]:
    return [f"{found.object}: {found.cause} Remedy: {found.remedy}" for found in find_blockers(observed)]


def test_nothing_stands_against_this_move(observed: Observed) -> None:
    assert lines(observed) == []


CASES: list[tuple[dict[str, Any], str]] = [
    # the server
    ({"move.server.vm_state": "error"}, "server web1: it is error."),
    ({"move.server.task_state": "deleting"}, "server web1: Nova is busy with it (deleting)."),
    ({"move.instance.launched_at": ""}, "server web1: it was never launched."),
    ({"move.server.locked": True}, "openstack server unlock 518e2a6d"),
    ({"move.unmovable": ["PCI devices"]}, "server web1: it has PCI devices, which would be lost."),
    ({"move.leftovers": ["migrations with uuid m"]}, "an earlier move left migrations with uuid m in cell2."),
    (
        {"move.server_group": {"name": "g", "policy": "affinity", "hosts": ["compute12"]}},
        "server group g wants one host",
    ),
    (
        {"move.server_group": {"name": "g", "policy": "anti-affinity", "hosts": ["compute21"]}},
        "another member of its server group g is on compute21.",
    ),
    # where it goes
    ({"move.destination": None, "destination_host": {}}, "destination: no host of another enabled cell"),
    (
        {"move.destination.cell": {"id": 2, "uuid": "c", "name": "cell1", "disabled": False}},
        "it is in cell1, as the server is.",
    ),
    ({"move.destination.cell": {**OTHER_CELL, "disabled": True}}, "host compute21: its cell cell2 is disabled."),
    (
        {"move.destination.shortages": ["MEMORY_MB: wanted 512, free 128"]},
        "no room there (MEMORY_MB: wanted 512, free 128)",
    ),
    ({"move.destination.service": None}, "host compute21: nova-compute of the destination is not up."),
    ({"move.destination.service.state": "down"}, "host compute21: nova-compute of the destination is not up."),
    ({"move.source.service.state": "down"}, "host compute12: nova-compute of the source is not up."),
    ({"move.destination.service.status": "disabled"}, "host compute21: its compute service is disabled."),
    # services
    ({"move.binding_extended": False}, "Neutron: it lacks the extension binding-extended."),
    ({"move.service_role": False}, "Keystone: no service token"),
    ({"move.cinder_microversion": "3.43"}, "Cinder: it speaks 3.43 only."),
    # the flavor
    ({"move.flavor.disabled": True}, "flavor m1.micro: it is disabled."),
    ({"move.flavor.root_gb": 0}, "its root disk (0 GiB) is smaller than 1 GiB."),
    ({"move.flavor.ephemeral_gb": 1}, "its ephemeral disk has another size."),
    ({"move.flavor.swap": 64}, "its swap disk has another size."),
    ({"move.flavor.extra_specs": {"hw:numa_nodes": "2"}}, "its extra spec hw:numa_nodes needs"),
    ({"move.flavor.extra_specs": {"pci_passthrough:alias": "gpu:1"}}, "its extra spec pci_passthrough:alias needs"),
    ({"move.base_image.min_ram": 2048}, "the image needs 2048 MiB of memory."),
    # ports and volumes
    ({"move.server.ports.0.vnic_type": "direct"}, "its vnic_type direct names hardware of its host."),
    ({"move.server.ports.0.resource_request": {"required": ["X"]}}, "it has a guaranteed minimum bandwidth (QoS)."),
    ({"move.volumes.0.volume": None}, "volume 790dc7d2-09f6-4aa5-9baf-6de462c7d020: Cinder does not have it."),
    ({"move.volumes.0.volume.status": "detaching"}, "it is detaching, not in-use."),
    ({"move.volumes.0.volume.multiattach": True}, "it may be attached to several servers."),
    ({"move.volumes.0.volume.encrypted": True}, "it is encrypted, and its secret is on the host."),
    # the hosts
    ({"source_host.missing": [{"name": "nbd", "package": "python3-libnbd"}]}, "apt-get install python3-libnbd"),
    (
        {"destination_host.missing": [{"name": "nbd", "package": "python3-libnbd"}]},
        "host compute21: nbd is not installed.",
    ),
    ({"source_host.nova.host": "elsewhere"}, "host compute12: the machine that Ansible reaches"),
    ({"destination_host.nova.host": "elsewhere"}, "host compute21: the machine that Ansible reaches"),
    ({"source_host.nova.images_type": "rbd"}, "host compute12: it keeps disks as rbd."),
    ({"destination_host.nova.images_type": "lvm"}, "host compute21: it keeps disks as lvm."),
    # the guest
    ({"source_host.guest": None}, "libvirt on compute12 does not know it."),
    ({"source_host.guest.state": "shutoff"}, "it is shutoff on compute12, and Nova believes it active."),
    ({"source_host.guest.has_tpm": True}, "it has an emulated TPM on compute12"),
    ({"source_host.guest.has_nvram": True}, "it has UEFI variables (NVRAM) on compute12"),
    ({"source_host.guest.has_launch_security": True}, "it has encrypted memory (SEV)"),
    ({"source_host.guest.has_pinned_cpus": True}, "it has CPUs pinned"),
    ({"source_host.guest.has_numa": True}, "it has a NUMA topology"),
    ({"source_host.guest.has_kernel": True}, "it has a kernel of its own"),
    ({"source_host.guest.hostdevs": ["pci"]}, "it has a host device."),
    ({"source_host.guest.filesystems": ["fs"]}, "it has a shared file system."),
    ({"source_host.guest.snapshots": 1}, "it has libvirt snapshots"),
    ({"source_host.guest.checkpoints": 1}, "it has libvirt checkpoints"),
    ({"source_host.directory": None}, "its folder is missing on compute12."),
    ({"source_host.directory.disks.0.name": "root"}, "its root disk is not in its folder on compute12."),
    ({"destination_host.directory": {"path": "/x", "disks": []}}, "a folder of the server already (/x)"),
    ({"destination_host.guest": {"uuid": "u"}}, "libvirt there has a domain with the server's uuid."),
    ({"destination_host.libvirt.machine_types": ["pc"]}, "its QEMU has no machine type pc-i440fx-7.2."),
    ({"destination_host.storage.free_bytes": 1024**2}, "0.0 GiB are free for its disks"),
]


@pytest.mark.parametrize(("changes", "says"), CASES, ids=[next(iter(changes)) for changes, _says in CASES])
def test_each_blocker(observed: Observed, changes: dict[str, Any], says: str) -> None:
    for path, value in changes.items():
        if path == "destination_host":
            observed = Observed(observed.move, observed.source_host, value)
        else:
            change(observed, path, value)
    (line,) = lines(observed)
    assert says in line
    assert " Remedy: " in line


ALLOWED: list[dict[str, Any]] = [
    {"move.server.vm_state": "stopped", "move.instance.vm_state": "stopped", "source_host.guest.state": "shutoff"},
    {"move.volumes": [], "move.service_role": False, "move.cinder_microversion": None},
    {"move.server_group": {"name": "g", "policy": "anti-affinity", "hosts": ["compute11"]}},
    {"move.server_group": {"name": "g", "policy": "affinity", "hosts": []}},
    {"move.server_group": {"name": "g", "policy": "soft-affinity", "hosts": ["compute12"]}},
    {"move.volume_backed": True, "move.flavor.root_gb": 0},
    {"move.volume_backed": True, "source_host.directory.disks.0.name": "disk.config"},
    {"move.cinder_microversion": "3.44"},
    {"move.base_image": None},
    # A flavor that one has is no obstacle, whatever became of it.
    {"move.flavor_before.flavorid": "same", "move.flavor.flavorid": "same", "move.flavor.disabled": True},
    # Of two hosts, only the destination has to take new servers.
    {"move.source.service.status": "disabled"},
]


@pytest.mark.parametrize("changes", ALLOWED, ids=[next(iter(changes)) for changes in ALLOWED])
def test_what_stands_against_nothing(observed: Observed, changes: dict[str, Any]) -> None:
    for path, value in changes.items():
        change(observed, path, value)
    assert lines(observed) == []


def test_all_blockers_are_told_at_once(observed: Observed) -> None:
    for path, value in {
        "move.server.locked": True,
        "move.destination.service.state": "down",
        "move.service_role": False,
        "move.server.ports.0.resource_request": {"required": ["X"]},
        "move.volumes.0.volume.encrypted": True,
        "source_host.guest.has_tpm": True,
        "destination_host.storage.free_bytes": 0,
    }.items():
        change(observed, path, value)
    assert [blocker.object.split()[0] for blocker in find_blockers(observed)] == [
        "server",
        "host",
        "Keystone",
        "port",
        "volume",
        "guest",
        "host",
    ]


MIGRATION = {"uuid": "m", "status": "migrating", "ours": True, "idle_s": 0}
HOLDER = {"text": "{}", "id": "r", "who": "process 7 on ctl", "alive": False}


def under_way(observed: Observed, phase: str, **migration: Any) -> Observed:
    """A move of ours, whose run is dead."""
    change(observed, "move.phase", phase)
    change(observed, "move.migration", {**MIGRATION, **migration})
    change(observed, "move.holder", dict(HOLDER))
    if phase == "departed":
        change(observed, "source_host.guest", None)
    return observed


def arrived(observed: Observed) -> Observed:
    """The guest runs at its destination, from disks of the same names."""
    change(observed, "destination_host.directory", observed.source_host["directory"])
    change(observed, "destination_host.guest", observed.source_host["guest"])
    change(observed, "source_host.guest", None)
    return observed


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("destination_host.guest.has_tpm", True, "it has an emulated TPM on compute21"),
        ("destination_host.guest.snapshots", 1, "it has libvirt snapshots"),
        (
            "destination_host.directory",
            {"path": "/x", "disks": [{"name": "disk"}]},
            "its local disks are disk on compute21",
        ),
    ],
)
def test_a_guest_that_its_source_could_not_define_is_not_stopped(
    observed: Observed, path: str, value: Any, said: str
) -> None:
    arrived(under_way(observed, "finished"))
    assert lines(replace(observed, job="revert")) == []
    change(observed, path, value)
    assert [said in line for line in lines(replace(observed, job="revert"))] == [True]


def test_a_destination_that_refuses_is_told_from_a_server_that_cannot_move(observed: Observed) -> None:
    change(observed, "move.destination.service.status", "disabled")
    assert refusal(find_blockers(observed)) == "its compute service is disabled."
    change(observed, "move.server.locked", True)
    assert refusal(find_blockers(observed)) == ""
    assert refusal([]) == ""


@pytest.mark.parametrize("role", ["source", "destination"])
@pytest.mark.parametrize("failure", [{"unreachable": True}, {"failed": True}])
def test_a_host_that_cannot_be_read_is_one_of_many_blockers(
    observed: Observed, role: str, failure: dict[str, bool]
) -> None:
    change(observed, "move.server.locked", True)
    gone = replace(observed, **{f"{role}_host": {**failure, "msg": "no route to host"}})
    found = find_blockers(gone)
    assert sum("cannot be read: no route to host" in blocker.cause for blocker in found) == 1
    assert any("it is locked" in blocker.cause for blocker in found)


def test_a_move_whose_run_is_dead_is_gone_on_with(observed: Observed) -> None:
    assert lines(under_way(observed, "stopping")) == []


def test_a_run_that_lives_keeps_others_away(observed: Observed) -> None:
    change(under_way(observed, "stopping"), "move.holder.alive", True)
    assert ["another run works on it (process 7 on ctl)" in line for line in lines(observed)] == [True]
    assert len(lines(replace(observed, resume=True))) == 1


def test_of_a_run_that_cannot_be_seen_the_operator_has_to_know(observed: Observed) -> None:
    change(under_way(observed, "stopping"), "move.holder.alive", None)
    assert ["stackmove_resume=true" in line for line in lines(observed)] == [True]
    assert lines(replace(observed, resume=True)) == []


@pytest.mark.parametrize(("phase", "ours"), [("prepared", False), ("foreign", True)])
def test_a_move_of_novas_own_is_left_alone(observed: Observed, phase: str, ours: bool) -> None:
    under_way(observed, phase, ours=ours, status="reverting")
    assert any("Nova itself is working on it" in line for line in lines(replace(observed, resume=True)))


def test_but_one_that_waits_may_be_ended(observed: Observed) -> None:
    arrived(under_way(observed, "finished", ours=False))
    assert lines(replace(observed, job="confirm")) == []
    assert lines(replace(observed, job="revert")) == []


def test_the_zone_that_its_owner_asked_for_is_kept(observed: Observed) -> None:
    change(observed, "move.requested_zone", "moon")
    assert any("booted into zone moon" in line for line in lines(observed))


def test_a_port_that_neutron_does_not_have_is_named(observed: Observed) -> None:
    change(observed, "move.server.ports", [])
    assert any("Neutron does not have it" in line for line in lines(observed))


@pytest.mark.parametrize("job", ["move", "confirm", "revert", "recover"])
def test_a_live_migration_that_is_half_done_is_ended_by_its_own_playbook(observed: Observed, job: str) -> None:
    for path, value in {
        "move.half_done_live": {"job": "cross_cell_live_migrate", "phase": "running"},
        "move.holder": dict(HOLDER),
        "move.server.task_state": "migrating",
        # Each of these has a remedy that would do harm: this is no leftover, and was not moved yet.
        "move.leftovers": ["instances with uuid u"],
        "move.last_status": {"confirm": "confirmed", "revert": "reverted"}.get(job),
        "move.last_failed": "m",
    }.items():
        change(observed, path, value)
    (line,) = lines(replace(observed, job=job))
    assert "server web1: its live migration is half done (phase running)." in line
    assert "Run the playbook cross_cell_live_migrate again to go on, or with -e live_migrate_direction=back" in line
    change(observed, "move.half_done_live", {"job": "live_migrate", "phase": "arrived"})
    (line,) = lines(replace(observed, job=job))
    assert "Run the playbook live_migrate again to go on." in line
    change(observed, "move.holder.alive", True)
    (line,) = lines(replace(observed, job=job))
    assert "another run works on it (process 7 on ctl)" in line


@pytest.mark.parametrize("phase", ["started", "prepared", "stopping", "departed", "finished"])
def test_a_move_under_way_is_not_asked_what_it_has_passed(observed: Observed, phase: str) -> None:
    for path, value in {
        "move.server.task_state": "resize_migrated",
        "move.server.vm_state": "resized",
        "move.destination.service.status": "disabled",
        "move.service_role": False,
        "source_host.guest": None,
        "destination_host.directory": {"path": "/x", "disks": []},
        "move.volumes.0.volume.status": "reserved",
        "destination_host.storage.free_bytes": 0,
    }.items():
        change(observed, path, value)
    assert lines(under_way(observed, phase)) == []


@pytest.mark.parametrize(("phase", "job"), [("confirming", "confirm"), ("reverting", "revert"), ("returned", "revert")])
def test_a_move_that_is_being_ended_is_not_made_again(observed: Observed, phase: str, job: str) -> None:
    assert [f"Run the playbook {job} to its end" in line for line in lines(under_way(observed, phase))] == [True]


@pytest.mark.parametrize("wish", [{"destination_host": "compute99"}, {"flavor": "m9.huge"}])
def test_a_move_under_way_goes_where_it_goes(observed: Observed, wish: dict[str, str]) -> None:
    change(under_way(observed, "prepared"), "move.wish", wish)
    assert ["is under way" in line and "or revert that move first." in line for line in lines(observed)] == [True]


def confirming(observed: Observed) -> list[str]:
    return lines(replace(observed, job="confirm"))


@pytest.mark.parametrize("job", ["confirm", "revert"])
def test_only_a_finished_move_is_ended(observed: Observed, job: str) -> None:
    assert ["has no finished cross-cell move" in line for line in lines(replace(observed, job=job))] == [True]


@pytest.mark.parametrize(("job", "last_status"), [("confirm", "confirmed"), ("revert", "reverted")])
def test_a_move_that_has_ended_so_is_no_error(observed: Observed, job: str, last_status: str) -> None:
    observed.move["last_status"] = last_status
    assert lines(replace(observed, job=job)) == []


def test_a_move_is_confirmed_when_its_guest_is_there(observed: Observed) -> None:
    under_way(observed, "finished")
    change(observed, "destination_host.directory", {"path": "/x", "disks": []})
    change(observed, "destination_host.guest", {"state": "running"})
    change(observed, "move.instance.old_vm_state", "active")
    assert confirming(observed) == []


@pytest.mark.parametrize("guest", [None, {"state": "shutoff"}])
def test_no_disk_is_deleted_while_the_guest_is_not_at_its_destination(observed: Observed, guest: Any) -> None:
    under_way(observed, "finished")
    change(observed, "destination_host.directory", {"path": "/x", "disks": []})
    change(observed, "destination_host.guest", guest)
    change(observed, "move.instance.old_vm_state", "active")
    assert len(confirming(observed)) == 1


@pytest.mark.parametrize("job", ["confirm", "revert"])
def test_disks_that_are_no_files_are_left_to_nova(observed: Observed, job: str) -> None:
    arrived(under_way(observed, "finished"))
    change(observed, "source_host.nova.images_type", "rbd")
    assert ["keeps disks as rbd" in line for line in lines(replace(observed, job=job))] == [True]


def test_no_guest_is_stopped_whose_old_disk_is_gone(observed: Observed) -> None:
    change(under_way(observed, "finished"), "source_host.directory", None)
    assert ["not on compute12 any more" in line for line in lines(replace(observed, job="revert"))] == [True]


def recovering(observed: Observed, direction: str = "auto", **changes: Any) -> list[str]:
    return lines(replace(observed, job="recover", direction=direction, **changes))


@pytest.mark.parametrize(
    ("phase", "direction"), [("confirming", "back"), ("reverting", "forward"), ("returned", "forward")]
)
def test_what_is_being_ended_ends_the_way_it_began(observed: Observed, phase: str, direction: str) -> None:
    under_way(observed, phase)
    assert recovering(observed) == []
    assert ["that only ends the way it has begun" in line for line in recovering(observed, direction)] == [True]


@pytest.mark.parametrize(("direction", "job"), [("forward", "confirm"), ("back", "revert")])
def test_a_move_that_waits_is_not_recovered(observed: Observed, direction: str, job: str) -> None:
    under_way(observed, "finished")
    assert recovering(observed) == []
    assert [f"Run the playbook {job}" in line for line in recovering(observed, direction)] == [True]


def test_what_nova_may_still_be_doing_is_left_to_it(observed: Observed) -> None:
    under_way(observed, "prepared", ours=False, idle_s=60)
    assert ["recover_nova_idle_s" in line for line in recovering(observed)] == [True]
    assert recovering(observed, nova_idle_s=60) == []


@pytest.mark.parametrize("phase", ["stopping", "departed"])
def test_a_guest_that_nova_has_stopped_only_goes_back(observed: Observed, phase: str) -> None:
    under_way(observed, phase, ours=False, idle_s=9999)
    change(observed, "source_host.guest", None)
    assert recovering(observed, "back") == []
    assert ["Nova has stopped its guest" in line for line in recovering(observed, "forward")] == [True]


@pytest.mark.parametrize(
    ("phase", "direction", "fenced", "stands"),
    [
        ("prepared", "back", False, False),
        ("stopping", "back", False, False),
        ("departed", "back", False, True),
        ("departed", "back", True, False),
        ("stopping", "forward", True, True),
    ],
)
def test_a_dead_destination_keeps_nobody_from_going_back_unless_the_guest_may_run_there(
    observed: Observed, phase: str, direction: str, fenced: bool, stands: bool
) -> None:
    under_way(observed, phase)
    dead = {"unreachable": True, "msg": "no route to host"}
    found = recovering(observed, direction, fenced=fenced, destination_host=dead)
    assert bool(found) is stands


def test_a_dead_source_keeps_a_guest_from_coming_back_to_it(observed: Observed) -> None:
    under_way(observed, "stopping")
    dead = {"unreachable": True, "msg": "no route to host"}
    assert ["host compute12" in line for line in recovering(observed, source_host=dead)] == [True]


def test_a_blocker_is_given_as_plain_data() -> None:
    assert Blocker("a", "b", "c").as_dict() == {"object": "a", "cause": "b", "remedy": "c", "elsewhere": False}
