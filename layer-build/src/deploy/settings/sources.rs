//! The sources of settings in their order, and which of them a key's value comes from.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::deploy::cfg::{self, Cfg, Lines};
use crate::deploy::definition::Definition;

/// Sections that `--profile` applies to.
const SECTIONS: [&str; 6] = ["iam", "lambda", "s3", "api_gateway", "cloudwatch", "batch"];

/// The sources of one function's settings.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The options of the command line, in the shape of a function file's entry.
    pub command_line: Value,
    /// The function's file.
    pub definition: Option<Definition>,
    /// `aws` of `scar.cfg`.
    pub cfg: Value,
    /// The path of `scar.cfg`.
    pub cfg_path: PathBuf,
    /// On which lines the keys of `scar.cfg` are.
    pub cfg_lines: Lines,
}

impl Sources {
    /// Collects the command line's options and profile, one function of a file, and `scar.cfg`.
    pub fn new(
        command_line: &Value,
        profile: Option<&str>,
        definition: Option<Definition>,
        cfg: &Cfg,
    ) -> Self {
        let mut command_line = cfg::merge(Value::Object(Map::new()), command_line);
        if let Some(profile) = profile {
            for section in SECTIONS {
                command_line[section]["boto_profile"] = profile.into();
            }
        }
        Self {
            command_line,
            definition,
            cfg: cfg.value.get("aws").cloned().unwrap_or_default(),
            cfg_path: cfg.path.clone(),
            cfg_lines: cfg.lines.clone(),
        }
    }

    /// One configuration from all sources.
    pub fn merged(&self) -> Value {
        let defaults = cfg::defaults().get("aws").cloned().unwrap_or_default();
        let under = cfg::merge(defaults, &self.cfg);
        let with_file = match &self.definition {
            Some(definition) => cfg::merge(under, &definition.value),
            None => under,
        };
        let mut merged = cfg::merge(with_file, &self.command_line);
        self.choose_image(&mut merged);
        merged
    }

    /// An image and an image archive exclude each other. The one on the command line wins.
    fn choose_image(&self, merged: &mut Value) {
        for (kept, dropped) in [("image", "image_file"), ("image_file", "image")] {
            let given = |key| {
                self.command_line
                    .pointer(&format!("/lambda/container/{key}"))
                    .is_some()
            };
            if given(kept)
                && !given(dropped)
                && let Some(container) = merged
                    .pointer_mut("/lambda/container")
                    .and_then(Value::as_object_mut)
            {
                container.remove(dropped);
            }
        }
    }

    /// `storage_providers` of the function's file.
    pub fn storage_providers(&self) -> Value {
        let of_file = self
            .definition
            .as_ref()
            .map(|definition| definition.storage_providers.clone());
        of_file.unwrap_or(json!({}))
    }

    /// Where a key's value was set, or would be set, for a message.
    pub fn origin(&self, key: &str) -> String {
        let pointer = format!("/{}", key.replace('.', "/"));
        if self.command_line.pointer(&pointer).is_some() {
            return "command line".to_owned();
        }
        if let Some(definition) = &self.definition
            && definition.value.pointer(&pointer).is_some()
        {
            return format!("{}, {}", definition.path.display(), definition.position);
        }
        match self.cfg_lines.line(&format!("aws.{key}")) {
            Some(line) => format!("{}, line {line}", self.cfg_path.display()),
            None => self.cfg_path.display().to_string(),
        }
    }
}
