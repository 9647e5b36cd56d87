//! The environment variables that the platform sets for a function on a runtime of the `provided` kind. `HOME`, `TMPDIR`,
//! `USER` and `SHELL` are not among them.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Names and values.
const VARIABLES: [(&str, &str); 20] = [
    ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("AWS_LAMBDA_FUNCTION_NAME", "test-function"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/test-function"),
    (
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "2026/03/01/[$LATEST]0123456789abcdef",
    ),
    ("AWS_REGION", "us-east-1"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_SESSION_TOKEN", "token"),
    ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000"),
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ("LAMBDA_TASK_ROOT", "/var/task"),
    ("LANG", "en_US.UTF-8"),
    (
        "LD_LIBRARY_PATH",
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    ),
    ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
    ("TZ", ":UTC"),
    ("_HANDLER", "function.handler"),
];

/// All of them.
pub(crate) fn variables() -> BTreeMap<String, OsString> {
    let pairs = VARIABLES.into_iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}
