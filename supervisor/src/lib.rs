//! Runs an unmodified container image as an event-driven function.
//!
//! The story in one line, and one module per noun of it:
//! `event → plan → stage in → run the container → stage out → response`.
//! Read [`invocation`] first; everything else is called from there or from an [`entry`].

pub mod batch;
pub mod config;
pub mod container;
pub mod end_signals;
pub mod entry;
pub mod environment;
pub mod event;
pub mod image;
pub mod invocation;
pub mod network;
pub mod plan;
pub mod response;
pub mod sandbox;
pub mod stage_in;
pub mod stage_out;
pub mod storage;
pub mod telemetry;
pub mod workspace;
