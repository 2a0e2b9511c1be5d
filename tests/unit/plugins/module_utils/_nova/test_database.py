# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._nova.database import DatabaseUrl, resolve_template

MAIN = "mysql+pymysql://nova:p%40ss%2Fword@db.example.org:3307/nova_cell0?charset=utf8&ssl_ca=/etc/ca.pem#x"


def test_a_url_is_taken_apart_and_its_password_decoded() -> None:
    url = DatabaseUrl.parse(MAIN)
    assert (url.username, url.password, url.hostname, url.port) == ("nova", "p@ss/word", "db.example.org", 3307)
    assert (url.scheme, url.database, url.query) == ("mysql+pymysql", "nova_cell0", "charset=utf8&ssl_ca=/etc/ca.pem")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("mysql://nova@db/nova", "db", 3306),
        ("mariadb+mariadbconnector://nova:x@[2001:db8::1]:3308/nova", "2001:db8::1", 3308),
    ],
)
def test_other_dialects_ports_and_addresses(url: str, host: str, port: int) -> None:
    found = DatabaseUrl.parse(url)
    assert (found.hostname, found.port, found.database) == (host, port, "nova")


@pytest.mark.parametrize("url", ["", "postgresql://nova:s3cret@db/nova", "sqlite:////s3cret.db", "mysql:///s3cret"])
def test_what_is_not_a_url_of_mysql_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StackmoveError, match="is not a MySQL or MariaDB URL") as caught:
        DatabaseUrl.parse(url)
    assert "s3cret" not in str(caught.value)


def test_a_url_never_shows_its_password() -> None:
    assert "p@ss" not in repr(DatabaseUrl.parse(MAIN))


def test_no_tls_without_an_authority() -> None:
    assert DatabaseUrl.parse("mysql://nova:x@db/nova?charset=utf8").tls() == {}


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("mysql://nova:x@db/nova_cell1", "mysql://nova:x@db/nova_cell1"),
        (
            "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell2?{query}",
            "mysql+pymysql://nova:p%40ss%2Fword@db.example.org:3307/nova_cell2?charset=utf8&ssl_ca=/etc/ca.pem",
        ),
        ("mysql://{netloc}/{path}#{fragment}", "mysql://nova:p%40ss%2Fword@db.example.org:3307/nova_cell0#x"),
    ],
)
def test_templates_are_filled_as_nova_does_it(template: str, url: str) -> None:
    assert resolve_template(template, MAIN) == url


def test_the_password_survives_the_template() -> None:
    filled = resolve_template("{scheme}://{username}:{password}@{hostname}/nova_cell2", MAIN)
    assert DatabaseUrl.parse(filled).password == "p@ss/word"


@pytest.mark.parametrize("main", [None, ""])
def test_a_template_without_anything_to_fill_it(main: str | None) -> None:
    with pytest.raises(StackmoveError, match="Set the option main_database"):
        resolve_template("{scheme}://{username}@x/y", main)


@pytest.mark.parametrize("template", ["{scheme}://{user}@x/y", "{}://x/y"])
def test_a_template_with_an_unknown_field(template: str) -> None:
    with pytest.raises(StackmoveError, match="is not one that Nova knows"):
        resolve_template(template, MAIN)
