//! The plan: what an event and a configuration ask for, decided before anything is done. Pure.
//!
//! [`plan`] turns each record of the event into one [`RunPlan`] (input, entry, variables) and each `output` of the
//! configuration into one [`OutputTarget`]. Everything after this module only carries it out.

mod context;
mod names;
mod output;
mod paths;
mod run_plan;
mod variables;

use thiserror::Error;

use crate::event::{Event, Input, Record, Source};
use config::{FunctionConfig, StageIn};

pub use self::{
    context::{FunctionCredentials, InvocationContext, LocalStore},
    names::{MAX_NAME_BYTES, SafeName, SafeNames},
    output::{OutputKeyError, OutputTarget},
    paths::Paths,
    run_plan::{Carrier, Entry, Plan, PlannedInput, RunPlan},
    variables::{EVENT_LIMIT, RESERVED},
};

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

/// The event's script, else its arguments, else the configured script, else the image's command.
fn plan_entry(record: &Record, config: &FunctionConfig) -> Entry {
    match (&record.script, &record.cmd_args, &config.init_script) {
        (Some(script), _, _) => Entry::Script(script.clone()),
        (None, Some(arguments), _) => Entry::Arguments(arguments.clone()),
        (None, None, Some(path)) => Entry::InitScript(path.clone()),
        (None, None, None) => Entry::ImageDefault,
    }
}
