# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nova-compute on this host was told: the part of ``nova.conf`` that a move has to follow."""

from __future__ import annotations

import configparser
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import NotFoundError

DEFAULT_FILES = ("/etc/nova/nova.conf", "/etc/nova/nova-compute.conf")

# The options we follow, with Nova's own defaults (nova/conf/*.py as of release 26). Only state_path differs:
# Nova's default is the folder of its Python package, which every distribution overrides with this one.
_DEFAULTS: dict[str, dict[str, str]] = {
    "DEFAULT": {
        "force_raw_images": "true",
        "instance_name_template": "instance-%08x",
        "instances_path": "$state_path/instances",
        "my_block_storage_ip": "$my_ip",
        "shutdown_timeout": "60",
        "state_path": "/var/lib/nova",
        "use_cow_images": "true",
    },
    "compute": {"cpu_shared_set": "", "shutdown_retry_interval": "10"},
    "image_cache": {"subdirectory_name": "_base"},
    "libvirt": {
        "images_type": "default",
        "iscsi_iface": "default",
        "live_migration_bandwidth": "0",
        "live_migration_completion_timeout": "800",
        "live_migration_downtime": "500",
        "live_migration_downtime_delay": "75",
        "live_migration_downtime_steps": "10",
        "live_migration_inbound_addr": "",
        "live_migration_parallel_connections": "1",
        "live_migration_permit_auto_converge": "false",
        "live_migration_permit_post_copy": "false",
        "live_migration_scheme": "",
        "live_migration_timeout_action": "abort",
        "live_migration_uri": "",
        "live_migration_with_native_tls": "false",
        "nfs_mount_options": "",
        "nfs_mount_point_base": "$state_path/mnt",
        "num_volume_scan_tries": "5",
        "rbd_secret_uuid": "",
        "rbd_user": "",
        "virt_type": "kvm",
        "volume_use_multipath": "false",
    },
    "oslo_concurrency": {"lock_path": "$state_path/tmp"},
    "serial_console": {
        "enabled": "false",
        "port_range": "10000:20000",
        "proxyclient_address": "127.0.0.1",
    },
    "spice": {"server_listen": "127.0.0.1"},
    "vnc": {"server_listen": "127.0.0.1"},
}

# Section that configparser would mix into every other one; oslo.config's DEFAULT is an ordinary section.
_NO_SECTION = "\0"

_REFERENCE = re.compile(r"\$(?:\$|\{(?P<braced>[\w.]+)\}|(?P<plain>\w+(?:\.\w+)?))")
_TRUE = {"1", "on", "true", "yes"}


class NovaConf:
    """One host's configuration, as oslo.config would read it.

    :param sections: section → option → raw text
    :param hostname: the host's own name, Nova's default for ``[DEFAULT] host``
    :param address: the host's own address, Nova's default for ``[DEFAULT] my_ip``
    """

    def __init__(self, sections: Mapping[str, Mapping[str, str]], hostname: str, address: str) -> None:
        self._values = {name: dict(options) for name, options in _DEFAULTS.items()}
        self._values["DEFAULT"].update({"host": hostname, "my_ip": address})
        for name, options in sections.items():
            self._values.setdefault(name, {}).update(options)

    def text(self, section: str, option: str) -> str:
        """Return an option's value with ``$other_option`` filled in; empty when it is not set."""
        return self._expand(self._values.get(section, {}).get(option, ""), section, 0)

    def number(self, section: str, option: str) -> int:
        """Return an option's value as an integer."""
        return int(self.text(section, option))

    def flag(self, section: str, option: str) -> bool:
        """Return an option's value as a boolean."""
        return self.text(section, option).lower() in _TRUE

    @property
    def instances_path(self) -> Path:
        """Folder that holds one folder for each server of this host."""
        return Path(self.text("DEFAULT", "instances_path"))

    @property
    def base_path(self) -> Path:
        """Folder of the cached base images."""
        return self.instances_path / self.text("image_cache", "subdirectory_name")

    @property
    def images_type(self) -> str:
        """Where root disks live; ``default`` is resolved as nova.virt.libvirt.imagebackend does."""
        kind = self.text("libvirt", "images_type")
        if kind != "default":
            return kind
        return "qcow2" if self.flag("DEFAULT", "use_cow_images") else "raw"

    def summary(self) -> dict[str, Any]:
        """Return what a move needs to know of this host's nova-compute, without any secret."""
        text = self.text
        return {
            "host": text("DEFAULT", "host"),
            "instances_path": str(self.instances_path),
            "images_type": self.images_type,
            "virt_type": text("libvirt", "virt_type"),
            "cpu_shared_set": text("compute", "cpu_shared_set"),
            "instance_name_template": text("DEFAULT", "instance_name_template"),
            "rbd_user": text("libvirt", "rbd_user"),
            "rbd_secret_uuid": text("libvirt", "rbd_secret_uuid"),
            "vnc_server_listen": text("vnc", "server_listen"),
            "spice_server_listen": text("spice", "server_listen"),
            "serial_console_enabled": self.flag("serial_console", "enabled"),
            "serial_console_address": text("serial_console", "proxyclient_address"),
            "serial_console_port_range": text("serial_console", "port_range"),
            "live_migration": self._live_migration(),
            "shutdown_timeout_s": self.number("DEFAULT", "shutdown_timeout"),
        }

    def _live_migration(self) -> dict[str, Any]:
        """Return the options of a live migration, by the names that the module domain_live_migration has for them.

        ``uri`` has ``%s`` for the destination (``LibvirtDriver._live_migration_uri``).
        """

        def option(name: str) -> str:
            return self.text("libvirt", f"live_migration_{name}")

        return {
            "uri": option("uri") or f"qemu+{option('scheme') or 'tcp'}://%s/system",
            "inbound_address": option("inbound_addr"),
            "native_tls": self.flag("libvirt", "live_migration_with_native_tls"),
            "bandwidth_mib": int(option("bandwidth")),
            "downtime_ms": int(option("downtime")),
            "downtime_steps": int(option("downtime_steps")),
            "downtime_delay_s": int(option("downtime_delay")),
            "completion_timeout_s": int(option("completion_timeout")),
            "timeout_action": option("timeout_action"),
            "post_copy": self.flag("libvirt", "live_migration_permit_post_copy"),
            "auto_converge": self.flag("libvirt", "live_migration_permit_auto_converge"),
            "parallel_connections": int(option("parallel_connections")),
        }

    def _expand(self, value: str, section: str, depth: int) -> str:
        if depth > 10:  # a circle of references; oslo.config gives up as well
            return value

        def fill(match: re.Match[str]) -> str:
            name = match["braced"] or match["plain"]
            if name is None:
                return "$"
            group, _dot, option = name.rpartition(".")
            for place in (group,) if group else (section, "DEFAULT"):
                if option in self._values.get(place, {}):
                    return self._expand(self._values[place][option], place, depth + 1)
            return match[0]

        return _REFERENCE.sub(fill, value)


def parse(texts: Iterable[str], hostname: str, address: str) -> NovaConf:
    """Read configuration files' contents, later ones over earlier ones, as oslo.config does."""
    sections: dict[str, dict[str, str]] = {}
    for text in texts:
        parser = configparser.RawConfigParser(
            strict=False,
            allow_no_value=True,
            default_section=_NO_SECTION,
            inline_comment_prefixes=None,
        )
        parser.read_string(text)
        for name in parser.sections():
            values = {key: value.strip() for key, value in parser.items(name) if value is not None}
            sections.setdefault(name, {}).update(values)
    return NovaConf(sections, hostname, address)


def read(files: Iterable[str]) -> NovaConf:
    """Read this host's configuration; files that don't exist are left out.

    :raises NotFoundError: when none of the files exists
    """
    present = [Path(name) for name in files if Path(name).is_file()]
    if not present:
        raise NotFoundError(
            f"read Nova's configuration on {socket.gethostname()}",
            f"none of {', '.join(files)} exists.",
            "Name the files that nova-compute is started with in nova_conf (for playbooks: stackmove_nova_conf).",
        )
    texts = [path.read_text(encoding="utf-8") for path in present]
    return parse(texts, socket.gethostname(), own_address())


def own_address() -> str:
    """Return the address of the interface with the default route, else 127.0.0.1.

    As oslo_utils.netutils.get_my_ipv4 does, which is Nova's default for ``my_ip``.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a datagram socket: nothing is sent
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
