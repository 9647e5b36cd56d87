//! Where an event came from, which decides the shape of the answer.

use std::fmt;

/// Where an event came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A notification of an object store.
    Storage,
    /// A notification that reached the function through a topic (SNS) or a bus (`EventBridge`).
    Notification,
    /// Messages of an SQS queue, answered one by one.
    Queue,
    /// Tasks of S3 Batch Operations, answered one by one.
    Operations(Operation),
    /// A request to an HTTP API.
    Http(HttpApi),
    /// A caller's own payload.
    Direct,
}

/// What an answer to S3 Batch Operations repeats of its event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operation {
    /// `invocationSchemaVersion`: `1.0` or `2.0`.
    pub schema_version: String,
    /// `invocationId`.
    pub invocation_id: String,
}

/// What a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpApi {
    /// An API Gateway REST API, or an HTTP API with payload version 1.0.
    RestV1,
    /// An API Gateway HTTP API with payload version 2.0, or a Lambda function URL.
    HttpV2,
    /// An Application Load Balancer.
    Alb(HeaderForm),
}

/// How a load balancer writes headers, and wants them back (Elastic Load Balancing user guide, "Multi-value headers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderForm {
    /// `headers`, one value each.
    Single,
    /// `multiValueHeaders`, a list of values each.
    Multi,
}

/// In a few words, for logs.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Storage => "storage",
            Self::Notification => "notification",
            Self::Queue => "queue",
            Self::Operations(_) => "batch operation",
            Self::Http(HttpApi::RestV1) => "HTTP (REST API, version 1.0)",
            Self::Http(HttpApi::HttpV2) => "HTTP (version 2.0)",
            Self::Http(HttpApi::Alb(HeaderForm::Single)) => "HTTP (load balancer)",
            Self::Http(HttpApi::Alb(HeaderForm::Multi)) => {
                "HTTP (load balancer, multi-value headers)"
            }
            Self::Direct => "direct",
        })
    }
}
