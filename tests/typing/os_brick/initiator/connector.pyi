# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# os-brick carries no annotations: here is the part of it that the collection uses.

from typing import Any, Protocol

class _Connector(Protocol):
    def connect_volume(self, connection_properties: dict[str, Any]) -> dict[str, Any]: ...
    def disconnect_volume(
        self,
        connection_properties: dict[str, Any],
        device_info: dict[str, Any] | None,
        force: bool = ...,
        ignore_errors: bool = ...,
    ) -> None: ...

class InitiatorConnector:
    @staticmethod
    def factory(
        protocol: str,
        root_helper: str | None,
        driver: Any = ...,
        use_multipath: bool = ...,
        device_scan_attempts: int = ...,
        arch: str | None = ...,
        *args: Any,
        **kwargs: Any,
    ) -> _Connector: ...

def get_connector_properties(
    root_helper: str | None,
    my_ip: str,
    multipath: bool,
    enforce_multipath: bool,
    host: str | None = ...,
    execute: Any = ...,
) -> dict[str, Any]: ...
