//! One run: in a container by udocker or by the native engine, or beside the supervisor.

mod by_udocker;
pub mod clean_up;
pub mod container;
pub mod direct;
pub mod in_container;
mod lookup;
pub mod natively;
