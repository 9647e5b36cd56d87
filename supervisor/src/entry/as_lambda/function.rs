//! The imitated function: its size, and the defaults that Lambda has for its configuration.

use std::{str::FromStr as _, time::Duration};

use anyhow::bail;

use config::{ConfigError, FunctionConfig, KeepLayers, UdockerMode};
use environment::{self as names, Environment};

/// Memory of a function that says none, in MB (SCAR's default, and `faas-deploy`'s).
const DEFAULT_MEMORY: u32 = 512;
/// Size of `/tmp` that a function gets unless it asks for more, in MB (Lambda quotas).
const DEFAULT_TMP: u32 = 512;
/// Longest that a function may run (Lambda quotas).
const LONGEST: Duration = Duration::from_mins(15);
/// Memory with which a function has one whole processor, in MB (Lambda developer guide, "Configure Lambda function memory").
const ONE_PROCESSOR: f64 = 1769.0;

/// What a function is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// MB of memory.
    pub memory: u32,
    /// MB of `/tmp`.
    pub tmp: u32,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// The part of it that is kept back for uploads (`container.timeout_threshold`).
    pub threshold: Duration,
}

impl Function {
    /// From the command line, else from the configuration, else as Lambda has it by default. `timeout` is the terminal's:
    /// the option's, else the configuration's.
    ///
    /// # Errors
    /// When the timeout is longer than a function may run, or the configuration has a size that Lambda does not accept.
    pub fn new(
        config: &FunctionConfig,
        memory: Option<u32>,
        tmp: Option<u32>,
        timeout: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let timeout = timeout.unwrap_or(LONGEST);
        if timeout > LONGEST {
            bail!(
                "a timeout of {} s: a function on Lambda may run for 900 s at most; give a --timeout up to that",
                timeout.as_secs()
            );
        }
        Ok(Self {
            memory: size(memory, config.memory.as_ref(), DEFAULT_MEMORY)?,
            tmp: size(tmp, config.ephemeral_storage.as_ref(), DEFAULT_TMP)?,
            timeout,
            threshold: config.container.timeout_threshold,
        })
    }

    /// One line about it, for `--explain`.
    pub fn describe(&self) -> String {
        format!(
            "as on Lambda: memory {} MB, /tmp {} MB, timeout {} s; system calls that Lambda denies are denied",
            self.memory,
            self.tmp,
            self.timeout.as_secs()
        )
    }
}

/// The option's, else the configuration's, which counts only then.
fn size(
    option: Option<u32>,
    configured: Option<&Result<u32, ConfigError>>,
    default: u32,
) -> Result<u32, ConfigError> {
    match (option, configured) {
        (Some(size), _) => Ok(size),
        (None, Some(size)) => size.clone(),
        (None, None) => Ok(default),
    }
}

/// Puts the defaults that a function has on Lambda in place of this machine's: `F1`, and no layers kept.
///
/// # Errors
/// When an execution mode is asked for that cannot work there.
pub fn settle(config: &mut FunctionConfig, environment: &Environment) -> anyhow::Result<()> {
    let asked = config.container.execmode.or_else(|| {
        let default = environment.get(names::UDOCKER_DEFAULT_EXECUTION_MODE)?;
        UdockerMode::from_str(default).ok()
    });
    let mode = asked.unwrap_or(UdockerMode::F1);
    let denied = match mode {
        UdockerMode::F1 | UdockerMode::F2 | UdockerMode::F3 | UdockerMode::F4 => None,
        UdockerMode::P1 | UdockerMode::P2 => Some("ptrace"),
        UdockerMode::R1 | UdockerMode::R2 | UdockerMode::R3 | UdockerMode::S1 => {
            Some("user namespaces")
        }
    };
    if let Some(what) = denied {
        bail!(
            "execution mode {mode} needs {what}, which Lambda denies: leave the mode out, or choose F1 (--execmode, container.execmode, UDOCKER_DEFAULT_EXECUTION_MODE)"
        );
    }
    config.container.execmode = Some(mode);
    if config.container.keep_layers == KeepLayers::Default {
        config.container.keep_layers = KeepLayers::Drop;
    }
    Ok(())
}

/// Differences from Lambda on every machine.
pub(super) fn never_imitated(function: &Function) -> Vec<String> {
    let share = f64::from(function.memory) / ONE_PROCESSOR;
    vec![
        format!(
            "processors: {} MB are given {share:.1} of one on Lambda; times are this machine's",
            function.memory
        ),
        "the read-only file system around /tmp".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_over_the_configuration_and_that_over_the_defaults() {
        let mut config = FunctionConfig::default();
        let plain = Function::new(&config, None, None, None).unwrap();
        assert_eq!((plain.memory, plain.tmp), (512, 512));
        assert_eq!(plain.timeout, LONGEST);
        config.memory = Some(Ok(1024));
        config.ephemeral_storage = Some(Ok(2048));
        let configured = Function::new(&config, None, None, None).unwrap();
        assert_eq!((configured.memory, configured.tmp), (1024, 2048));
        let asked = Function::new(&config, Some(128), Some(600), None).unwrap();
        assert_eq!((asked.memory, asked.tmp), (128, 600));
        let long = Some(Duration::from_secs(901));
        assert!(Function::new(&config, None, None, long).is_err());
    }

    #[test]
    fn only_modes_that_lambda_allows_are_accepted() {
        let none = Environment::default();
        let mut config = FunctionConfig::default();
        settle(&mut config, &none).unwrap();
        assert_eq!(config.container.execmode, Some(UdockerMode::F1));
        assert_eq!(config.container.keep_layers, KeepLayers::Drop);
        config.container.execmode = Some(UdockerMode::F3);
        settle(&mut config, &none).unwrap();
        assert_eq!(config.container.execmode, Some(UdockerMode::F3));
        for (mode, why) in [
            (UdockerMode::P1, "ptrace"),
            (UdockerMode::R1, "user namespaces"),
        ] {
            config.container.execmode = Some(mode);
            let error = settle(&mut config, &none).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("F1"), "{error}");
        }
    }
}
