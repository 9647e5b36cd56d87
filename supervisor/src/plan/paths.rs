//! The variables that name paths: those of the invocation's directories, known once these exist.

use std::path::Path;

use container::Variable;

/// Paths that only exist once the invocation's directories do, as the container sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paths<'a> {
    /// `TMP_INPUT_DIR`.
    pub input_dir: &'a Path,
    /// `TMP_OUTPUT_DIR`.
    pub output_dir: &'a Path,
    /// `INPUT_FILE_PATH`.
    pub input_file: Option<&'a Path>,
    /// `EVENT_FILE`.
    pub event_file: &'a Path,
}

/// The paths, then the variables that do not name any.
pub(super) fn with_paths(variables: &[Variable], paths: &Paths<'_>) -> Vec<Variable> {
    let path = |name, path: &Path| Variable::plain(name, path.to_string_lossy());
    let mut all = vec![
        path("TMP_INPUT_DIR", paths.input_dir),
        path("TMP_OUTPUT_DIR", paths.output_dir),
    ];
    all.extend(paths.input_file.map(|file| path("INPUT_FILE_PATH", file)));
    all.push(path("EVENT_FILE", paths.event_file));
    all.extend_from_slice(variables);
    all
}
