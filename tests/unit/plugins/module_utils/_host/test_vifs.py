# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError, UnsupportedError
from ansible_collections.stackmove.nova.plugins.module_utils._host import nova_conf, vifs

PORT = "3f2a9c1e-0000-4000-8000-000000000001"
NETWORK = "0b8d1e7f-1111-4000-8000-000000000002"


def vif(**changes: Any) -> dict[str, Any]:
    plain = {
        "id": PORT,
        "address": "FA:16:3E:00:00:01",
        "type": "bridge",
        "vnic_type": "normal",
        "details": {"port_filter": True},
        "devname": "tap3f2a9c1e-00",
        "network": {"id": NETWORK, "bridge": "brq0b8d1e7f-11", "meta": {"mtu": 1450}},
    }
    return {**plain, **changes}


def test_linux_bridge() -> None:
    assert vifs.from_network_info(vif()).interface() == {
        "mac": "fa:16:3e:00:00:01",
        "type": "bridge",
        "bridge": "brq0b8d1e7f-11",
        "device": "tap3f2a9c1e-00",
        "mtu": 1450,
        "openvswitch_id": None,
    }


def test_names_follow_from_ids() -> None:
    bare = vif(devname=None, network={"id": NETWORK}, details={})
    found = vifs.from_network_info(bare)
    assert (found.device, found.bridge, found.mtu) == ("tap3f2a9c1e-00", "brq0b8d1e7f-11", None)


def test_open_vswitch() -> None:
    plain = vifs.from_network_info(vif(type="ovs", network={"id": NETWORK}))
    assert plain.interface()["bridge"] == "br-int"
    assert plain.interface()["openvswitch_id"] == PORT
    hybrid = vifs.from_network_info(vif(type="ovs", details={"ovs_hybrid_plug": True, "bridge_name": "br-x"}))
    assert hybrid.interface()["bridge"] == "qbr3f2a9c1e-00"
    assert hybrid.interface()["openvswitch_id"] is None
    assert hybrid.integration_bridge == "br-x"
    delegated = vifs.from_network_info(vif(type="ovs", delegate_create=True))
    assert delegated.interface()["type"] == "ethernet"


def test_a_binding_for_another_host() -> None:
    binding = {"port_id": PORT, "vif_type": "ovs", "vif_details": {"bridge_name": "br-dest"}}
    found = vifs.from_network_info(vifs.with_binding(vif(), binding))
    assert (found.kind, found.bridge, found.device) == ("ovs", "br-dest", "tap3f2a9c1e-00")
    assert found.mtu == 1450


@pytest.mark.parametrize("changes", [{"type": "hw_veb"}, {"vnic_type": "direct"}])
def test_the_rest_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match=PORT):
        vifs.from_network_info(vif(**changes))


@pytest.mark.parametrize("kind", ["unbound", "binding_failed"])
def test_a_port_that_neutron_has_unbound_is_off_this_host_already(kind: str, tmp_path: Path) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text("")
    ports, port = vifs.Ports(nova_conf.read([str(conf)])), vifs.from_network_info(vif(type=kind))
    with pytest.raises(StackmoveError, match=f"vif_type {kind}"):
        ports.plug(port, "server", "instance-00000001")
    ports.unplug(port, "server", "instance-00000001")
    assert port.kind == kind
