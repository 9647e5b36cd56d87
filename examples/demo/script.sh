#!/bin/sh
# The user's script: it sees one input file and leaves results in one directory. Everything else is not its business.
set -eu

name=$(basename "$INPUT_FILE_PATH")
echo "converting $STORAGE_OBJECT_KEY, $(wc -c <"$INPUT_FILE_PATH") bytes"
pngtopnm "$INPUT_FILE_PATH" >/tmp/colour.pnm
ppmtopgm /tmp/colour.pnm >/tmp/gray.pgm
pnmtopng -compression "$COMPRESSION" /tmp/gray.pgm >"$TMP_OUTPUT_DIR/$name"
pamfile /tmp/colour.pnm /tmp/gray.pgm
