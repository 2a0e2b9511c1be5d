# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# os-vif carries no annotations: here is the part of it that the collection uses.

from os_vif.objects.instance_info import InstanceInfo
from os_vif.objects.vif import VIFBase

def initialize(reset: bool = ...) -> None: ...
def plug(vif: VIFBase, instance_info: InstanceInfo) -> None: ...
def unplug(vif: VIFBase, instance_info: InstanceInfo) -> None: ...
