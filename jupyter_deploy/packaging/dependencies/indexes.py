"""Which package indexes the user's pip uses, for uv, which reads none of pip's settings.

Addresses may hold passwords: they go to uv by its environment, and nowhere else.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

#: uv's own settings of indexes: who set one of these has told uv already.
_UV = (
    "UV_CONFIG_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
)
_OPTIONS = (
    "cert",
    "client-cert",
    "extra-index-url",
    "find-links",
    "index-url",
    "keyring-provider",
    "no-index",
    "proxy",
    "trusted-host",
)


def uv_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment to run uv in."""
    # a deploy doesn't wait for an index that is not there
    environment = {"UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "5", **environ}
    for name in ("UV_PROJECT", "UV_WORKING_DIR", "UV_REQUIRE_HASHES"):
        environment.pop(name, None)
    if any(environ.get(name) for name in _UV):
        return environment
    pip = pip_options(environ)

    def words(option: str) -> list[str]:
        return pip.get(option, "").split()

    told = {
        "UV_INDEX_URL": pip.get("index-url", ""),
        "UV_EXTRA_INDEX_URL": " ".join(words("extra-index-url")),
        "UV_FIND_LINKS": ",".join(words("find-links")),
        "UV_INSECURE_HOST": " ".join(words("trusted-host")),
        "UV_NO_INDEX": "1" if _is_true(pip.get("no-index", "")) else "",
        "UV_KEYRING_PROVIDER": "subprocess" if words("keyring-provider") == ["subprocess"] else "",
        # pip takes the best of all indexes, uv the first that knows the name
        "UV_INDEX_STRATEGY": "unsafe-best-match" if words("extra-index-url") else "",
        "SSL_CERT_FILE": pip.get("cert", ""),
        "SSL_CLIENT_CERT": pip.get("client-cert", ""),
        "ALL_PROXY": pip.get("proxy", ""),
    }
    for name, value in told.items():
        if value and not environ.get(name):
            environment[name] = value
    return environment


def pip_options(environ: Mapping[str, str]) -> dict[str, str]:
    """Pip's settings about indexes, as ``pip install`` of this interpreter finds them."""
    found: dict[str, str] = {}
    for file in _files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update((k, v) for k, v in parser.items(section) if k in _OPTIONS)
    for option in _OPTIONS:
        value = environ.get(f"PIP_{option.upper().replace('-', '_')}")
        if value:
            found[option] = value
    return found


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Pip's configuration files, the ones that win last."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    home = Path(environ.get("HOME") or "~").expanduser()
    for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep):
        yield Path(folder, "pip", "pip.conf")
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(sys.prefix, "pip.conf")
    if named:
        yield Path(named)


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "y", "t", "on")
