//! `faas-deploy`: deploys container images as functions.
#![allow(
    clippy::print_stderr,
    reason = "this is the command's entry: what stopped it goes to standard error"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use environment::Environment;
use layer_build::deploy::cli::Arguments;
use layer_build::deploy::host::HostEnvironment;
use layer_build::deploy::report::{Format, Reporter};
use layer_build::deploy::{self, cfg, short_options};
use net::Network;

fn main() -> anyhow::Result<ExitCode> {
    let command = Arguments::command();
    let line = short_options::expand(std::env::args_os(), &command);
    let arguments = Arguments::from_arg_matches(&command.get_matches_from(line))?;
    let environment = Environment::from_process();
    let variable = |name: &str| {
        environment
            .get_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let host = HostEnvironment {
        home: variable("HOME"),
        config_folder: variable(cfg::FOLDER_VARIABLE),
        program: std::env::current_exe().ok(),
        search_path: variable("PATH"),
        network: Network::of(&environment),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let format = arguments.common.format();
    match runtime.block_on(deploy::run(arguments, &host)) {
        Ok(code) => Ok(ExitCode::from(code)),
        Err(error) => {
            eprintln!("faas-deploy: {error}");
            if format != Format::Text {
                Reporter { format }.result("", &error.to_json());
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
