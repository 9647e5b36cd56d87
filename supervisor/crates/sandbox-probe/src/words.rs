//! What the processes that try things are told to do: their first words.

/// First word for the process that tries one facility; its name and a directory follow.
pub const WORD: &str = "sandbox";
/// First word for a process that does nothing: it is what an attempt to execute something comes to.
pub const STARTED: &str = "started";
/// Second word for the process that stops the one that started it, and lets it go on.
pub(super) const NUDGE: &str = "nudge";
