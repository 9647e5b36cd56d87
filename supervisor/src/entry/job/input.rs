//! The inputs of a job: variables, mounted files and standard input.

use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;

use crate::{
    entry::{
        local::{event_of_standard_input, request_id},
        setup,
    },
    plan::{InvocationContext, LocalStore},
};
use environment::{self as names, Environment};

/// The event: the variable, byte for byte, else standard input.
pub(super) fn event(environment: &Environment) -> anyhow::Result<Vec<u8>> {
    if let Some(event) = environment.get_os(names::EVENT).filter(|e| !e.is_empty()) {
        return Ok(event.as_encoded_bytes().to_vec());
    }
    if io::stdin().is_terminal() {
        return Ok(Vec::new());
    }
    event_of_standard_input()
}

/// The script for events without one, as a file: that of the variable, else the mounted one. `None` means that of the
/// configuration.
pub(super) fn script(environment: &Environment, scratch: &Path) -> anyhow::Result<Option<PathBuf>> {
    if let Some(encoded) = environment.get(names::SCRIPT) {
        let script = setup::decoded(encoded).context(
            "environment variable SCRIPT: found something else, expected base64 of a script",
        )?;
        let path = scratch.join("script.sh");
        fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(Some(path));
    }
    let mounted = PathBuf::from(names::JOB_SCRIPT_FILE);
    Ok(mounted.is_file().then_some(mounted))
}

/// The context: that of the invocation that delegated the job, else the job's own.
pub(super) fn context(environment: &Environment) -> InvocationContext {
    let context = environment.get(names::CONTEXT).unwrap_or_default();
    let delegated: Value = serde_json::from_str(context).unwrap_or_default();
    let told = |name: &str| delegated[name].as_str().map(str::to_owned);
    let id = environment
        .text(names::AWS_LAMBDA_REQUEST_ID)
        .or_else(|| told("aws_request_id"))
        .or_else(|| environment.text(names::AWS_BATCH_JOB_ID));
    InvocationContext {
        request_id: id.unwrap_or_else(request_id),
        instance_ip: setup::instance_ip(),
        function_name: told("function_name"),
        log_group: told("log_group_name"),
        log_stream: told("log_stream_name"),
        credentials: setup::credentials(environment),
        local_store: LocalStore::Absent,
        extra_variables: Vec::new(),
    }
}
