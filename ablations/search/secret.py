"""Hide the passwords in URLs of storages."""

import re
from urllib.parse import unquote

HIDDEN = "***"
QUERIED = re.compile(r"([?&;][^=&;]*(?:pass|pwd|token|secret|key)[^=&;]*=)([^&;]+)", re.IGNORECASE)


def shown(url: str) -> str:
    """A URL with `***` for its passwords.

    They stand after the user's name, and in queries such as ?password=.
    """
    for secret in _passwords(url):
        url = url.replace(f":{secret}@", f":{HIDDEN}@")
    return QUERIED.sub(rf"\1{HIDDEN}", url)


def without_secrets(text: str, url: str) -> str:
    """The text of an error about a URL, without the URL's passwords, whether encoded or not."""
    text = text.replace(url, shown(url))
    secrets = {*_passwords(url), *(match[2] for match in QUERIED.finditer(url))}
    for secret in sorted(secrets | set(map(unquote, secrets)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _passwords(url: str) -> list[str]:
    """What stands between the user's name and the last @ before the query.

    It may contain / and @.
    """
    _, _, rest = url.partition("://")
    user, at, _ = rest.partition("?")[0].rpartition("@")
    name, colon, secret = user.partition(":")
    return [secret] if at and colon and secret and "/" not in name else []
