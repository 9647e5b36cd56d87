//! What an image's configuration says of running it (OCI image specification, "Image Configuration", or Docker's older form).
//!
//! Values of the wrong type count as missing, as in Docker. Only what a run uses is held in memory.

use std::{fmt, fs::File, io::Read as _, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::bounded::List;

/// Most words of a command, and most variables, of an image.
const MOST_WORDS: usize = 65_536;
/// Largest configuration that is read, in bytes.
pub(crate) const LARGEST_CONFIG: usize = 16 * 1024 * 1024;

/// The parts of an image's configuration that a run uses.
#[derive(Debug, Clone, Default)]
pub struct RunConfig {
    /// What always runs.
    pub entrypoint: Words,
    /// What runs, or the arguments of what always runs.
    pub cmd: Words,
    /// Variables, each `NAME=value`.
    pub env: Vec<String>,
    /// Where it runs.
    pub working_dir: Option<String>,
    /// Who runs it.
    pub user: Option<String>,
}

/// A command in either of its forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Words {
    /// None.
    #[default]
    Missing,
    /// For a shell.
    Line(String),
    /// Word by word.
    List(Vec<String>),
    /// Something that is no command.
    Other,
}

/// The document around it.
#[derive(Deserialize, Default)]
struct Document {
    config: Option<Section>,
    container_config: Option<Section>,
}

/// The part of the document that is about runs.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Section {
    entrypoint: Words,
    cmd: Words,
    env: Words,
    working_dir: Words,
    user: Words,
}

impl RunConfig {
    /// Reads the configuration in the file at `path`; the default where there is none that can be read.
    pub fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        let most = LARGEST_CONFIG as u64;
        let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
        read.map(|_| Self::parse(&bytes)).unwrap_or_default()
    }

    /// Reads a configuration; the default where it cannot be read.
    pub fn parse(bytes: &[u8]) -> Self {
        let document: Document = serde_json::from_slice(bytes).unwrap_or_default();
        let older = document.container_config.unwrap_or_default();
        let section = document.config.unwrap_or_default();
        Self {
            entrypoint: section.entrypoint.or(older.entrypoint),
            cmd: section.cmd.or(older.cmd),
            env: match section.env {
                Words::List(list) => list,
                _ => Vec::new(),
            },
            working_dir: section.working_dir.line(),
            user: section.user.line(),
        }
    }
}

impl Words {
    fn or(self, other: Self) -> Self {
        if self == Self::Missing { other } else { self }
    }

    fn line(self) -> Option<String> {
        match self {
            Self::Line(line) => Some(line),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Value::Command)
    }
}

/// What is read.
#[derive(Clone, Copy)]
enum Value {
    /// A command.
    Command,
    /// One word of it. A list in a list is not held.
    Word,
}

impl<'de> Visitor<'de> for Value {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Words, E> {
        Ok(Words::Missing)
    }

    fn visit_str<E>(self, text: &str) -> Result<Words, E> {
        Ok(Words::Line(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Words, E> {
        Ok(Words::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Words, E> {
        Ok(Words::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Words, E> {
        Ok(Words::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Words, E> {
        Ok(Words::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Words::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Words, A::Error> {
        if let Self::Word = self {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Words::Other);
        }
        let from = serde::de::value::SeqAccessDeserializer::new(items);
        let items = List::<Word, MOST_WORDS>::deserialize(from)?;
        let words = items.0.into_iter().filter_map(|Word(text)| text);
        Ok(Words::List(words.collect()))
    }
}

/// An item of a list: nothing where it is no text.
struct Word(Option<String>);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Value::Word)
            .map(|words| Self(words.line()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_command_is_read_and_other_values_are_not() {
        let text = r#"{"config": {"Entrypoint": "a b", "Cmd": ["c", 1, null, [["x"]], {"d": []}, "e"], "Env": ["A=b"],
            "WorkingDir": 7, "User": "me"}, "container_config": {"Cmd": ["old"]}}"#;
        let config = RunConfig::parse(text.as_bytes());
        let list = |words: &[&str]| Words::List(words.iter().map(|&word| word.into()).collect());
        assert_eq!(config.entrypoint, Words::Line("a b".to_owned()));
        assert_eq!(config.cmd, list(&["c", "e"]));
        assert_eq!(config.env, ["A=b"]);
        assert_eq!(
            (config.working_dir, config.user.as_deref()),
            (None, Some("me"))
        );
        let text = r#"{"config": {"Cmd": null}, "container_config": {"Cmd": ["old"]}}"#;
        assert_eq!(RunConfig::parse(text.as_bytes()).cmd, list(&["old"]));
        let text = r#"{"config": {"Cmd": true}, "container_config": {"Cmd": ["old"]}}"#;
        assert_eq!(RunConfig::parse(text.as_bytes()).cmd, Words::Other);
    }
}
