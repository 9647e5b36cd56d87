"""udocker, taught one thing: how Debian's libfakechroot is told which directories are the host's.

udocker 1.3.17 names a directory bound under its own path in FAKECHROOT_DIR_MAP, which only the library of its own
engine download understands. That download is not to be had where only package registries are reachable. Debian's
library knows the older FAKECHROOT_EXCLUDE_PATH, which udocker itself still uses for files; without this a bound
directory would silently be one inside the container, and outputs would be lost. Everything else is udocker as released.
"""

import sys

from udocker.engine.fakechroot import FakechrootEngine
from udocker.maincmd import main
from udocker.utils.uvolume import Uvolume

released = FakechrootEngine._get_volume_bindings


def volume_bindings(self):
    """Moves every directory bound under its own path from the map to the list of excluded paths."""
    excluded, mapped = released(self)
    same = [host for host, container in (Uvolume(volume).split() for volume in self.opt["vol"]) if host == container]
    moved = [entry for entry in mapped.split(":") if entry and entry.rsplit("!", 1)[1] in same]
    kept = [entry for entry in mapped.split(":") if entry and entry not in moved]
    paths = [path for path in excluded.split(":") if path] + [entry.rsplit("!", 1)[1] for entry in moved]
    return ":".join(paths), ":".join(kept)


FakechrootEngine._get_volume_bindings = volume_bindings

if __name__ == "__main__":
    sys.exit(main())
