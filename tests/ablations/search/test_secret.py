"""Passwords of storages' URLs are never shown."""

import pytest
from sqlalchemy.exc import OperationalError

from ablations.search.secret import shown, without_secrets
from ablations.search.storage import one_line_errors, open_study
from tests.ablations.search.test_storage import made

HIDDEN = {
    "mysql://bob:hunter2@host/db": "mysql://bob:***@host/db",
    "postgresql+psycopg2://bob:hunter2@host:5432/db?sslmode=require": (
        "postgresql+psycopg2://bob:***@host:5432/db?sslmode=require"
    ),
    "mysql://bob:hunter2/a@b@host/db": "mysql://bob:***@host/db",
    "mysql://:hunter2@host": "mysql://:***@host",
    "sqlite:///a.db?password=hunter2&x=1": "sqlite:///a.db?password=***&x=1",
    "redis://host/0?ssl_key=hunter2": "redis://host/0?ssl_key=***",
}
OPEN = ["sqlite:///a@b:c/x.db", "sqlite:////no/such/folder/x.db", "mysql://bob@host/db", "nonsense", "/runs/a/journal"]


@pytest.mark.parametrize("url", HIDDEN)
def test_a_password_is_hidden(url):
    assert shown(url) == HIDDEN[url]
    assert "hunter2" not in without_secrets(f"could not parse {url}", url)


@pytest.mark.parametrize("url", OPEN)
def test_what_has_no_password_stays(url):
    assert shown(url) == url
    assert without_secrets(f"at {url}", url) == f"at {url}"


def test_a_password_is_hidden_where_it_is_quoted():
    assert without_secrets("no access with hunter@2", "mysql://bob:hunter%402@host/db") == "no access with ***"


@pytest.mark.parametrize("url", [*HIDDEN, "mysql://bob:hunter2@host:port/db", "none://bob:hunter2@host/db"])
def test_a_storage_that_can_not_be_used_is_named_without_it(tmp_path, url):
    with pytest.raises(ValueError, match="storage .* can't be used: ") as error:
        open_study(made(), tmp_path, url.replace("a.db", "no/such/folder/a.db"))
    assert "hunter2" not in str(error.value)


def test_a_storage_that_is_lost_is_named_without_it(tmp_path):
    url = "mysql://bob:hunter2@host/db"
    lost = OperationalError("SELECT 1", {}, ConnectionError("hunter2 refused\nat line 3"))
    match = r"storage mysql://bob:\*\*\*@host/db was lost: "
    with pytest.raises(ValueError, match=match) as error, one_line_errors(tmp_path, url):
        raise lost
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)
