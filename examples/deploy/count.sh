#!/bin/sh
wc -w < "$INPUT_FILE_PATH"
