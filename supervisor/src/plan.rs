//! The plan: what an event and a configuration ask for, decided before anything is done. Pure.
//!
//! [`plan`] turns each record of the event into one [`RunPlan`] (input, entry, variables) and each `output` of the
//! configuration into one [`OutputTarget`]. Everything after this module only carries it out.

mod names;
mod output;
mod variables;

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::event::{Event, Input, ObjectRef, Record, Source};
use config::{AwsCredentials, FunctionConfig, Secret, StageIn};
use container::{ContainerCommand, Variable};

pub use names::{MAX_NAME_BYTES, SafeName, SafeNames};
pub use output::{OutputKeyError, OutputTarget};
pub use variables::{EVENT_LIMIT, RESERVED};

/// What the place of the invocation adds to the event and the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InvocationContext {
    /// Id of the invocation.
    pub request_id: String,
    /// Address of the instance that runs it.
    pub instance_ip: String,
    /// Name of the function, in Lambda.
    pub function_name: Option<String>,
    /// Log group of the function, in Lambda.
    pub log_group: Option<String>,
    /// Log stream of the instance, in Lambda.
    pub log_stream: Option<String>,
    /// The function's own credentials.
    pub credentials: Option<FunctionCredentials>,
    /// Whether a directory stands in for every store.
    pub local_store: LocalStore,
    /// Variables of the command line; they win over configured ones.
    pub extra_variables: Vec<(String, String)>,
}

/// Whether a directory stands in for every store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalStore {
    /// No: each provider is what it says.
    #[default]
    Absent,
    /// Yes.
    Present,
}

/// The function's own credentials, as the container gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCredentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Secret,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Secret,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
    /// `AWS_REGION`.
    pub region: Option<String>,
}

/// Everything an invocation is going to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One run of the container per record, in the event's order.
    pub runs: Vec<RunPlan>,
    /// Where the outputs of every run go.
    pub outputs: Vec<OutputTarget>,
}

/// One run of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPlan {
    /// The input file.
    pub input: PlannedInput,
    /// What is started in the container.
    pub entry: Entry,
    /// The container's variables but for those that name paths; see [`RunPlan::environment`].
    pub variables: Vec<Variable>,
    /// The event, for the file named by `EVENT_FILE`.
    pub event_json: String,
    /// What is being processed, for logs: `s3://bucket/key`, `message <id>`, `http` or `direct`.
    pub label: String,
    /// The message or task it belongs to, a position in [`Event::items`].
    pub item: Option<usize>,
    /// What the event came in.
    pub carrier: Carrier,
}

/// What an event came in. It decides what the event is taken for: a message that looks like a request is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// Nothing.
    Alone,
    /// A message of a queue, a topic or a bus: all may carry the same.
    Message {
        /// When the event happened, if anything said so.
        time: Option<String>,
    },
}

/// The input file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedInput {
    /// There is none.
    None,
    /// An object to download.
    Object {
        /// The object.
        object: ObjectRef,
        /// The file's name in the input directory.
        file_name: SafeName,
    },
    /// Bytes to write.
    Payload {
        /// The file's content.
        bytes: Vec<u8>,
        /// The file's name in the input directory.
        file_name: SafeName,
    },
}

/// What is started in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// `/bin/sh` with this script, which came with the event.
    Script(Vec<u8>),
    /// `/bin/sh` with this script of the configuration.
    InitScript(PathBuf),
    /// The image's entrypoint with these arguments.
    Arguments(Vec<String>),
    /// The image's own command.
    ImageDefault,
}

impl Entry {
    /// What runs, with the event's or the configuration's script at `script`.
    pub fn command(&self, script: &Path) -> ContainerCommand {
        match self {
            Self::Script(_) | Self::InitScript(_) => ContainerCommand::Script(script.into()),
            Self::Arguments(arguments) => ContainerCommand::Arguments(arguments.clone()),
            Self::ImageDefault => ContainerCommand::ImageDefault,
        }
    }
}

/// Paths that only exist once the invocation's directories do, as the container sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paths<'a> {
    /// `TMP_INPUT_DIR`.
    pub input_dir: &'a Path,
    /// `TMP_OUTPUT_DIR`.
    pub output_dir: &'a Path,
    /// `INPUT_FILE_PATH`.
    pub input_file: Option<&'a Path>,
    /// `EVENT_FILE`.
    pub event_file: &'a Path,
}

/// An event and a configuration that cannot be brought together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// An output's path names no bucket.
    #[error("output[{index}].path: found {path:?}, expected bucket or bucket/folder")]
    OutputPath {
        /// Position in `output`.
        index: usize,
        /// The path.
        path: String,
    },
}

/// Decides what the event and the configuration ask for.
///
/// # Errors
/// [`PlanError`] when an output cannot be resolved.
pub fn plan(
    event: &Event,
    config: &FunctionConfig,
    ctx: &InvocationContext,
) -> Result<Plan, PlanError> {
    let outputs = config.output.iter().enumerate().map(|(index, rule)| {
        OutputTarget::of(rule, config).ok_or_else(|| PlanError::OutputPath {
            index,
            path: rule.path.clone(),
        })
    });
    let outputs = outputs.collect::<Result<_, _>>()?;
    let mut names = SafeNames::default();
    let runs = event
        .records
        .iter()
        .map(|record| RunPlan {
            input: plan_input(&record.input, config.stage_in, &mut names),
            entry: plan_entry(record, config),
            variables: variables::collect(record, config, ctx),
            event_json: record.raw.clone(),
            label: label(record, event),
            item: record.item,
            carrier: match event.source {
                Source::Queue | Source::Notification => Carrier::Message {
                    time: record.event_time.clone(),
                },
                _ => Carrier::Alone,
            },
        })
        .collect();
    Ok(Plan { runs, outputs })
}

fn label(record: &Record, event: &Event) -> String {
    let item = record.item.and_then(|position| event.items.get(position));
    match (&record.input, item, &event.source) {
        (Input::Object(object), _, _) => object.url(),
        (_, Some(item), _) => format!("message {}", item.id),
        (_, None, Source::Http(_)) => "http".to_owned(),
        (_, None, _) => "direct".to_owned(),
    }
}

fn plan_input(input: &Input, stage_in: StageIn, names: &mut SafeNames) -> PlannedInput {
    match (input, stage_in) {
        (Input::None, _) | (Input::Object(_), StageIn::Skip) => PlannedInput::None,
        (Input::Object(object), StageIn::Download) => PlannedInput::Object {
            file_name: names.assign(object),
            object: object.clone(),
        },
        (Input::Payload { bytes, name }, _) => PlannedInput::Payload {
            bytes: bytes.clone(),
            file_name: SafeName::from_key(name),
        },
    }
}

/// The event's script, else its arguments, else the configured script, else what the image says.
fn plan_entry(record: &Record, config: &FunctionConfig) -> Entry {
    match (&record.script, &record.cmd_args, &config.init_script) {
        (Some(script), _, _) => Entry::Script(script.clone()),
        (None, Some(arguments), _) => Entry::Arguments(arguments.clone()),
        (None, None, Some(path)) => Entry::InitScript(path.clone()),
        (None, None, None) => Entry::ImageDefault,
    }
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

impl RunPlan {
    /// The container's complete environment, sorted by nothing but precedence: the paths first, no name twice.
    pub fn environment(&self, paths: &Paths<'_>) -> Vec<Variable> {
        variables::with_paths(&self.variables, paths)
    }
}
