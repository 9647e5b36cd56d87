//! Files as an answer (`response: files`), instead of the log.

use serde_json::{Value, json};

use super::failure::FailureName;

/// Most destinations that an answer lists.
const MAX_DESTINATIONS: usize = 100;

/// What the container left in its output directory, for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// The only file.
    One {
        /// Its media type, by its name.
        content_type: String,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// Several, as a zip archive with their paths below the output directory.
    Archive(Vec<u8>),
    /// More than fits into an answer; none of it is kept.
    TooLarge {
        /// How many files there are.
        files: u64,
        /// Their sizes in bytes, together.
        bytes: u64,
    },
}

impl Files {
    /// The body of an answer that says why the files are not in it: how large they are, how much would have fitted, and
    /// where they can be found instead.
    pub(super) fn too_large(&self, limit: usize, destinations: &[String]) -> Vec<u8> {
        let (files, bytes) = match self {
            Self::One { bytes, .. } => (Some(1), bytes.len() as u64),
            Self::Archive(bytes) => (None, bytes.len() as u64),
            Self::TooLarge { files, bytes } => (Some(*files), *bytes),
        };
        let advice = if destinations.is_empty() {
            "configure an output to have them stored in a bucket"
        } else {
            "they were stored, see outputs"
        };
        let name = FailureName::ResponseTooLarge;
        let mut body = json!({
            "exception": format!("{name}: the output files are larger than an answer can be; {advice}"),
            "bytes": bytes,
            "limit": limit,
            "outputs": destinations.iter().take(MAX_DESTINATIONS).collect::<Vec<_>>(),
        });
        if let Some(files) = files {
            body["files"] = json!(files);
        }
        let more = destinations.len().saturating_sub(MAX_DESTINATIONS);
        if more > 0 {
            body["moreOutputs"] = Value::from(more);
        }
        body.to_string().into_bytes()
    }
}
