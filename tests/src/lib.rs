//! Peers and helpers for the end-to-end tests.
//!
//! A test makes a [`Sandbox`], which is everything one supervisor may touch, and drives the built binary in it against
//! real peers: udocker in the modes of [`Mode`], S3 servers ([`Moto`], [`DiskS3`]), a `WebDAV` server
//! ([`WsgiDav`]), a Oneprovider ([`Oneprovider`]), a registry ([`Registry`]) and the
//! Lambda Runtime API ([`RuntimeApi`], [`CargoLambda`]). What a sandbox leaves behind fails its test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a helper that cannot do its work fails the test that called it, and says why"
)]

mod background;
mod bare_root;
mod batch_service;
mod cargo_lambda;
mod cdmi;
mod confinement;
mod cutting;
mod deploy;
mod derived;
mod disk;
mod disk_s3;
mod event;
mod fault;
mod finished;
mod freezer;
mod function;
mod function_root;
mod instance;
mod interceptor;
mod lambda;
mod lambda_place;
mod lambda_root;
mod launch;
mod layer;
mod leftovers;
mod mode;
mod moto;
mod namespace;
mod paths;
mod platform;
mod processes;
mod proxy;
mod range_s3;
mod recorder;
mod registry;
mod run;
mod runtime_api;
mod sandbox;
mod small_disk;
mod stream;
mod upstream;
mod wall_clock;
mod wsgidav;

pub use bare_root::{BareRoot, Room, copy_program};
pub use batch_service::{BatchService, Job};
pub use cargo_lambda::CargoLambda;
pub use cdmi::{Moving, Oneprovider};
pub use confinement::Confinement;
pub use cutting::CuttingProxy;
pub use deploy::{Deploy, texts};
pub use derived::derived;
pub use disk_s3::DiskS3;
pub use event::{direct_script, s3_event, s3_records};
pub use fault::{Fault, FaultyS3, Refusal};
pub use finished::Finished;
pub use freezer::FreezeBy;
pub use instance::Instance;
pub use interceptor::{Interceptor, Refused, Seen};
pub use lambda::{Answer, Lambda};
pub use lambda_root::LambdaRoot;
pub use launch::Launch;
pub use layer::{layer, layer_settings};
pub use mode::Mode;
pub use moto::Moto;
pub use namespace::Namespace;
pub use paths::{archive, built, fixture, root, supervisor, target, tool};
pub use processes::{KILLED_IN, Process, command_lines, processes_naming, wait_until_gone};
pub use proxy::Proxy;
pub use range_s3::RangeS3;
pub use registry::Registry;
pub use run::Running;
pub use runtime_api::{Reply, ReplyKind, RuntimeApi};
pub use sandbox::Sandbox;
pub use small_disk::SmallDisk;
pub use wall_clock::{Jump, WallClock};
pub use wsgidav::{Authentication, WsgiDav};
