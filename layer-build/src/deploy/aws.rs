//! AWS: one module for each service, with what this command looks up there and does there.

pub mod api;
pub mod batch;
pub mod clients;
pub mod ec2;
pub mod error;
pub mod iam;
pub mod invoke;
pub mod lambda;
pub mod layers;
pub mod logs;
pub mod retry;
pub mod s3;
pub mod secret;
pub mod signed;
pub mod wait;
mod xml;

pub use clients::Services;
pub use error::{AwsError, AwsErrorKind, Context};
pub use wait::WaitPolicy;
