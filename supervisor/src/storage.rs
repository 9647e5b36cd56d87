//! Object stores: one trait, one adapter per kind of store, and the names of what they hold.

pub mod location;
