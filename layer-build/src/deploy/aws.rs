//! AWS: one module for each service, each with what it can look up and what it can do.

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
pub mod s3;
pub mod secret;
pub mod signed;
pub mod wait;

pub use clients::Services;
pub use error::{AwsError, Doing};
pub use wait::Patience;
