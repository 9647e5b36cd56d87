//! The configuration's closed sets of values, one enum each. Every set knows its spellings, so that a value
//! outside it is rejected with the list of what was expected.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A value that is in none of the spellings of its set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected}")]
pub struct UnknownChoice {
    /// The spellings of the set, for a message.
    pub expected: &'static str,
}

/// A set whose members are written as text in the configuration.
pub(crate) trait Choice: FromStr<Err = UnknownChoice> {
    /// The accepted spellings, for a message.
    const EXPECTED: &'static str;
}

/// Implements [`FromStr`] (ignoring case) and [`Choice`] for one enum.
macro_rules! choice {
    ($name:ident, $expected:literal, $($text:literal => $member:ident),+ $(,)?) => {
        impl FromStr for $name {
            type Err = UnknownChoice;
            fn from_str(text: &str) -> Result<Self, UnknownChoice> {
                match text.trim().to_ascii_lowercase().as_str() {
                    $($text => Ok(Self::$member),)+
                    _ => Err(UnknownChoice { expected: $expected }),
                }
            }
        }
        impl Choice for $name {
            const EXPECTED: &'static str = $expected;
        }
    };
}

/// How much the supervisor says (`log_level`). The names are those of Python's logging module, plus `TRACE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Everything the supervisor itself says.
    Trace,
    /// Each decision, and event bodies.
    Debug,
    /// Each step of an invocation.
    #[default]
    Info,
    /// Only what may need attention.
    Warning,
    /// Only what failed.
    Error,
    /// As [`LogLevel::Error`]; nothing is more severe here.
    Critical,
}
choice!(LogLevel, "one of DEBUG, INFO, WARNING, ERROR, CRITICAL, TRACE",
    "trace" => Trace, "debug" => Debug, "info" => Info, "warning" => Warning, "warn" => Warning,
    "error" => Error, "critical" => Critical, "fatal" => Critical);

/// Where the container runs (`execution_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DispatchMode {
    /// In the function itself.
    #[default]
    Lambda,
    /// In the function, and in a Batch job when the time does not suffice.
    LambdaBatch,
    /// Always in a Batch job.
    Batch,
}
choice!(DispatchMode, "one of lambda, lambda-batch, batch",
    "lambda" => Lambda, "lambda-batch" => LambdaBatch, "batch" => Batch);

/// What runs the container (`container.engine`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// udocker where it and an interpreter for it exist, else native.
    #[default]
    Auto,
    /// The program named by `UDOCKER_EXEC`.
    Udocker,
    /// The same engine command line, without Python.
    Native,
}
choice!(Engine, "one of auto, udocker, native",
    "auto" => Auto, "udocker" => Udocker, "native" => Native);

/// What pulls, loads and unpacks the image (`container.prepare`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prepare {
    /// The supervisor itself, into udocker's store.
    #[default]
    Native,
    /// udocker's own `pull`, `load` and `create`.
    Udocker,
}
choice!(Prepare, "one of native, udocker", "native" => Native, "udocker" => Udocker);

/// udocker's execution modes (`container.execmode`; udocker user manual, "setup").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UdockerMode {
    /// `PRoot`, accelerated with seccomp.
    P1,
    /// `PRoot`, not accelerated.
    P2,
    /// fakechroot, through the loader's arguments.
    F1,
    /// fakechroot, with a loader that ignores the host's cache.
    F2,
    /// fakechroot, with patched executables.
    F3,
    /// fakechroot, patching new executables as they appear.
    F4,
    /// runc or crun, rootless.
    R1,
    /// runc or crun, with `PRoot` inside.
    R2,
    /// runc or crun, with `PRoot` inside, not accelerated.
    R3,
    /// Singularity.
    S1,
}
choice!(UdockerMode, "one of P1, P2, F1, F2, F3, F4, R1, R2, R3, S1",
    "p1" => P1, "p2" => P2, "f1" => F1, "f2" => F2, "f3" => F3, "f4" => F4,
    "r1" => R1, "r2" => R2, "r3" => R3, "s1" => S1);

/// How the modes whose names begin with the same letter run a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeFamily {
    /// P modes: `PRoot` translates paths with ptrace.
    Proot,
    /// F modes: a library that is preloaded into the image's own programs translates paths.
    Fakechroot,
    /// R modes: runc or crun, in namespaces of their own.
    Runc,
    /// S modes: Singularity.
    Singularity,
}

impl UdockerMode {
    /// The family of the mode.
    pub fn family(self) -> ModeFamily {
        match self {
            Self::P1 | Self::P2 => ModeFamily::Proot,
            Self::F1 | Self::F2 | Self::F3 | Self::F4 => ModeFamily::Fakechroot,
            Self::R1 | Self::R2 | Self::R3 => ModeFamily::Runc,
            Self::S1 => ModeFamily::Singularity,
        }
    }
}

impl fmt::Display for UdockerMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variants are spelled as udocker spells the modes.
        fmt::Debug::fmt(self, f)
    }
}

/// What a successful response carries (`response`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseContent {
    /// The container's output.
    #[default]
    Logs,
    /// The files the container wrote.
    Files,
}
choice!(ResponseContent, "one of logs, files", "logs" => Logs, "files" => Files);

/// What a failed invocation of a storage source becomes (`on_failure`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// A function error, so that the platform retries and dead-letters.
    #[default]
    Error,
    /// A payload with the status code of the failure.
    Respond,
}
choice!(OnFailure, "one of error, respond", "error" => Error, "respond" => Respond);

/// Whether input objects are downloaded (`file_stage_in`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StageIn {
    /// Into the input directory, before the container runs.
    #[default]
    Download,
    /// Never; the container is only told the object's key.
    Skip,
}

/// Whether an HTTP body shaped like a storage event is believed (`http.storage_events`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpStorageEvents {
    /// The body is the input file, whatever it looks like.
    #[default]
    Ignore,
    /// The body's records are handled as if the store had sent them.
    Accept,
}

/// Whether an image's layers stay in the store once unpacked (`container.keep_layers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepLayers {
    /// Kept where there is room for them, dropped in Lambda.
    #[default]
    Default,
    /// Always kept.
    Keep,
    /// Always dropped.
    Drop,
}

/// Whether the container gets the function's own credentials (`container.aws_credentials`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AwsCredentials {
    /// As `AWS_ACCESS_KEY_ID` and its companions.
    #[default]
    Pass,
    /// Not at all.
    Withhold,
}

/// Whether a store's certificate is checked (`verify`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVerify {
    /// Against the trusted roots.
    #[default]
    Verify,
    /// Not at all: for stores with a certificate of their own making.
    Skip,
}
