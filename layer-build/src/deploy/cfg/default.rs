//! The default `scar.cfg`.

use serde_json::Value;

/// The default file.
pub const DEFAULT: &str = include_str!("../scar.cfg");

/// The default file as a value.
pub fn defaults() -> Value {
    serde_json::from_str(DEFAULT).unwrap_or_default()
}
