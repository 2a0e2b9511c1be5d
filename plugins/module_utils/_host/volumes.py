# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cinder's volumes on this host, as nova.virt.libvirt.volume connects them.

Three kinds: what QEMU opens over the network itself (nothing to do on the host), what is a file on a mounted share,
and what becomes a block device through os-brick.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    StackmoveError,
    UnsupportedError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._host.commands import run
from ansible_collections.stackmove.nova.plugins.module_utils._host.nova_conf import NovaConf
from ansible_collections.stackmove.nova.plugins.module_utils._host.oslo import shared_with_nova

# driver_volume_type → what os-brick calls it. Nova's list is LibvirtDriver's libvirt_volume_drivers.
_OS_BRICK = {
    "fibre_channel": "FIBRE_CHANNEL",
    "iscsi": "ISCSI",
    "iser": "ISER",
    "lightos": "LIGHTOS",
    "nvmeof": "NVMEOF",
    "scaleio": "SCALEIO",
    "storpool": "STORPOOL",
}
_NETWORK = {"rbd"}
_SHARE = {"nfs"}


def volume_id(connection_info: Mapping[str, Any]) -> str:
    """Return the volume's id, which Nova keeps as the connection's serial."""
    return str(connection_info.get("serial") or connection_info.get("volume_id") or "unknown")


def refuse_unknown(connection_info: Mapping[str, Any]) -> None:
    """Refuse a volume that we cannot connect.

    :raises UnsupportedError: for a protocol outside the three kinds
    """
    kind = connection_info.get("driver_volume_type")
    if kind not in _NETWORK | _SHARE | set(_OS_BRICK):
        raise UnsupportedError(
            f"connect volume {volume_id(connection_info)}",
            f"its protocol {kind} is not supported.",
            "Detach the volume, or move the server with Nova.",
        )


class Volumes:
    """This host's side of Cinder's connections.

    :param conf: nova-compute's configuration on this host
    :param in_use: tells whether a guest other than ours uses a file below a path
    """

    def __init__(self, conf: NovaConf, in_use: Callable[[str], bool]) -> None:
        self._conf = conf
        self._in_use = in_use

    def connect(self, connection_info: Mapping[str, Any]) -> dict[str, Any]:
        """Connect one volume and return its connection_info with ``data.device_path`` as Nova stores it.

        :raises StackmoveError: when the host cannot reach it
        """
        refuse_unknown(connection_info)
        connected = {**connection_info, "data": dict(connection_info["data"])}
        kind = connection_info["driver_volume_type"]
        if kind in _SHARE:
            share = self._mount(connected["data"])
            connected["data"]["device_path"] = str(share / connected["data"]["name"])
        elif kind in _OS_BRICK:
            with self._os_brick_ready(f"connect volume {volume_id(connection_info)}"):
                device = self._os_brick(kind).connect_volume(connected["data"])
            connected["data"]["device_path"] = _plain(device["path"])
        return connected

    def disconnect(self, connection_info: Mapping[str, Any]) -> None:
        """Disconnect one volume; nothing happens when it is not connected."""
        refuse_unknown(connection_info)
        kind = connection_info["driver_volume_type"]
        data = dict(connection_info["data"])
        if kind in _SHARE:
            self._unmount(data)
        elif kind in _OS_BRICK:
            path = data.get("device_path")
            with self._os_brick_ready(f"disconnect volume {volume_id(connection_info)}"):
                self._os_brick(kind).disconnect_volume(data, {"path": path} if path else None)

    def connector(self) -> dict[str, Any]:
        """Return this host's connector for Cinder, as LibvirtDriver.get_volume_connector makes it."""
        with self._os_brick_ready("read this host's volume connector"):
            from os_brick.initiator import connector

            return connector.get_connector_properties(
                "",
                self._conf.text("DEFAULT", "my_block_storage_ip"),
                self._conf.flag("libvirt", "volume_use_multipath"),
                enforce_multipath=True,
                host=self._conf.text("DEFAULT", "host"),
            )

    @contextmanager
    def _os_brick_ready(self, what: str) -> Iterator[None]:
        from os_brick import privileged
        from os_brick.exception import BrickException
        from oslo_concurrency.processutils import ProcessExecutionError

        # Its calls run here, as root, and not in a privileged daemon that would outlive the module.
        privileged.default.set_client_mode(False)
        try:
            with shared_with_nova(self._conf):
                yield
        except (BrickException, ProcessExecutionError) as error:
            raise StackmoveError(
                what,
                f"os-brick says: {error}",
                "Check that this host reaches the storage, and that its initiator services run.",
            ) from error

    def _os_brick(self, kind: str) -> Any:
        from os_brick.initiator.connector import InitiatorConnector

        transport = {"transport": self._conf.text("libvirt", "iscsi_iface") or "default"}
        return InitiatorConnector.factory(
            _OS_BRICK[kind],
            "",
            use_multipath=self._conf.flag("libvirt", "volume_use_multipath"),
            device_scan_attempts=self._conf.number("libvirt", "num_volume_scan_tries"),
            **(transport if kind in {"iscsi", "iser"} else {}),
        )

    def _share_path(self, data: Mapping[str, Any]) -> Path:
        # LibvirtMountedFileSystemVolumeDriver: the mount point is named by the export's MD5.
        name = hashlib.md5(str(data["export"]).encode(), usedforsecurity=False).hexdigest()
        return Path(self._conf.text("libvirt", "nfs_mount_point_base")) / name

    def _mount(self, data: Mapping[str, Any]) -> Path:
        share = self._share_path(data)
        if not os.path.ismount(share):
            share.mkdir(parents=True, exist_ok=True)
            options = self._conf.text("libvirt", "nfs_mount_options")
            command = ["mount", "-t", "nfs", *(["-o", options] if options else [])]
            command += str(data.get("options") or "").split()
            run([*command, str(data["export"]), str(share)], f"mount {data['export']}")
        return share

    def _unmount(self, data: Mapping[str, Any]) -> None:
        share = self._share_path(data)
        if os.path.ismount(share) and not self._in_use(str(share)):
            run(["umount", str(share)], f"unmount {data['export']}")


def _plain(path: str | bytes) -> str:
    # os-brick gives bytes for encrypted volumes' links.
    return path.decode() if isinstance(path, bytes) else path
