#!/bin/sh
# Compresses a log, keeping its folder, and writes down its errors if there are any.
set -eu

folder=$(dirname "$STORAGE_OBJECT_KEY")
mkdir -p "$TMP_OUTPUT_DIR/$folder"
gzip -c "$INPUT_FILE_PATH" >"$TMP_OUTPUT_DIR/$STORAGE_OBJECT_KEY.gz"
if grep ERROR "$INPUT_FILE_PATH" >/tmp/errors; then
  cp /tmp/errors "$TMP_OUTPUT_DIR/alert-$folder.txt"
fi
echo "$STORAGE_OBJECT_KEY came as $(basename "$INPUT_FILE_PATH"): $(wc -l <"$INPUT_FILE_PATH") lines"
