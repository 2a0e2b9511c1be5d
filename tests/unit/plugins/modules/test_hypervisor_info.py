# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
import yaml

from ansible_collections.stackmove.nova.plugins.module_utils._host import requirements
from ansible_collections.stackmove.nova.plugins.module_utils._host.instance_dir import InstanceDir
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import domain_info, migration_checks
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.guest import OFF_REASONS
from ansible_collections.stackmove.nova.plugins.modules import hypervisor_info

URI = "test:///default"
#: The one domain of libvirt's test driver; it runs.
SERVER = "6695eb01-f6a4-8304-79aa-97f2502e193f"
ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[DEFAULT]\ninstances_path = {tmp_path}\n", "utf-8")
    monkeypatch.setattr(requirements, "missing", lambda: [{"name": "os_brick"}])
    connection = libvirt.open(URI)
    yield {"server": SERVER, "processor": None, "destination": None, "nova_conf": [str(conf)], "libvirt_uri": URI}
    connection.close()


def test_a_server_without_a_folder(given: dict[str, Any]) -> None:
    found = hypervisor_info.gather(given)
    assert found["guest"]["state"] == "running"
    assert found["directory"] is None
    found = hypervisor_info.gather({**given, "server": ABSENT})
    assert (found["guest"], found["directory"]) == (None, None)


def test_all_that_is_told_is_documented(given: dict[str, Any]) -> None:
    found = hypervisor_info.gather(given)
    documented = yaml.safe_load(hypervisor_info.RETURN)
    assert set(found) == set(documented)
    assert set(found["nova"]) == set(documented["nova"]["contains"])
    assert set(found["guest"]) == set(documented["guest"]["contains"])
    seen = hypervisor_info.gather({**given, "destination": {"host": "kvm2", "destination_uri": URI}})["destination"]
    assert set(seen) == set(documented["destination"]["contains"])


def test_the_note_of_a_move_without_its_secrets(given: dict[str, Any], tmp_path: Path) -> None:
    folder = InstanceDir(tmp_path / ABSENT)
    folder.path.mkdir()
    found = hypervisor_info.gather({**given, "server": ABSENT})
    assert (found["guest"], found["directory"]["note"]) == (None, None)
    place = {"role": "source", "migration": "m", "phase": "released"}
    folder.note.write({**place, "connections": [{"auth_password": "a-password"}]})
    found = hypervisor_info.gather({**given, "server": ABSENT})
    assert found["directory"]["note"] == place
    assert "a-password" not in str(found)


def test_a_running_guest_tells_its_processor(given: dict[str, Any]) -> None:
    with libvirt.open(URI) as connection:
        connection.lookupByUUIDString(SERVER).destroy()
        assert hypervisor_info.gather(given)["guest"]["processor"] is None
        connection.lookupByUUIDString(SERVER).create()
    text = hypervisor_info.gather(given)["guest"]["processor"]
    assert text.startswith("<domain")
    assert "<name>" not in text


@pytest.mark.parametrize(("end", "reason"), [("shutdown", "shutdown"), ("destroy", "destroyed")])
def test_a_guest_that_is_off_tells_why(given: dict[str, Any], end: str, reason: str) -> None:
    assert hypervisor_info.gather(given)["guest"]["off_reason"] is None
    with libvirt.open(URI) as connection:
        getattr(connection.lookupByUUIDString(SERVER), end)()
        found = hypervisor_info.gather(given)["guest"]
        connection.lookupByUUIDString(SERVER).create()
    assert (found["state"], found["off_reason"]) == ("shutoff", reason)


def test_each_reason_is_libvirts() -> None:
    named = {
        value: name.removeprefix("VIR_DOMAIN_SHUTOFF_").lower().replace("_", " ")
        for name, value in vars(libvirt).items()
        if name.startswith("VIR_DOMAIN_SHUTOFF_")
    }
    assert [named[reason] for reason in range(len(OFF_REASONS))] == list(OFF_REASONS)


def test_a_processor_is_told_with_what_it_depends_on() -> None:
    """The rest of the XML, such as passwords of consoles, has no business on another host."""
    running = """<domain type='kvm'><name>g</name>
      <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
      <cpu mode='custom' match='exact'><model>Nehalem</model><feature policy='require' name='vme'/></cpu>
      <devices><emulator>/usr/bin/qemu</emulator><graphics type='vnc' passwd='a-password'/></devices></domain>"""
    assert "".join(domain_info.processor(running).split("\n")).replace("  ", "") == (
        '<domain type="kvm"><os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>'
        '<cpu mode="custom" match="exact"><model>Nehalem</model><feature policy="require" name="vme"/></cpu>'
        "<devices><emulator>/usr/bin/qemu</emulator></devices></domain>"
    )


def test_another_hosts_processor_is_compared(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert hypervisor_info.gather(given)["processor_refusal"] == ""
    monkeypatch.setattr(migration_checks, "cpu_refusal", lambda _connection, text: f"no {text}")
    assert hypervisor_info.gather({**given, "processor": "avx512f"})["processor_refusal"] == "no avx512f"


def test_a_destination_is_seen_as_the_migration_reaches_it(given: dict[str, Any]) -> None:
    asked = {"host": "fd00::12", "inbound_address": None, "destination_uri": URI, "post_copy": True}
    seen = hypervisor_info.gather({**given, "destination": asked})["destination"]
    assert (seen["refusal"], seen["name_taken_by"]) == ("", "")
    assert seen["hostname"]
    assert (seen["options"]["destination_uri"], seen["options"]["post_copy"]) == (URI, True)
    assert (seen["options"]["migrate_uri"], seen["options"]["native_tls"]) == (None, False)


def test_a_destination_that_is_not_reached_is_an_answer(given: dict[str, Any]) -> None:
    asked = {"host": "kvm2", "inbound_address": "192.0.2.21", "destination_uri": "test:///nowhere.xml"}
    seen = hypervisor_info.gather({**given, "destination": asked})["destination"]
    assert "nowhere.xml" in seen["refusal"]
    assert seen["options"]["migrate_uri"] == "tcp://192.0.2.21"


def test_the_options_for_a_destination_are_documented() -> None:
    documented = yaml.safe_load(hypervisor_info.DOCUMENTATION)["options"]["destination"]["suboptions"]
    assert set(documented) == set(hypervisor_info.DESTINATION)
