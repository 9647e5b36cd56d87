//! Steps 1 and 2: parses the event and plans the invocation, before anything is touched.

use crate::{
    event::{self, Event, Source},
    plan::{self, Entry, Plan},
    response::{Failure, FailureName},
};

use super::request::Invocation;
use config::FunctionConfig;

/// `bytes → Event → Plan`, before anything is touched.
///
/// # Errors
/// The failure that ends the invocation, and the source that gets the answer.
pub fn parse_and_plan(
    config: &FunctionConfig,
    invocation: &Invocation,
) -> Result<(Event, Plan), (Source, Failure)> {
    let event = event::parse(&invocation.payload, config).map_err(|e| {
        (
            e.source.clone(),
            Failure::new(FailureName::EventInvalid, e.to_string()),
        )
    })?;
    let unusable = |message| {
        (
            event.source.clone(),
            Failure::new(FailureName::ConfigInvalid, message),
        )
    };
    let plan =
        plan::plan(&event, config, &invocation.context).map_err(|e| unusable(e.to_string()))?;
    match missing_script(&plan) {
        Some(message) => Err(unusable(message)),
        None => Ok((event, plan)),
    }
}

/// An error message if the configured script does not exist. Checked before anything is downloaded or prepared.
fn missing_script(plan: &Plan) -> Option<String> {
    plan.runs.iter().find_map(|run| match &run.entry {
        Entry::InitScript(path) if !path.is_file() => Some(format!(
            "init_script: found {}, expected an existing file (relative paths start at the \
             configuration's directory)",
            path.display()
        )),
        _ => None,
    })
}
