//! The command line of the terminal.

use std::path::PathBuf;

use clap::Parser;

use crate::entry::as_lambda;
use config::UdockerMode;
use container::workspace::Retention;

/// Runs a container image on an event: a file lands in a bucket, your unmodified image processes it.
///
/// The input is downloaded, the image runs through udocker, what it writes to $TMP_OUTPUT_DIR is
/// uploaded. The same binary is the runtime of an AWS Lambda function (it polls the Runtime API
/// whenever AWS_LAMBDA_RUNTIME_API is set) and, without options, the command of a job: the event is
/// then in EVENT or on standard input, and the script runs right here instead of in a container.
#[allow(clippy::doc_markdown)] // shown as help text, where backticks are noise
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option without a value"
)]
#[derive(Debug, Parser)]
#[command(name = "supervisor", version, after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The event, a JSON file as the function would receive it; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) event: Option<PathBuf>,
    /// The configuration: function_config.yaml, or a whole function definition file
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The image to run, a name in a registry or an archive file; wins over the configuration
    #[arg(long, value_name = "IMAGE")]
    pub(super) image: Option<String>,
    /// Use DIR as the object store: its subdirectories are the buckets, no AWS account is needed
    #[arg(long, value_name = "DIR")]
    pub(super) local_storage: Option<PathBuf>,
    /// Stop after this time; container.timeout_threshold of it is kept back for the uploads
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: Option<u64>,
    /// A variable for the container; wins over the configuration, may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(super) variables: Vec<(String, String)>,
    /// udocker's execution mode: P1, P2, F1 to F4, R1 to R3, S1
    #[arg(long, value_name = "MODE")]
    pub(super) execmode: Option<UdockerMode>,
    /// Keep the workspace with input, output and script, and print where it is
    #[arg(long)]
    pub(super) keep: bool,
    /// Print the report as one JSON object on standard output; the container's output goes to standard error
    #[arg(long)]
    pub(super) json: bool,
    /// Print what would be done, with the exact udocker command line, and do nothing
    #[arg(long)]
    pub(super) explain: bool,
    /// Run it here as on AWS Lambda: system calls that are denied there are denied, with Lambda's limits, a /tmp of its own,
    /// and mode F1; then say what it used of each limit. Works without root; what cannot be imitated is listed
    #[arg(long)]
    pub(super) as_lambda: bool,
    /// Memory of the function in MB; above it the largest process is killed. Default: `memory` of the configuration, else 512
    #[arg(long, value_name = "MB", requires = "as_lambda", value_parser = clap::value_parser!(u32).range(1..=10_240))]
    pub(super) memory: Option<u32>,
    /// Size of /tmp in MB, which holds the image, inputs and outputs. Default: `ephemeral_storage` of the configuration, else 512
    #[arg(long, value_name = "MB", requires = "as_lambda", value_parser = clap::value_parser!(u32).range(1..=10_240))]
    pub(super) tmp: Option<u32>,
    /// This is the process inside the imitation.
    #[arg(long = as_lambda::MARK, hide = true, requires = "as_lambda")]
    pub(super) imitated: bool,
}

impl Arguments {
    /// Whether the workspace stays.
    pub(super) fn retention(&self) -> Retention {
        if self.keep {
            Retention::Keep
        } else {
            Retention::Remove
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  supervisor --event s3-event.json --config function_config.yaml
      Process an object that is in S3, exactly as the function would.
  supervisor --event s3-event.json --config fn.yaml --local-storage ./buckets
      The same on a directory: ./buckets/<bucket>/<key> is the object.
  echo '{\"cmd_args\": [\"uname\", \"-a\"]}' | supervisor --event - --image busybox
      Run a command in an image (the image's entrypoint with arguments, if it has one).
  supervisor doctor --config fn.yaml
      See what this machine can do, and what is missing.
  supervisor --event s3-event.json --config fn.yaml --as-lambda --memory 1024 --tmp 512
      Try it as on AWS Lambda before it is deployed, and see how close it comes to the limits.
  supervisor --event s3-event.json --config fn.yaml --explain
      See the plan and the udocker command line first.
  EVENT=\"$(cat s3-event.json)\" SCRIPT=\"$(base64 -w0 script.sh)\" supervisor
      Be the job: run the script here, as in an AWS Batch job whose image holds this binary.

Exit status: the container's own; 128+N when signal N ended it; 124 when it was stopped at the
deadline; 1 when anything around it failed.";

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
