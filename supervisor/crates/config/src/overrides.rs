//! The environment variables that win over the file; an error in one names the variable.

use std::str::FromStr;

use super::choices::Choice;
use super::error::ConfigError;
use super::file::extra_payload;
use super::reader::{EXPECTED_SECONDS, seconds};
use super::{FunctionConfig, Overrides};

impl Overrides {
    /// Puts the set variables over what the file said.
    pub(super) fn apply(&self, config: &mut FunctionConfig) -> Result<(), ConfigError> {
        if let Some(text) = set(self.log_level.as_ref()) {
            config.log_level = choice("LOG_LEVEL", text)?;
        }
        if let Some(text) = set(self.execution_mode.as_ref()) {
            config.execution_mode = choice("EXECUTION_MODE", text)?;
        }
        if let Some(text) = set(self.extra_payload.as_ref()) {
            config.extra_payload = Some(extra_payload(text.to_owned()));
        }
        if let Some(text) = set(self.timeout_threshold.as_ref()) {
            let time = f64::from_str(text).ok().and_then(seconds);
            config.container.timeout_threshold =
                time.ok_or_else(|| overriding("TIMEOUT_THRESHOLD", text, EXPECTED_SECONDS))?;
        }
        Ok(())
    }
}

fn set(value: Option<&String>) -> Option<&str> {
    value
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
}

fn choice<T: Choice>(variable: &'static str, text: &str) -> Result<T, ConfigError> {
    text.parse()
        .map_err(|_| overriding(variable, text, T::EXPECTED))
}

fn overriding(variable: &'static str, value: &str, expected: &str) -> ConfigError {
    ConfigError::Override {
        variable,
        value: value.to_owned(),
        expected: expected.to_owned(),
    }
}
