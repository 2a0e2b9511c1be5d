# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import migration_options
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_options import GIB, Options

PLAIN = Options(destination_uri="qemu+ssh://root@kvm2/system")
ALWAYS = 1 | 2 | 8 | 16


def flags(persistent: bool = True, paused: bool = False, disks: tuple[str, ...] = (), **given: Any) -> int:
    options = migration_options.for_guest(replace(PLAIN, **given), paused)
    return migration_options.flags(options, persistent, paused, disks)


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({}, 0),
        ({"unsafe": True}, 512),
        ({"compression": ["xbzrle"]}, 2048),
        ({"auto_converge": True}, 8192),
        ({"post_copy": True}, 32768),
        ({"native_tls": True}, 65536),
        ({"parallel_connections": 4}, 131072),
        ({"copy_storage": "all", "disks": ("vda",)}, 64),
        ({"copy_storage": "incremental", "disks": ("vda",)}, 128),
        ({"copy_storage": "all", "disks": ("vda",), "synchronous_writes": True}, 64 | 262144),
    ],
)
def test_each_option_is_one_flag(given: dict[str, Any], more: int) -> None:
    assert flags(**given) == ALWAYS | more


def test_libvirt_is_not_asked_to_copy_storage_without_disks() -> None:
    # It would take that for all disks, volumes included.
    assert flags(copy_storage="all", synchronous_writes=True) == ALWAYS
    assert "migrate_disks" not in migration_options.parameters(replace(PLAIN, copy_storage="all"), [])


def test_a_guest_that_is_not_defined_is_not_defined_there() -> None:
    assert flags(persistent=False) == 1 | 2


def test_directly_is_without_peers() -> None:
    assert flags(peer_to_peer=False) == ALWAYS & ~2


def test_a_guest_that_can_switch_is_not_slowed_down() -> None:
    assert flags(post_copy=True, auto_converge=True) == ALWAYS | 32768


def test_a_paused_guest_cannot_switch() -> None:
    # LP 1671011
    assert flags(paused=True, post_copy=True, auto_converge=True) == ALWAYS | 32 | 8192


def test_only_what_is_said_becomes_a_parameter() -> None:
    assert migration_options.parameters(PLAIN, []) == {}


def test_all_parameters() -> None:
    options = replace(
        PLAIN,
        bandwidth_mib=100,
        migrate_uri="tcp://192.0.2.2",
        listen_address="192.0.2.2",
        disks_port=49500,
        native_tls=True,
        tls_destination="kvm2.example.org",
        compression=["zstd"],
        parallel_connections=2,
        auto_converge=True,
        auto_converge_initial=30,
        auto_converge_increment=20,
        destination_name="web2",
        destination_xml="<domain/>",
    )
    assert migration_options.parameters(options, ["vda"]) == {
        "bandwidth": 100,
        "migrate_uri": "tcp://192.0.2.2",
        "listen_address": "192.0.2.2",
        "disks_port": 49500,
        "destination_xml": "<domain/>",
        # LP 1890501: without it the guest is defined as it was at its source
        "persistent_xml": "<domain/>",
        "destination_name": "web2",
        "migrate_disks": ["vda"],
        "tls.destination": "kvm2.example.org",
        "parallel.connections": 2,
        "compression": ["zstd"],
        "auto_converge.initial": 30,
        "auto_converge.increment": 20,
    }


def test_the_persistent_xml_may_be_another() -> None:
    options = replace(PLAIN, destination_xml="<domain/>", persistent_xml="<domain type='kvm'/>")
    assert migration_options.parameters(options, [])["persistent_xml"] == "<domain type='kvm'/>"


def test_a_limit_after_the_switch_needs_a_switch() -> None:
    options = replace(PLAIN, bandwidth_postcopy_mib=50)
    assert migration_options.parameters(options, []) == {}
    assert migration_options.parameters(replace(options, post_copy=True), []) == {"bandwidth.postcopy": 50}


def test_what_there_is_to_carry() -> None:
    assert migration_options.data_gib(GIB // 8, []) == 2
    assert migration_options.data_gib(4 * GIB, [GIB, 10 * GIB]) == 16


def test_the_downtime_schedule_is_novas() -> None:
    schedule = migration_options.downtime_schedule(PLAIN, 2)
    assert schedule[:2] == [(0, 50), (150, 95)]
    assert schedule[-1] == (1500, 500)
    assert len(schedule) == 11


@pytest.mark.parametrize(("elapsed_s", "downtime_ms"), [(0, None), (0.5, 50), (150, 50), (150.1, 95), (99999, 500)])
def test_the_downtime_that_is_allowed_by_now(elapsed_s: float, downtime_ms: int | None) -> None:
    schedule = migration_options.downtime_schedule(PLAIN, 2)
    assert migration_options.allowed_downtime_ms(schedule, elapsed_s) == downtime_ms


def test_the_timeout_is_for_each_gib() -> None:
    assert migration_options.deadline_s(PLAIN, 2.5) == 2000
    assert migration_options.deadline_s(replace(PLAIN, completion_timeout_s=0), 2.5) == 0


@pytest.mark.parametrize(
    "given", [{"downtime_ms": 99}, {"downtime_steps": 2}, {"downtime_delay_s": 2}, {"interval_s": 0.1}]
)
def test_less_than_the_least_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match=f"Raise {next(iter(given))}"):
        migration_options.refuse_nonsense(replace(PLAIN, **given))


def test_compression_that_needs_several_connections() -> None:
    with pytest.raises(UnsupportedError, match="parallel_connections"):
        migration_options.refuse_nonsense(replace(PLAIN, compression=["zstd"]))
    migration_options.refuse_nonsense(replace(PLAIN, compression=["zstd"], parallel_connections=2))
    migration_options.refuse_nonsense(replace(PLAIN, compression=["xbzrle"]))
