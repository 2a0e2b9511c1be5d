# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

class ConfigOpts:
    def __call__(self, args: list[str] = ..., default_config_files: list[str] = ...) -> None: ...
    def __contains__(self, name: str) -> bool: ...
    def set_override(self, name: str, override: object, group: str | None = ...) -> None: ...

CONF: ConfigOpts
