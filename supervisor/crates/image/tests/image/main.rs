//! Native preparation: what layers may and may not do, archives in every form, registries that misbehave.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod archives;
mod bounds;
mod faults;
mod hostile;
mod layers;
mod support;
