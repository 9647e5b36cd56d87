//! Describes a run without udocker.

use std::fmt::Write;

use crate::{invocation::Services, plan::RunPlan};
use container::{
    Prepared,
    run::natively::Planned,
    shim::{argv0::INIT_NAME, launch_spec::FirstProcess},
    workspace::RecordDir,
};

use super::shell::command_line;

/// Describes what the native engine would start, which depends on the image's content.
pub(super) fn native_line(
    text: &mut String,
    services: &Services,
    known: Option<&Prepared>,
    run: &RunPlan,
    record: &RecordDir,
) -> std::fmt::Result {
    let command = run.entry.command(&record.script());
    let init = services.temp_dir().join("faas-XXXXXX/tmp").join(INIT_NAME);
    let launch = known.and_then(|prepared| {
        let planned = Planned {
            image: &prepared.image,
            mode: prepared.mode,
            task_root: services.extra_payload(),
            guest: prepared.guest.as_deref()?,
            record,
            argv: &command.argv(&prepared.command),
            variables: &[],
            init: &init,
            temp: init.parent()?,
        };
        Some(planned.launch())
    });
    match launch {
        None => writeln!(
            text,
            "  run: without udocker in mode {}; the command line is known once the image is prepared",
            services.udocker().settings().mode
        ),
        Some(Err(error)) => writeln!(text, "  run: refused: {error}"),
        Some(Ok(launch)) => {
            match launch.first {
                FirstProcess::Shim => {
                    writeln!(
                        text,
                        "  run: the command itself, with the library preloaded"
                    )?;
                }
                FirstProcess::Inside | FirstProcess::InProot => {
                    writeln!(text, "  run: {}", command_line(&launch.line))?;
                }
            }
            writeln!(text, "  in the container: {}", command_line(&launch.argv))
        }
    }
}
