#!/usr/bin/env python3
"""Starts the udocker that is in this layer, with the engines that are in this layer.

The layer is read-only and every start of udocker counts, so compiled modules are kept beside udocker's store. Nothing is
ever downloaded unasked: the engines are here, and UDOCKER_TARBALL, where it is not set, is set to nothing.
"""

import os
import sys

here = os.path.dirname(os.path.realpath(__file__))
# First, because this file's own directory comes first otherwise, where `udocker` would be this file.
sys.path.insert(0, os.path.join(here, "site-packages"))
os.environ.setdefault("UDOCKER_BIN", os.path.join(here, "bin") + "/")
os.environ.setdefault("UDOCKER_LIB", os.path.join(here, "lib") + "/")
os.environ.setdefault("UDOCKER_TARBALL", "")
if os.environ.get("UDOCKER_DIR"):
    # By version: every file of a layer has the same date, which is what Python knows changed files by.
    sys.pycache_prefix = os.path.join(os.environ["UDOCKER_DIR"], "pycache-@UDOCKER_VERSION@")

from udocker.maincmd import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
