//! Objects in and out: S3, WebDAV, Onedata, and a network that is left through a proxy.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and one that is skipped says so"
)]

mod other_storage;
mod proxied;
mod s3;
