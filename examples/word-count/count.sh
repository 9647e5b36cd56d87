#!/bin/sh
# One text in, one file of counts out.
set -eu

name=$(basename "$INPUT_FILE_PATH" .txt)
tr -cs 'A-Za-z' '\n' <"$INPUT_FILE_PATH" | tr 'A-Z' 'a-z' | sort | uniq -c | sort -k1,1nr -k2 >"$TMP_OUTPUT_DIR/$name.count"
echo "$STORAGE_OBJECT_KEY: $(wc -w <"$INPUT_FILE_PATH") words, most frequent:"
head -n "$MOST_FREQUENT" "$TMP_OUTPUT_DIR/$name.count"
