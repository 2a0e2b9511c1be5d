# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Neutron's ports on this host: from Nova's network_info to os-vif, as nova.network.os_vif_util does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    StackmoveError,
    UnsupportedError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.nova_conf import NovaConf
from ansible_collections.stackmove.nova.plugins.module_utils._host.oslo import shared_with_nova

if TYPE_CHECKING:
    from os_vif.objects.instance_info import InstanceInfo
    from os_vif.objects.vif import VIFBase

# Interface names have 15 characters in Linux; Nova and Neutron keep to 14 (network_model.NIC_NAME_LEN).
_NAME_LENGTH = 14
# Nova's cache says so of a port that Neutron has deactivated on this host meanwhile.
_UNBOUND = ("unbound", "binding_failed")


@dataclass(frozen=True)
class Vif:
    """One port as this host has to plug it.

    :param kind: Neutron's ``binding:vif_type``
    :param bridge: what the guest's tap is put into
    :param integration_bridge: Open vSwitch's bridge, when there is a plain one in between (hybrid plugging)
    :param mtu: of the network, in bytes; None when Neutron says nothing
    :param delegated: os-vif makes the tap, not libvirt
    """

    port_id: str
    mac: str
    kind: str
    device: str
    bridge: str
    integration_bridge: str
    network_id: str
    mtu: int | None
    filtered: bool
    hybrid: bool
    delegated: bool
    interface_id: str
    datapath: str | None

    def interface(self) -> dict[str, Any]:
        """Return the parts of libvirt's ``<interface>`` that this host decides (nova.virt.libvirt.vif)."""
        plain = self.kind == "bridge" or self.hybrid
        return {
            "mac": self.mac,
            "type": "ethernet" if self.delegated else "bridge",
            "bridge": None if self.delegated else self.bridge,
            "device": self.device,
            "mtu": self.mtu,
            "openvswitch_id": None if plain or self.delegated else self.interface_id,
        }


def from_network_info(vif: Mapping[str, Any]) -> Vif:
    """Read one entry of ``instance_info_caches.network_info``, or of a binding in that shape.

    :raises UnsupportedError: for a vif_type whose plugging we don't know
    """
    port_id, kind = str(vif["id"]), vif.get("type")
    details = vif.get("details") or {}
    network = vif.get("network") or {}
    network_id = str(network.get("id") or "")
    if kind not in {"bridge", "ovs", *_UNBOUND} or vif.get("vnic_type", "normal") != "normal":
        raise UnsupportedError(
            f"plug port {port_id}",
            f"vif_type {kind} with vnic_type {vif.get('vnic_type', 'normal')} is not supported.",
            "Detach the port, or move the server with Nova.",
        )
    mtu = (network.get("meta") or {}).get("mtu")
    hybrid = kind == "ovs" and bool(details.get("ovs_hybrid_plug"))
    named = details.get("bridge_name") or network.get("bridge")
    bridge = str(named or (f"brq{network_id}" if kind == "bridge" else "br-int"))
    return Vif(
        port_id=port_id,
        mac=str(vif["address"]).lower(),
        kind=str(kind),
        device=str(vif.get("devname") or f"tap{port_id}")[:_NAME_LENGTH],
        bridge=f"qbr{port_id}"[:_NAME_LENGTH] if hybrid else bridge[:_NAME_LENGTH],
        integration_bridge=bridge[:_NAME_LENGTH],
        network_id=network_id,
        mtu=int(mtu) if mtu else None,
        filtered=bool(details.get("port_filter")),
        hybrid=hybrid,
        delegated=kind == "ovs" and not hybrid and bool(vif.get("delegate_create")),
        interface_id=str(vif.get("ovs_interfaceid") or port_id),
        datapath=details.get("datapath_type"),
    )


def with_binding(vif: Mapping[str, Any], binding: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network_info entry as it would be on the host of a binding.

    :param binding: vif_type, vif_details, profile, and vnic_type, as Neutron's API has them
    """
    network = {key: value for key, value in (vif.get("network") or {}).items() if key != "bridge"}
    return {
        **vif,
        "network": network,
        "type": binding["vif_type"],
        "details": binding.get("vif_details") or {},
        "profile": binding.get("profile") or {},
        "vnic_type": binding.get("vnic_type") or vif.get("vnic_type", "normal"),
    }


class Ports:
    """This host's side of Neutron's ports.

    :param conf: nova-compute's configuration on this host
    """

    def __init__(self, conf: NovaConf) -> None:
        self._conf = conf

    def plug(self, vif: Vif, server: str, name: str) -> None:
        """Prepare this host for a port; libvirt makes the tap when the guest starts.

        :param name: the domain's name
        :raises StackmoveError: Neutron has not bound it to this host, or os-vif refuses
        """
        if vif.kind in _UNBOUND:
            raise StackmoveError(
                f"plug port {vif.port_id}",
                f"Neutron has not bound it to this host (vif_type {vif.kind}).",
                "Check that this host's network agent runs.",
            )
        with self._os_vif_ready(f"plug port {vif.port_id}"):
            import os_vif

            os_vif.plug(_object(vif), _instance(server, name))

    def unplug(self, vif: Vif, server: str, name: str) -> None:
        """Take a port off this host; nothing happens when it is not plugged, or no longer bound."""
        if vif.kind in _UNBOUND:
            return
        with self._os_vif_ready(f"unplug port {vif.port_id}"):
            import os_vif

            os_vif.unplug(_object(vif), _instance(server, name))

    @contextmanager
    def _os_vif_ready(self, what: str) -> Iterator[None]:
        import os_vif
        from os_vif import exception
        from vif_plug_linux_bridge import privsep as linux_bridge
        from vif_plug_ovs import privsep as open_vswitch

        # Their calls run here, as root, and not in privileged daemons that would outlive the module.
        linux_bridge.vif_plug.set_client_mode(False)
        open_vswitch.vif_plug.set_client_mode(False)
        try:
            with shared_with_nova(self._conf):
                os_vif.initialize()
                yield
        except exception.ExceptionBase as error:
            # Its own message repeats the whole port object, if that can be printed at all.
            cause = error.kwargs.get("err", error)
            raise StackmoveError(
                what, f"os-vif says: {cause!r}.", "Check that this host's network agent runs."
            ) from error


def _instance(server: str, name: str) -> InstanceInfo:
    from os_vif.objects import instance_info

    return instance_info.InstanceInfo(uuid=server, name=name)


def _object(vif: Vif) -> VIFBase:
    from os_vif.objects import network as networks
    from os_vif.objects import vif as vifs

    network = networks.Network(
        id=vif.network_id,
        bridge=vif.integration_bridge,
        mtu=vif.mtu,
        should_provide_bridge=vif.kind == "bridge",
        bridge_interface=None,
    )
    common: dict[str, Any] = {
        "id": vif.port_id,
        "address": vif.mac,
        "network": network,
        "vif_name": vif.device,
        "bridge_name": vif.bridge,
        "has_traffic_filtering": vif.filtered,
        "preserve_on_delete": True,
        "active": True,
    }
    if vif.kind == "bridge":
        return vifs.VIFBridge(plugin="linux_bridge", **common)
    profile = vifs.VIFPortProfileOpenVSwitch(
        interface_id=vif.interface_id, datapath_type=vif.datapath, create_port=vif.delegated
    )
    kind = vifs.VIFBridge if vif.hybrid else vifs.VIFOpenVSwitch
    return kind(plugin="ovs", port_profile=profile, **common)
