#!/bin/sh
. /etc/os-release
echo "hello from $PRETTY_NAME to $(cat "$INPUT_FILE_PATH")"
