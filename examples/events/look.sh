# Says what arrived, and passes the input on.
echo "key: ${STORAGE_OBJECT_KEY:-none}, time: ${EVENT_TIME:-unknown}, width: ${CONT_VAR_width:-none}"
if [ -n "${INPUT_FILE_PATH:-}" ]; then
    cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"
    echo "input: $(wc -c < "$INPUT_FILE_PATH") bytes"
fi
