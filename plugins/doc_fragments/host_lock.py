# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """One module at a time works on a server on a host; the argument spec is LOCK_OPTIONS in _host/params.py."""

    DOCUMENTATION = r"""
options:
  lock_timeout_s:
    description:
      - Seconds to wait for another module that works on the same server on this host, as one does that a killed run
        has left. In check mode nobody waits.
    type: int
    default: 300
"""
