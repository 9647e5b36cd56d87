//! Runs an unmodified container image as an event-driven function.
//!
//! The story in one line, and one module per noun of it:
//! `event → plan → stage in → run the container → stage out → response`.
//! Read [`invocation`] first; everything else is called from there or from an [`entry`]. What these are built of is in the
//! crates below: `config`, `environment`, `rootfs`, `net`, `storage`, `image`, `container`.

pub mod batch;
pub mod entry;
pub mod event;
pub mod invocation;
pub mod plan;
pub mod response;
pub mod stage_in;
pub mod stage_out;
pub mod telemetry;
