# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError
from ansible_collections.stackmove.nova.plugins.module_utils._host import nova_conf


def conf(*texts: str) -> nova_conf.NovaConf:
    return nova_conf.parse(texts, "host.example", "192.0.2.7")


def test_defaults_are_novas() -> None:
    found = conf("")
    summary = found.summary()
    assert summary["host"] == "host.example"
    assert found.text("DEFAULT", "my_block_storage_ip") == "192.0.2.7"
    assert summary["instances_path"] == "/var/lib/nova/instances"
    assert summary["images_type"] == "qcow2"
    assert found.flag("DEFAULT", "force_raw_images") is True
    assert summary["shutdown_timeout_s"] == 60


def test_later_files_win_and_references_are_filled() -> None:
    found = conf(
        "[DEFAULT]\nstate_path = /srv/nova\nmy_ip: 198.51.100.1\n[vnc]\nserver_listen = $my_ip\n",
        "[DEFAULT]\ninstances_path=${state_path}/i\nuse_cow_images = False\nhost = $$x\n",
    )
    summary = found.summary()
    assert summary["instances_path"] == "/srv/nova/i"
    assert summary["vnc_server_listen"] == "198.51.100.1"
    assert found.text("DEFAULT", "my_block_storage_ip") == "198.51.100.1"
    assert summary["images_type"] == "raw"
    assert summary["host"] == "$x"
    assert found.base_path == Path("/srv/nova/i/_base")


def test_sections_do_not_leak() -> None:
    # [DEFAULT] is no default for other sections in oslo.config, and % means nothing.
    found = conf("[DEFAULT]\nvirt_type = xen\ninstance_name_template = s-%(uuid)s\n[DEFAULT]\nhost=a\n")
    assert found.summary()["virt_type"] == "kvm"
    assert found.summary()["instance_name_template"] == "s-%(uuid)s"
    assert found.summary()["host"] == "a"


def test_a_circle_ends() -> None:
    assert "$" in conf("[DEFAULT]\nhost = $my_ip\nmy_ip = $host\n").text("DEFAULT", "host")


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"in nova_conf \(for playbooks: stackmove_nova_conf\)"):
        nova_conf.read([str(tmp_path / "nova.conf")])
