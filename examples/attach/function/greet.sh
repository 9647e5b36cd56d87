#!/bin/sh
# Not every image says what it is.
[ ! -r /etc/os-release ] || . /etc/os-release
echo "hello from ${PRETTY_NAME:-an image} to $(cat "$INPUT_FILE_PATH")"
