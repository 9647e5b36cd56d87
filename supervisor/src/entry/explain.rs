//! `--explain`: describes what an event would do, without doing it.

mod native;
mod shell;

use std::{fmt::Write, path::Path};

use crate::{
    invocation::{Invocation, Services, image_source, parse_and_plan},
    plan::{Entry, OutputTarget, Paths, PlannedInput, RunPlan},
};
use container::{
    Sensitivity,
    engine::{
        EngineKind,
        command::{Volumes, run_arguments},
    },
    shim::argv0::INIT_NAME,
    workspace::RecordDir,
};
use image::ImageSource;
use shell::command_line;

/// The event, the plan, the udocker command lines and where outputs would go, as text.
///
/// # Errors
/// The failure the invocation would end with before doing anything.
pub fn explain(services: &Services, invocation: &Invocation) -> anyhow::Result<String> {
    let (event, plan) = parse_and_plan(services.config(), invocation)
        .map_err(|(_, failure)| anyhow::anyhow!("{}: {}", failure.name, failure.message))?;
    let mut text = String::new();
    writeln!(text, "event: {}, {} to run", event.source, plan.runs.len())?;
    for reason in &event.skipped {
        writeln!(text, "  skipped: {reason}")?;
    }
    for item in &event.items {
        if let Some(error) = &item.rejected {
            writeln!(text, "  failed: item {}: {error}", item.id)?;
        }
    }
    let workspace = services.temp_dir().join("faas-XXXXXX");
    let image = image_source(services.config());
    preparation(&mut text, services, image.as_ref())?;
    for (index, run) in plan.runs.iter().enumerate() {
        writeln!(text, "\nrun {}: {}", index + 1, run.label)?;
        let record = RecordDir::of(&workspace, index);
        explain_run(&mut text, services, image.as_ref(), run, &record)?;
    }
    outputs(&mut text, &plan.outputs)?;
    Ok(text)
}

fn preparation(
    text: &mut String,
    services: &Services,
    image: Option<&ImageSource>,
) -> std::fmt::Result {
    let Some(image) = image else {
        return writeln!(
            text,
            "image: none; set container.image or container.image_file"
        );
    };
    writeln!(text, "image: {image}")?;
    let Ok(name) = services.preparer().container_name(image) else {
        return writeln!(text, "  the archive cannot be read");
    };
    if services.preparer().known(image).is_some() {
        return writeln!(text, "  prepared already, as container {name}");
    }
    if let Some(step) = services.preparer().own_step(image, &name) {
        writeln!(text, "  prepare: {step}")?;
    }
    for step in services.preparer().steps(image, &name) {
        let line = command_line(&services.udocker().command_line(&step));
        writeln!(text, "  prepare: {line}")?;
    }
    Ok(())
}

fn explain_run(
    text: &mut String,
    services: &Services,
    image: Option<&ImageSource>,
    run: &RunPlan,
    record: &RecordDir,
) -> std::fmt::Result {
    let (input_dir, output_dir, event_file) =
        (record.input(), record.output(), record.event_file());
    let input_file = match &run.input {
        PlannedInput::None => None,
        PlannedInput::Object { object, file_name } => {
            let path = input_dir.join(file_name.as_str());
            let provider = &object.provider;
            writeln!(
                text,
                "  download: {} ({provider}) -> {}",
                run.label,
                path.display()
            )?;
            Some(path)
        }
        PlannedInput::Payload { bytes, file_name } => {
            let path = input_dir.join(file_name.as_str());
            writeln!(text, "  input: {} bytes -> {}", bytes.len(), path.display())?;
            Some(path)
        }
    };
    let entry = match &run.entry {
        Entry::Script(script) => format!("the event's script ({} bytes)", script.len()),
        Entry::InitScript(path) => format!("init_script {}", path.display()),
        Entry::Arguments(arguments) => format!("the image's entrypoint with {arguments:?}"),
        Entry::ImageDefault => "the image's own command".to_owned(),
    };
    writeln!(text, "  entry: {entry}")?;
    udocker_line(text, services, image, run, record)?;
    writeln!(text, "  variables:")?;
    let variables = run.environment(&Paths {
        input_dir: &input_dir,
        output_dir: &output_dir,
        input_file: input_file.as_deref(),
        event_file: &event_file,
    });
    for variable in variables {
        let value = match variable.sensitivity {
            Sensitivity::Secret => "***".to_owned(),
            Sensitivity::Plain => shortened(&variable.value),
        };
        writeln!(text, "    {}={value}", variable.name)?;
    }
    Ok(())
}

fn udocker_line(
    text: &mut String,
    services: &Services,
    image: Option<&ImageSource>,
    run: &RunPlan,
    record: &RecordDir,
) -> std::fmt::Result {
    let Some((image, name)) = image.and_then(|image| {
        let name = services.preparer().container_name(image).ok()?;
        Some((image, name))
    }) else {
        return Ok(());
    };
    let settings = services.udocker().settings();
    let known = services.preparer().known(image);
    if settings.runs == EngineKind::Native {
        return native::native_line(text, services, known.as_ref(), run, record);
    }
    let init = services.temp_dir().join("faas-init-XXXXXX").join(INIT_NAME);
    let volumes = Volumes {
        record: record.root(),
        task_root: services.extra_payload(),
        supervisor: &init,
    };
    let command = run.entry.command(&record.script());
    let arguments = run_arguments(&name, settings.mode, &volumes, &command, Path::exists);
    let line = command_line(&services.udocker().command_line(&arguments));
    writeln!(text, "  run: {line}")?;
    match (&run.entry, known) {
        (Entry::Arguments(_) | Entry::ImageDefault, None) => writeln!(
            text,
            "  in the container: the image's own command, known once the image is prepared"
        ),
        (_, known) => {
            let image = known.map(|p| p.command).unwrap_or_default();
            let line = command_line(&command.argv(&image));
            writeln!(text, "  in the container: {line}")
        }
    }
}

fn outputs(text: &mut String, targets: &[OutputTarget]) -> std::fmt::Result {
    if targets.is_empty() {
        return writeln!(
            text,
            "\noutputs: none configured; files in $TMP_OUTPUT_DIR are dropped"
        );
    }
    writeln!(text, "\noutputs: files in $TMP_OUTPUT_DIR, by name")?;
    for target in targets {
        let rule = &target.rule;
        let mut place = format!("{}/", target.bucket);
        if !target.prefix_path.is_empty() {
            place = format!("{place}{}/", target.prefix_path.trim_matches('/'));
        }
        let provider = &target.provider;
        writeln!(
            text,
            "  {} -> {provider}: {place}<file>",
            pattern(&rule.prefix, &rule.suffix)
        )?;
    }
    Ok(())
}

fn pattern(prefix: &[String], suffix: &[String]) -> String {
    let any = |words: &[String]| match words {
        [] => String::new(),
        [one] => one.clone(),
        many => format!("{{{}}}", many.join(",")),
    };
    format!("{}*{}", any(prefix), any(suffix))
}

fn shortened(value: &str) -> String {
    const LIMIT: usize = 200;
    match value.char_indices().nth(LIMIT) {
        Some((at, _)) => format!("{}… ({} bytes)", &value[..at], value.len()),
        None => value.to_owned(),
    }
}
