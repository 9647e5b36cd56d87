//! A variable of a container's environment.

use std::fmt;

/// Parts of a name that say that its value is a secret.
const SECRET_WORDS: &[&str] = &[
    "SECRET",
    "TOKEN",
    "PASS",
    "PWD",
    "CREDENTIAL",
    "KEY",
    "AUTH",
];

/// Whether a variable's value may be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// It may.
    Plain,
    /// It may not: a credential, a configured variable whose name suggests one, or an event's body.
    Secret,
}

/// One variable of the container's environment.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name: not empty, without `=` and NUL.
    pub name: String,
    /// Its value, without NUL.
    pub value: String,
    /// Whether the value may be printed.
    pub sensitivity: Sensitivity,
}

impl Variable {
    /// A value that may be printed.
    pub fn plain(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.into(),
            sensitivity: Sensitivity::Plain,
        }
    }

    /// A value that may not be printed.
    pub fn secret(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.into(),
            sensitivity: Sensitivity::Secret,
        }
    }

    /// A variable somebody else named: where the name suggests a secret, it is one.
    pub fn foreign(name: &str, value: &str) -> Self {
        let upper = name.to_ascii_uppercase();
        let secret = SECRET_WORDS.iter().any(|word| upper.contains(word));
        if secret {
            Self::secret(name, value)
        } else {
            Self::plain(name, value)
        }
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sensitivity {
            Sensitivity::Plain => write!(f, "{}={:?}", self.name, self.value),
            Sensitivity::Secret => write!(f, "{}=***", self.name),
        }
    }
}
