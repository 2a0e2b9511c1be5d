# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands against a live migration within a cell, and what is planned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._host.instance_dir import base_name
from ansible_collections.stackmove.nova.plugins.module_utils._host.nova_conf import parse
from ansible_collections.stackmove.nova.plugins.module_utils._move.jobs import (
    CROSS_CELL_LIVE,
    LIVE,
    Course,
    Observed,
    course,
)
from ansible_collections.stackmove.nova.plugins.module_utils._move.live_migration import (
    describe,
    find_blockers,
    make_plan,
)
from ansible_collections.stackmove.nova.tests.unit.plugins.module_utils._move.test_blockers import change

ROLES = ("live_prepare", "live_transfer", "live_finish")
VOLUME = "790dc7d2-09f6-4aa5-9baf-6de462c7d020"
NOVA = parse(["[libvirt]\nlive_migration_uri = qemu+ssh://root@%s/system\n"], "h", "192.0.2.1").summary()


@pytest.fixture
def live(observed: Observed) -> Observed:
    """The server without its config drive, with its own flavor, and another host of its cell."""
    change(observed, "move.destination.cell", dict(observed.move["source"]["cell"]))
    change(observed, "move.flavor", observed.move["flavor_before"])
    change(observed, "move.leftovers", [])
    directory = observed.source_host["directory"]
    directory["disks"] = [disk for disk in directory["disks"] if disk["name"] == "disk"]
    directory["disks"][0]["backing_path"] = _base(observed)
    for host in (observed.source_host, observed.destination_host):
        host["nova"]["live_migration"] = dict(NOVA["live_migration"])
    return replace(observed, job=LIVE)


def _base(observed: Observed) -> str:
    return f"/var/lib/nova/instances/_base/{base_name(observed.move['base_image']['id'])}"


def lines(observed: Observed) -> list[str]:
    return [f"{found.object}: {found.cause} Remedy: {found.remedy}" for found in find_blockers(observed)]


def planned(observed: Observed) -> dict[str, Any]:
    return make_plan(observed, {}, "this run")


def under_way(observed: Observed, phase: str, holder: bool | None = False) -> Observed:
    """Another run has begun it.

    :param holder: whether that run lives
    """
    migration = {"uuid": "m", "status": phase, "ours": True, "idle_s": 1, "created_at": "2026-11-21 12:00:00"}
    change(observed, "move.phase", phase)
    change(observed, "move.migration", migration)
    change(observed, "move.holder", {"who": "process 1 on controller", "alive": holder})
    return observed


def test_nothing_stands_against_this_migration(live: Observed) -> None:
    assert lines(live) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"move.server.vm_state": "stopped"}, "it is stopped. Remedy: Start it first; or migrate it cold: openstack"),
        ({"move.server.vm_state": "rescued"}, "server web1: it is rescued. Remedy: Bring it to ACTIVE first."),
        ({"move.server.task_state": "migrating"}, "Nova is busy with it (migrating)."),
        ({"move.server.locked": True}, "server web1: it is locked."),
        ({"move.unmovable": ["a NUMA topology"]}, "a NUMA topology, which would be lost. Remedy: Migrate it within"),
        ({"move.destination": None, "destination_host": {}}, "no other host of cell1 is up"),
        ({"move.destination.host": "compute12"}, "host compute12: the server is there already."),
        (
            {"move.destination.cell": {"id": 9, "uuid": "c", "name": "cell9", "disabled": False}},
            "it is in cell9, and the server in cell1. Remedy: Name a host of its own cell",
        ),
        ({"move.destination.shortages": ["VCPU"]}, "Placement has no room there (VCPU)"),
        ({"move.destination.service.status": "disabled"}, "its compute service is disabled"),
        ({"move.service_role": False}, "no service token"),
        ({"move.binding_extended": False}, "it lacks the extension binding-extended"),
        ({"source_host.guest": None}, "libvirt on compute12 does not know it"),
        ({"source_host.guest.state": "shutoff"}, "it is shutoff on compute12, and Nova believes it active."),
        ({"source_host.guest.has_tpm": True}, "an emulated TPM on compute12, which would be lost. Remedy: Migrate it"),
        ({"source_host.guest.hostdevs": ["pci"]}, "it has a host device. Remedy: Remove it first."),
        ({"source_host.guest.checkpoints": 1}, "libvirt checkpoints, which would be lost"),
        ({"source_host.nova.images_type": "rbd"}, "host compute12: it keeps disks as rbd."),
        (
            {"destination_host.directory": {"path": "/x"}},
            "Remedy: Shared instance storage is not moved so far; remove it there, if it is a leftover.",
        ),
        ({"destination_host.guest": {"state": "shutoff"}}, "libvirt there has a domain with the server's uuid."),
        ({"destination_host.libvirt.machine_types": []}, "its QEMU has no machine type pc-i440fx-7.2."),
        ({"destination_host.libvirt.hypervisor_version": "7.1.9"}, "its QEMU 7.1.9 is older than the source's 7.2.22."),
        ({"destination_host.processor_refusal": "avx512f"}, "its processor lacks what the guest has: avx512f."),
        ({"destination_host.libvirt.emulators": {"i686": "/q"}}, "host compute21: it has no QEMU for x86_64."),
        (
            {"destination_host.libvirt.host_uuid": "891a6a7b-595b-41b0-a4bb-8293dfbd78de"},
            "its libvirt has the same host uuid as the source's (891a6a7b-595b-41b0-a4bb-8293dfbd78de)",
        ),
        (
            {
                "source_host.nova.live_migration.post_copy": True,
                "source_host.nova.live_migration.parallel_connections": 2,
            },
            "a switch to post-copy over several connections needs QEMU 10.1 on both hosts",
        ),
        ({"destination_host.storage.free_bytes": 0}, "0.0 GiB are free for its disks"),
        ({"destination_host.unreachable": True}, "host compute21: it cannot be read"),
    ],
)
def test_each_blocker_is_said_with_its_remedy(live: Observed, changes: dict[str, Any], said: str) -> None:
    for path, value in changes.items():
        change(live, path, value)
    found = lines(live)
    assert any(said in line for line in found), found
    assert all(" Remedy: " in line for line in found)


def see(observed: Observed, **found: Any) -> None:
    """Have the source see the destination."""
    seen = {
        "options": {**planned(observed)["options"], **found.pop("options", {})},
        "refusal": "",
        "hostname": "compute21",
        "host_uuid": observed.destination_host["libvirt"]["host_uuid"],
        "is_resolved": True,
        "name_taken_by": "",
    }
    change(observed, "source_host.destination", {**seen, **found})


def test_a_destination_that_is_seen_as_it_is(live: Observed) -> None:
    see(live)
    assert lines(live) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {"refusal": "libvirt says: ssh: Permission denied (error 38)."},
            (
                "compute12 does not reach its libvirt at qemu+ssh://root@compute21/system: libvirt says: ssh:"
                " Permission denied (error 38). Remedy: Try it on compute12 as root"
                " (virsh -c qemu+ssh://root@compute21/system list)"
            ),
        ),
        (
            {"host_uuid": "another", "hostname": "web9"},
            "what compute12 reaches at qemu+ssh://root@compute21/system is another host, which calls itself web9.",
        ),
        (
            {"is_resolved": False},
            (
                "compute12 knows no address of compute21, as it calls itself, to send the guest to. Remedy: Have"
                " compute12 resolve it, or name the address: live_migration_inbound_addr in nova.conf of compute21, or"
            ),
        ),
        ({"name_taken_by": "6f70656e"}, "libvirt there has another guest of the server's name (6f70656e)."),
    ],
)
def test_how_the_source_sees_the_destination(live: Observed, found: dict[str, Any], said: str) -> None:
    see(live, **found)
    blockers = find_blockers(live)
    assert [blocker.elsewhere for blocker in blockers] == [True]
    assert lines(live)[0].startswith(f"host compute21: {said}")


def test_what_does_not_matter_of_how_the_destination_is_seen(live: Observed) -> None:
    see(live, is_resolved=False, options={"migrate_uri": "tcp://192.0.2.21"})
    assert lines(live) == []
    # In another cell it has another name.
    see(live, name_taken_by="6f70656e")
    assert not any("name" in line for line in lines(replace(live, job=CROSS_CELL_LIVE)))


def test_what_stands_against_it_is_told_at_once(live: Observed) -> None:
    change(live, "destination_host.processor_refusal", "avx512f")
    change(live, "move.server.locked", True)
    see(live, refusal="it does not answer within 40 seconds.")
    assert len(lines(live)) == 3


def test_whoever_encrypts_needs_certificates(live: Observed) -> None:
    for host in (live.source_host, live.destination_host):
        host["certificates"] = {"path": "/etc/pki/qemu", "files": []}
    assert lines(live) == []
    see(live, options={"native_tls": True})  # for this run
    assert [line.partition(" Remedy")[0] for line in lines(live)] == [
        "host compute12: QEMU is to encrypt what it sends, and /etc/pki/qemu has no ca-cert.pem.",
        (
            "host compute21: QEMU is to encrypt what it sends, and /etc/pki/qemu has no ca-cert.pem nor"
            " server-cert.pem nor server-key.pem."
        ),
    ]
    live.source_host["certificates"]["files"] = ["ca-cert.pem"]
    live.destination_host["certificates"] = None  # in a container
    assert lines(live) == []


def test_a_config_drive_is_copied_beside(live: Observed) -> None:
    assert planned(live)["config_drive"] is None
    drive = {**live.source_host["directory"]["disks"][0], "name": "disk.config", "backing_path": None}
    live.source_host["directory"]["disks"].append(drive)
    assert lines(live) == []
    made = planned(live)
    assert made["config_drive"] == {"uid": 64060, "gid": 64060}
    # libvirt copies only what the guest writes to.
    assert [disk["disk"] for disk in made["disks"]] == ["disk"]
    assert "live_prepare: copy its config drive to compute21" in describe(made)


def test_a_paused_server_goes_paused(live: Observed) -> None:
    change(live, "move.server.vm_state", "paused")
    change(live, "move.instance.vm_state", "paused")
    change(live, "move.instance.old_vm_state", "paused")
    change(live, "source_host.guest.state", "paused")
    assert lines(live) == []
    assert planned(live)["running"] is False


def test_another_run_is_not_disturbed(live: Observed) -> None:
    assert lines(under_way(live, "running", holder=False)) == []
    assert any("another run works on it" in line for line in lines(under_way(live, "running", holder=True)))
    assert any("stackmove_resume=true" in line for line in lines(under_way(live, "running", holder=None)))


def test_one_of_novas_own_is_not_disturbed(live: Observed) -> None:
    under_way(live, "running")
    change(live, "move.migration.ours", False)
    (line,) = lines(live)
    assert "Nova itself is working on it" in line
    assert "abort it: openstack server migration abort." in line  # the playbook recover knows no live ones


@pytest.mark.parametrize("direction", ["auto", "back"])
def test_one_to_another_cell_is_ended_by_the_other_playbook(live: Observed, direction: str) -> None:
    change(live, "move.half_done_live", {"job": CROSS_CELL_LIVE, "phase": "running"})
    change(live, "move.server.task_state", "migrating")
    (line,) = lines(replace(live, direction=direction))
    assert "Run the playbook cross_cell_live_migrate again" in line


@pytest.mark.parametrize(
    ("phase", "remedy"),
    [
        ("running", "or take it back first: -e live_migrate_direction=back."),
        ("arrived", "and migrate it there when this has ended."),
    ],
)
def test_one_under_way_goes_where_it_goes(live: Observed, phase: str, remedy: str) -> None:
    change(under_way(live, phase), "move.wish", {"destination_host": "compute99"})
    (line,) = lines(live)
    assert f"its move to compute21 is under way. Remedy: Leave destination_host out, {remedy}" in line


def silent(live: Observed, side: str, **wanted: Any) -> Observed:
    """One of the hosts does not answer."""
    return replace(live, **{side: {"unreachable": True, "msg": "no route"}, **wanted})


GIVE = "Remedy: Give Ansible a connection to it by its inventory name, and see that libvirtd runs there."
OFF = "Remedy: Bring it back; or, if it is off and stays off, run again with"
BACK, FENCED = "-e live_migrate_direction=back", "-e live_migrate_fenced=true"


@pytest.mark.parametrize(
    ("phase", "direction", "side", "said"),
    [
        ("preparing", "auto", "source_host", GIVE),
        ("preparing", "auto", "destination_host", f"{GIVE} Or take the migration back without it: {BACK}."),
        ("preparing", "back", "source_host", GIVE),
        ("preparing", "back", "destination_host", ""),
        ("running", "auto", "source_host", GIVE),
        ("running", "auto", "destination_host", f"{OFF} {BACK} {FENCED}."),
        ("running", "back", "source_host", GIVE),
        ("running", "back", "destination_host", f"{OFF} {BACK} {FENCED}."),
        ("arrived", "auto", "source_host", f"{OFF} {FENCED}."),
        ("arrived", "auto", "destination_host", GIVE),
    ],
)
def test_a_host_that_is_needed_has_to_answer(live: Observed, phase: str, direction: str, side: str, said: str) -> None:
    under_way(live, phase)
    found = find_blockers(silent(live, side, direction=direction))
    assert [f"{blocker.cause} Remedy: {blocker.remedy}" for blocker in found] == (
        [f"it cannot be read: no route {said}"] if said else []
    )
    assert not any(blocker.elsewhere for blocker in found)  # no other destination is tried


@pytest.mark.parametrize(
    ("phase", "direction", "side", "ends"),
    [
        ("none", "auto", "source_host", False),
        ("none", "auto", "destination_host", False),
        ("preparing", "auto", "source_host", False),
        ("preparing", "auto", "destination_host", False),
        ("preparing", "back", "source_host", False),
        ("preparing", "back", "destination_host", True),
        ("running", "auto", "source_host", False),
        ("running", "auto", "destination_host", False),
        ("running", "back", "source_host", False),
        ("running", "back", "destination_host", True),
        ("arrived", "auto", "source_host", True),
        ("arrived", "auto", "destination_host", False),
    ],
)
def test_one_that_is_off_holds_up_only_what_needs_it(
    live: Observed, phase: str, direction: str, side: str, ends: bool
) -> None:
    if phase != "none":
        under_way(live, phase)
    fenced = silent(live, side, direction=direction, fenced=True)
    assert (lines(fenced) == []) is ends
    assert planned(fenced)["hosts_off"] == ["compute12" if side == "source_host" else "compute21"]


@pytest.mark.parametrize(("phase", "side"), [("running", "destination_host"), ("arrived", "source_host")])
def test_a_host_that_answers_is_not_off(live: Observed, phase: str, side: str) -> None:
    under_way(live, phase)
    change(live, f"{side}.failed", True)
    change(live, f"{side}.msg", "libvirt does not answer")
    fenced = replace(live, direction="back" if phase == "running" else "auto", fenced=True)
    assert [line for line in lines(fenced) if f"it cannot be read: libvirt does not answer {GIVE}" in line]
    assert planned(fenced)["hosts_off"] == []


def test_the_operator_reads_what_stays_on_a_host_that_is_off(live: Observed) -> None:
    under_way(live, "running")
    back = describe(planned(silent(live, "destination_host", direction="back", fenced=True)))
    assert "go on only if the guest is on compute12, and compute21 is off" in back[1]
    assert "live_prepare, back: leave what compute21 has of the guest, unless it answers by then" in back
    change(live, "move.phase", "arrived")
    forward = describe(planned(silent(live, "source_host", fenced=True)))
    assert "live_finish: delete its bindings and claims on compute12, which is off: its folder stays" in forward


def test_nothing_leads_back_from_its_destination(live: Observed) -> None:
    arrived = replace(under_way(live, "arrived"), direction="back")
    (line,) = lines(arrived)
    assert "its guest is on compute21 already, and nothing leads back. Remedy: Leave live_migrate_direction out" in line
    assert course(arrived) == Course("forward", ROLES[2:])


@pytest.mark.parametrize(
    ("phase", "direction", "wanted"),
    [
        ("none", "auto", Course("forward", ROLES)),
        ("preparing", "auto", Course("forward", ROLES)),
        ("running", "auto", Course("forward", ROLES)),
        ("running", "forward", Course("forward", ROLES)),
        ("arrived", "auto", Course("forward", ROLES[2:])),
        ("none", "back", Course("none", ())),
        ("preparing", "back", Course("back", ROLES[::-1])),
        ("running", "back", Course("back", ROLES[::-1])),
    ],
)
def test_where_it_goes(live: Observed, phase: str, direction: str, wanted: Course) -> None:
    change(live, "move.phase", phase)
    # A guest at its source tells nothing of a live migration: it is there until it is not.
    assert live.source_host["guest"]
    assert course(replace(live, direction=direction)) == wanted


# the disks


def test_a_disk_over_the_image_stays_one(live: Observed) -> None:
    made = planned(live)
    assert made["disks"] == [{"disk": "disk", "disk_format": "qcow2", "virtual_size_bytes": 1024**3, "over_base": True}]
    assert (made["copy_storage"], made["migrate_disks"]) == ("incremental", ["vda"])


@pytest.mark.parametrize("why", ["gone", "another", "deeper"])
def test_one_over_anything_else_is_copied_whole(live: Observed, why: str) -> None:
    if why == "gone":
        change(live, "move.base_image", None)
    elif why == "another":
        change(live, "source_host.directory.disks.0.backing_path", "/var/lib/nova/instances/_base/another")
    else:
        change(live, "source_host.directory.disks.0.chain_depth", 3)
    made = planned(live)
    assert made["copy_storage"] == "all"
    assert [disk["over_base"] for disk in made["disks"]] == [False]


def test_one_such_disk_has_all_of_them_copied_whole(live: Observed) -> None:
    """libvirt copies all disks in one way; what is below the second would be missing."""
    path = f"{live.source_host['directory']['path']}/disk.eph0"
    second = {
        **live.source_host["directory"]["disks"][0],
        "name": "disk.eph0",
        "path": path,
        "backing_path": "/var/lib/nova/instances/_base/ephemeral_1_40d1d2c",
    }
    live.source_host["directory"]["disks"].append(second)
    live.source_host["guest"]["disks"].append({"target": "vdc", "source": path})
    made = planned(live)
    assert made["copy_storage"] == "all"
    assert [disk["over_base"] for disk in made["disks"]] == [False, False]
    assert made["migrate_disks"] == ["vda", "vdc"]


def test_without_local_disks_only_memory_goes(live: Observed) -> None:
    change(live, "source_host.directory.disks", [])
    made = planned(live)
    assert (made["copy_storage"], made["migrate_disks"], made["disks"]) == ("none", [], [])


def test_a_volume_is_never_copied_though_it_is_a_device_here(live: Observed) -> None:
    live.source_host["guest"]["disks"].append({"target": "vdd", "source": "/dev/sdb", "type": "block"})
    assert "vdd" not in planned(live)["migrate_disks"]


# the rest


def test_it_is_migrated_as_nova_would(live: Observed) -> None:
    options = planned(live)["options"]
    assert options["destination_uri"] == "qemu+ssh://root@compute21/system"
    assert options["migrate_uri"] is None
    assert (options["downtime_ms"], options["timeout_action"], options["post_copy"]) == (500, "abort", False)


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("198.51.100.21", "198.51.100.21"),
        ("compute21.migration.example", "compute21.migration.example"),
        ("fd00::12", "[fd00::12]"),
        ("[fd00::12]", "[fd00::12]"),
    ],
)
def test_both_uris_name_the_address_on_which_the_destination_receives(live: Observed, address: str, named: str) -> None:
    change(live, "destination_host.nova.live_migration.inbound_address", address)
    options = planned(live)["options"]
    assert options["destination_uri"] == f"qemu+ssh://root@{named}/system"
    assert options["migrate_uri"] == f"tcp://{named}"


def test_its_xml_is_the_destinations(live: Observed) -> None:
    domain = planned(live)["domain"]
    assert domain["listen"] == {"vnc": "10.77.0.21", "spice": "127.0.0.1"}
    assert domain["cpu_shares"] is False
    assert "pc-i440fx-7.2" in domain["machine_types"]


def test_its_consoles_need_ports_where_the_destination_has_such(live: Observed) -> None:
    change(live, "source_host.guest.tcp_consoles", 2)
    assert planned(live)["domain"]["tcp_consoles"] == 0
    change(live, "destination_host.nova.serial_console_enabled", True)
    assert planned(live)["domain"]["tcp_consoles"] == 2


def test_the_plan_tells_what_the_source_still_holds(live: Observed) -> None:
    change(live, "move.server.attachments", {VOLUME: [{"host": "compute12"}, {"host": "compute21"}]})
    assert planned(live)["held_at_source"] == [VOLUME]
    change(live, "move.server.attachments", {VOLUME: [{"host": "compute21"}]})
    assert planned(live)["held_at_source"] == []


def test_the_operator_reads_it(live: Observed) -> None:
    text = "\n".join(describe(planned(live)))
    name = "web1 (518e2a6d-2e56-4163-9fa3-7938e39f87fb)"
    assert f"migrate {name} live from compute12 in cell1 to compute21 in cell1" in text
    assert "live_prepare: make disk on compute21, empty, over image cd8e1e56" in text
    assert "live_transfer: migrate its memory and what is written to vda to qemu+ssh://root@compute21/system" in text
    assert "live_finish: record that it is on compute21" in text
    going_back = replace(under_way(live, "running"), direction="back")
    back = "\n".join(describe(planned(going_back)))
    assert "take back the migration of web1" in back
    assert "go on only if the guest is on compute12 alone" in back
    change(live, "move.phase", "arrived")
    arrived = "\n".join(describe(planned(live)))
    assert "go on with the migration of web1" in arrived
    assert "live_transfer" not in arrived


def test_nowhere_to_go_and_nothing_to_take_back(live: Observed) -> None:
    assert "nothing to take back (phase none)" in describe(planned(replace(live, direction="back")))[0]
    change(live, "move.destination", None)
    nowhere = replace(live, destination_host={})
    assert describe(planned(nowhere))[-1].endswith("has nowhere to go")


# to another cell


@pytest.fixture
def crossing(live: Observed) -> Observed:
    """The same to a host of another cell."""
    change(live, "move.destination.cell", {"id": 3, "uuid": "c", "name": "cell2", "disabled": False})
    return replace(live, job=CROSS_CELL_LIVE)


def test_nothing_stands_against_it_either(crossing: Observed) -> None:
    assert lines(crossing) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"move.server.vm_state": "stopped"}, "move it cold, with the playbook cross_cell_resize"),
        ({"move.destination": None, "destination_host": {}}, "no host of another enabled cell is up"),
        (
            {"move.destination.cell": {"id": 2, "uuid": "u", "name": "cell1", "disabled": False}},
            "within its own, the playbook live_migrate migrates it",
        ),
        ({"move.destination.cell.disabled": True}, "its cell cell2 is disabled"),
        ({"move.leftovers": ["migrations with uuid m"]}, "an earlier move left migrations with uuid m in cell2"),
        ({"destination_host.nova.instance_name_template": "vm-%d"}, "sets instance_name_template"),
    ],
)
def test_what_stands_against_it(crossing: Observed, changes: dict[str, Any], said: str) -> None:
    for path, value in changes.items():
        change(crossing, path, value)
    assert any(said in line for line in lines(crossing)), lines(crossing)


def test_its_rows_go_with_it(live: Observed, crossing: Observed) -> None:
    plan = planned(crossing)
    assert plan["crosses"] is True
    assert (plan["source_cell"], plan["target_cell"]) == (plan["source"]["cell_uuid"], plan["destination"]["cell_uuid"])
    assert plan["source_cell"] != plan["target_cell"]
    text = "\n".join(describe(planned(crossing)))
    assert "in cell1 to compute21 in cell2" in text
    for line in (
        "live_prepare: copy its rows to cell2, hidden",
        "live_finish: flip the cell mapping to cell2",
        "live_finish: delete its rows in cell1",
    ):
        assert line in text
    back = replace(under_way(crossing, "running"), direction="back")
    assert "live_prepare, back: delete its rows in cell2" in describe(planned(back))
    within = planned(replace(live, job=LIVE))
    assert (within["crosses"], within["source_cell"], within["target_cell"]) == (False, None, None)


def test_a_cell_is_not_known_before_its_host_is(crossing: Observed) -> None:
    crossing.move["destination"] = None
    assert planned(crossing)["target_cell"] is None
