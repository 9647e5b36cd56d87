//! The command line. Options mean what SCAR's options with the same name mean; new options have no short form.

mod function;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use function::FunctionOptions;

use super::report::Format;

/// Deploys container images as functions.
#[derive(Debug, Parser)]
#[command(
    name = "faas-deploy",
    version,
    about = "Deploys container images as functions on AWS Lambda and AWS Batch",
    after_help = "Defaults come from scar.cfg in $HOME/.scar or SCAR_CONFIG_FOLDER, see `faas-deploy config path`."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// Options of every verb.
    #[command(flatten)]
    pub common: Common,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// AWS profile to use, in every section of the configuration [-pf].
    #[arg(long, global = true, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Report as one JSON value on standard output.
    #[arg(short, long, global = true)]
    pub json: bool,
    /// Report everything that AWS answered, as JSON.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Folder of faas-supervisor-<arch>.zip and .json, as `make layer` leaves them.
    #[arg(long, global = true, value_name = "DIR", env = "FAAS_LAYER_DIR")]
    pub layer_dir: Option<PathBuf>,
    /// Longest wait for any one thing that AWS prepares, in seconds.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 300)]
    pub patience: u64,
}

impl Common {
    /// How results are shown.
    pub fn format(&self) -> Format {
        match (self.verbose, self.json) {
            (true, _) => Format::Verbose,
            (false, true) => Format::Json,
            (false, false) => Format::Text,
        }
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a function and everything it needs.
    Init(Box<FunctionOptions>),
    /// Change a function so that it is as described.
    Update {
        /// The function.
        #[command(flatten)]
        function: Box<FunctionOptions>,
        /// Every function that faas-deploy made for this user.
        #[arg(short, long)]
        all: bool,
    },
    /// Show what init or update would change, or try the function on this machine; no function is changed.
    Plan {
        /// The function.
        #[command(flatten)]
        function: Box<FunctionOptions>,
        /// How to try it.
        #[command(flatten)]
        local_run: LocalRunOptions,
    },
    /// List functions, or the files of a bucket.
    Ls {
        /// Bucket, or bucket/folder, to list.
        #[arg(short, long)]
        bucket: Option<String>,
    },
    /// Run a function directly and show its output.
    Run(RunOptions),
    /// Call a function through its HTTP endpoint.
    Invoke(InvokeOptions),
    /// Show what the sandbox around a function allows, and what will not work there.
    Doctor(FunctionSelector),
    /// Show what a function has logged.
    Log(LogOptions),
    /// Upload a file or folder to a bucket.
    Put(TransferOptions),
    /// Download a file or folder from a bucket.
    Get(TransferOptions),
    /// Remove a function and everything that was made for it; data in buckets stays.
    Rm {
        /// Which function.
        #[command(flatten)]
        selector: FunctionSelector,
        /// Every function that faas-deploy made for this user.
        #[arg(short, long)]
        all: bool,
    },
    /// The layer that functions run on.
    #[command(subcommand)]
    Layer(LayerVerb),
    /// The configuration file.
    #[command(subcommand)]
    Config(ConfigVerb),
}

/// Options of `plan` for trying a function before it is deployed.
#[derive(Debug, Clone, Default, Args)]
pub struct LocalRunOptions {
    /// Run the function on this event, a JSON file (- is standard input), on this machine as on Lambda, and show how close it
    /// comes to its limits. Nothing is changed in AWS but by the function itself: it reads and writes its buckets, unless
    /// --local-storage is given.
    #[arg(long = "try", value_name = "EVENT")]
    pub event: Option<PathBuf>,
    /// With --try: the supervisor to run. Default: beside faas-deploy, else on the PATH.
    #[arg(long, value_name = "FILE", requires = "event")]
    pub supervisor: Option<PathBuf>,
    /// With --try: use this directory as the object store; its subdirectories are the buckets.
    #[arg(long, value_name = "DIR", requires = "event")]
    pub local_storage: Option<PathBuf>,
}

/// Which function.
#[derive(Debug, Clone, Default, Args)]
pub struct FunctionSelector {
    /// The function's name.
    #[arg(short, long)]
    pub name: Option<String>,
    /// YAML file with the function's definition.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub conf_file: Option<PathBuf>,
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunOptions {
    /// Which function.
    #[command(flatten)]
    pub selector: FunctionSelector,
    /// Script to run in the container in place of the function's own.
    #[arg(short = 's', long, value_name = "FILE")]
    pub run_script: Option<PathBuf>,
    /// Run on every file of this bucket, or bucket/folder [-ib].
    #[arg(long, value_name = "BUCKET")]
    pub input_bucket: Option<String>,
    /// Do not wait for the result.
    #[arg(short, long)]
    pub asynchronous: bool,
    /// Write the output to this file, byte for byte.
    #[arg(short, long, value_name = "FILE")]
    pub output_file: Option<PathBuf>,
    /// Arguments for the container.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    pub c_args: Vec<String>,
}

/// Options of `invoke`.
#[derive(Debug, Clone, Args)]
pub struct InvokeOptions {
    /// Which function.
    #[command(flatten)]
    pub selector: FunctionSelector,
    /// File to post [-db].
    #[arg(long, value_name = "FILE", conflicts_with = "json_data")]
    pub data_binary: Option<PathBuf>,
    /// JSON to post [-jd].
    #[arg(long, value_name = "JSON")]
    pub json_data: Option<String>,
    /// Query parameters as a JSON map.
    #[arg(short, long, value_name = "JSON")]
    pub parameters: Option<String>,
    /// Do not wait for the result.
    #[arg(short, long)]
    pub asynchronous: bool,
    /// Write the answer to this file, byte for byte.
    #[arg(short, long, value_name = "FILE")]
    pub output_file: Option<PathBuf>,
}

/// Options of `log`.
#[derive(Debug, Clone, Args)]
pub struct LogOptions {
    /// Which function.
    #[command(flatten)]
    pub selector: FunctionSelector,
    /// Only this log stream [-ls].
    #[arg(long, value_name = "STREAM")]
    pub log_stream_name: Option<String>,
    /// Only this request, with the log of its job if there is one [-ri].
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// Go on as more is logged, until interrupted.
    #[arg(long)]
    pub follow: bool,
}

/// Options of `put` and `get`.
#[derive(Debug, Clone, Args)]
pub struct TransferOptions {
    /// Bucket, or bucket/folder.
    #[arg(short, long)]
    pub bucket: String,
    /// File or folder on this machine.
    #[arg(short, long)]
    pub path: PathBuf,
}

/// What to do with the layer.
#[derive(Debug, Subcommand)]
pub enum LayerVerb {
    /// Publish the assembled layer, unless the same content is there already.
    Publish {
        /// `x86_64` or `arm64`.
        #[arg(long, default_value = "x86_64")]
        arch: String,
    },
    /// List the published versions.
    Ls,
    /// Remove versions that no function uses, all but the newest of each processor.
    Prune,
}

/// What to do with the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigVerb {
    /// Print where the file is.
    Path,
    /// Print the file's content with every default filled in.
    Show,
    /// Verify credentials and role, and print the policy that the role needs.
    Check,
}
