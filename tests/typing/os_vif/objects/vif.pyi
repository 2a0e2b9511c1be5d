# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from os_vif.objects.network import Network

class VIFPortProfileBase:
    def __init__(self, **fields: object) -> None: ...

class VIFPortProfileOpenVSwitch(VIFPortProfileBase): ...

class VIFBase:
    def __init__(
        self,
        *,
        id: str,
        address: str,
        network: Network,
        plugin: str,
        vif_name: str = ...,
        bridge_name: str = ...,
        port_profile: VIFPortProfileBase = ...,
        **fields: object,
    ) -> None: ...

class VIFBridge(VIFBase): ...
class VIFOpenVSwitch(VIFBase): ...
class VIFGeneric(VIFBase): ...
