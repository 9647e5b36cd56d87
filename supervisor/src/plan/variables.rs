//! The container's environment, in order of precedence:
//!
//! 1. the supervisor's own (`RESERVED`); a configured variable of such a name is left out even where ours is absent,
//!    because absence means something (`INPUT_FILE_PATH` without an input);
//! 2. variables of the command line;
//! 3. configured container variables;
//! 4. the function's region and credentials. The three credential variables belong together: when one of them is set
//!    above, none of the function's is added, since a foreign session token would spoil the configured pair;
//! 5. variables derived from the event (`CONT_VAR_<name>`), for requests with query parameters.

use std::collections::HashSet;

use serde::de::IgnoredAny;

use super::context::{FunctionCredentials, InvocationContext};
use crate::event::{Input, Record, SharedText};
use config::{AwsCredentials, FunctionConfig};
use container::Variable;

/// Longest event that is passed as the variable `EVENT`, in bytes. Linux refuses a single environment string of
/// 128 KiB (`MAX_ARG_STRLEN`, execve(2)); the rest is left for what engines put around it.
pub const EVENT_LIMIT: usize = 96 * 1024;

/// The names that are always the supervisor's.
pub const RESERVED: &[&str] = &[
    "TMP_INPUT_DIR",
    "TMP_OUTPUT_DIR",
    "INPUT_FILE_PATH",
    "STORAGE_OBJECT_KEY",
    "EVENT_TIME",
    "EVENT",
    "EVENT_FILE",
    "REQUEST_ID",
    "AWS_LAMBDA_REQUEST_ID",
    "INSTANCE_IP",
    "EXTRA_PAYLOAD",
];

const CREDENTIALS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// Every variable that does not name a path.
pub(super) fn collect(
    record: &Record,
    config: &FunctionConfig,
    ctx: &InvocationContext,
) -> Vec<Variable> {
    let mut variables = VariableList::default();
    variables.add_own(own(record, config, ctx));
    let command_line = ctx
        .extra_variables
        .iter()
        .rev()
        .map(|(name, value)| Variable::foreign(name, value));
    let configured = config
        .container
        .variables
        .iter()
        .map(|(name, value)| Variable::foreign(name, value));
    variables.add(command_line.chain(configured));
    if let Some(credentials) = credentials(config, ctx) {
        variables.add_credentials(credentials);
    }
    variables.add(record.parameters.iter().filter_map(parameter));
    variables.list
}

/// The function's credentials, unless the configuration withholds them.
fn credentials<'a>(
    config: &FunctionConfig,
    ctx: &'a InvocationContext,
) -> Option<&'a FunctionCredentials> {
    match config.container.aws_credentials {
        AwsCredentials::Pass => ctx.credentials.as_ref(),
        AwsCredentials::Withhold => None,
    }
}

/// The variable of a query parameter. A parameter whose name no shell could say after `CONT_VAR_`, or whose value no
/// environment can hold, gets none; the whole request is in the event.
fn parameter((name, value): &(String, String)) -> Option<Variable> {
    let speakable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let reason = if name.is_empty() || !name.bytes().all(speakable) {
        "its name is not made of letters, digits and underscores"
    } else if value.contains('\0') || value.len() > EVENT_LIMIT {
        "its value holds a NUL or is too long"
    } else {
        return Some(Variable::foreign(&format!("CONT_VAR_{name}"), value));
    };
    tracing::debug!("query parameter {name:?} is left out: {reason}");
    None
}

fn own(record: &Record, config: &FunctionConfig, ctx: &InvocationContext) -> Vec<Variable> {
    let mut own = Vec::new();
    if let Input::Object(object) = &record.input {
        own.push(Variable::plain("STORAGE_OBJECT_KEY", object.key.as_str()));
    }
    own.extend(
        record
            .event_time
            .as_ref()
            .map(|time| Variable::plain("EVENT_TIME", time)),
    );
    own.extend(one_line(&record.raw).map(|event| Variable::secret("EVENT", event)));
    own.push(Variable::plain("REQUEST_ID", &ctx.request_id));
    own.push(Variable::plain("AWS_LAMBDA_REQUEST_ID", &ctx.request_id));
    own.push(Variable::plain("INSTANCE_IP", &ctx.instance_ip));
    own.extend(
        config
            .extra_payload
            .as_ref()
            .map(|path| Variable::plain("EXTRA_PAYLOAD", path)),
    );
    own
}

/// The event as one line of at most [`EVENT_LIMIT`] bytes; `None` when it cannot be that. Line breaks of JSON are white
/// space, which may be spaces as well; a text that is not JSON and has line breaks stays in its file.
fn one_line(event: &SharedText) -> Option<String> {
    if event.len() > EVENT_LIMIT {
        return None;
    }
    let event = event.as_str();
    if event.contains('\0') {
        return None;
    }
    if !event.contains(['\n', '\r']) {
        return Some(event.to_owned());
    }
    // Inside strings JSON has no raw line breaks (RFC 8259, section 7): all of them are white space.
    let is_json = serde_json::from_str::<IgnoredAny>(event).is_ok();
    is_json.then(|| event.replace(['\n', '\r'], " "))
}

/// Variables without a name twice: the first one added wins.
#[derive(Default)]
struct VariableList {
    list: Vec<Variable>,
    names: HashSet<String>,
}

impl VariableList {
    fn add_own(&mut self, own: Vec<Variable>) {
        self.names
            .extend(RESERVED.iter().map(|name| (*name).to_owned()));
        self.list.extend(own);
    }

    fn add(&mut self, variables: impl Iterator<Item = Variable>) {
        for variable in variables {
            if self.names.insert(variable.name.clone()) {
                self.list.push(variable);
            }
        }
    }

    fn add_credentials(&mut self, function: &FunctionCredentials) {
        if !CREDENTIALS.iter().any(|name| self.names.contains(*name)) {
            let pair = [&function.access_key_id, &function.secret_access_key];
            let values = pair.into_iter().chain(function.session_token.as_ref());
            self.add(
                CREDENTIALS
                    .iter()
                    .zip(values)
                    .map(|(name, value)| Variable::secret(name, value.expose())),
            );
        }
        self.add(
            function
                .region
                .iter()
                .map(|region| Variable::plain("AWS_REGION", region)),
        );
    }
}
