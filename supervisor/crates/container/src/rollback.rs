//! What a run changes in its container's root, and how the next run finds the image as it was made.

pub mod budget;
pub mod journal;
pub mod policy;
pub mod scratch;
