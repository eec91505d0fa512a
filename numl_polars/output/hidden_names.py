"""Hidden names beside a target, which tell what a program that was killed has left."""

import os
import re
import secrets
from functools import cache
from hashlib import blake2s
from pathlib import Path

_OWNED = re.compile(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part")


def hidden_name(target: Path, kind: str) -> Path:
    """A name in the folder of `target` that nobody else has, and that says which process has made it up."""
    # ranks on two machines may have one process number in one shared folder, so the number is not enough
    owner = f"{_machine() or 'unknown'}-{os.getpid()}-{secrets.token_hex(4)}"
    return target.with_name(f".{target.name}.{owner}.{kind}")


def is_abandoned(path: Path) -> bool:
    """Whether a file has the hidden name of an unfinished one, and the process that wrote it has ended.

    Of names that other machines have made up, or this one before it was started anew, nobody can say.
    """
    found = _OWNED.search(path.name)
    return found is not None and found[1] == _machine() and not _is_running(int(found[2]))


@cache
def _machine() -> str | None:
    """What processes have in common that know each other by number; None where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return None
    return blake2s(f"{boot} {namespace}".encode(), digest_size=4).hexdigest()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        # of another user
        return True
    return True
