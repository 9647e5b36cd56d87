#!/bin/sh
convert "$INPUT_FILE_PATH" -colorspace Gray "$TMP_OUTPUT_DIR/$(basename "$INPUT_FILE_PATH")"
