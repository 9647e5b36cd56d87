echo "hello from $(uname -s), request $REQUEST_ID"
echo "the event is in $EVENT_FILE, $(wc -c <"$EVENT_FILE") bytes"
echo "$GREETING" >"$TMP_OUTPUT_DIR/greeting.txt"
