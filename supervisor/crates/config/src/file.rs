//! The keys of a configuration file, in either of its shapes.

use std::path::Path;

use serde_json::Value;

use super::choices::{HttpStorageEvents, StageIn};
use super::error::ConfigError;
use super::reader::Node;
use super::{
    EVENT_FOLDER, FUNCTION_DIRECTORY, FunctionConfig, MultiNode, container, providers, storage,
};

/// Keys of a function that mean something here; a file holds many more for the deployment command.
pub const FUNCTION_KEYS: &[&str] = &[
    "name",
    "log_level",
    "execution_mode",
    "timeout",
    "init_script",
    "extra_payload",
    "file_stage_in",
    "container",
    "input",
    "output",
    "storage_providers",
    "batch",
    "deployment",
    "response",
    "on_failure",
    "http",
];

/// Keys of a function's size, which the platform keeps and not the package.
const SIZE_KEYS: &[&str] = &["memory", "ephemeral_storage"];

/// Parses the text and reads the function it describes.
pub(super) fn read(text: &str, base_dir: &Path) -> Result<FunctionConfig, ConfigError> {
    let document = parse_yaml(text)?;
    if document.is_null() {
        return Ok(FunctionConfig::default());
    }
    let root = Node::root(&document);
    match root.get("functions")? {
        Some(functions) => read_definition(&root, &functions, text, base_dir),
        None => read_function(
            &Parts {
                function: &root,
                root: &root,
                batch: root.get("batch")?,
            },
            text,
            base_dir,
        ),
    }
}

/// Where the pieces of one function are found; the two shapes differ in nothing else.
struct Parts<'n, 'v> {
    function: &'n Node<'v>,
    root: &'n Node<'v>,
    batch: Option<Node<'v>>,
}

fn parse_yaml(text: &str) -> Result<Value, ConfigError> {
    let options = serde_saphyr::options! {
        // A snippet of the text could show a secret.
        with_snippet: false,
        // `012` is an identifier here, never a number.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| ConfigError::Syntax {
        line: error.location().map_or(0, |location| location.line()),
        message: without_advice(&error.to_string()),
    })
}

/// The parser's words without those for programmers, and without the position, which the error has already.
fn without_advice(message: &str) -> String {
    const ADVICE: [&str; 3] = [" at line ", ", set DuplicateKeyPolicy", "; use from_str"];
    let ends = ADVICE.iter().filter_map(|advice| message.rfind(advice));
    message
        .split_at(ends.min().unwrap_or(message.len()))
        .0
        .to_owned()
}

/// `functions.aws[0]` of a function definition file: `lambda`, with `batch` beside it.
fn read_definition(
    root: &Node<'_>,
    functions: &Node<'_>,
    text: &str,
    base_dir: &Path,
) -> Result<FunctionConfig, ConfigError> {
    const EXPECTED: &str = "a list of functions, each with a `lambda`";
    root.note_unknown(&["functions", "storage_providers"]);
    functions.note_unknown(&["aws"]);
    let list = functions.require("aws", EXPECTED)?;
    let entries = list.items()?;
    let Some(entry) = entries.first() else {
        return Err(list.invalid(EXPECTED));
    };
    if entries.len() > 1 {
        tracing::debug!(
            functions = entries.len(),
            "the file defines several functions, the first one is used"
        );
    }
    let function = entry.require("lambda", "the function's keys")?;
    let batch = match entry.get("batch")? {
        Some(batch) => Some(batch),
        None => function.get("batch")?,
    };
    read_function(
        &Parts {
            function: &function,
            root,
            batch,
        },
        text,
        base_dir,
    )
}

fn read_function(
    parts: &Parts<'_, '_>,
    text: &str,
    base_dir: &Path,
) -> Result<FunctionConfig, ConfigError> {
    let function = parts.function;
    function.note_unknown(&[FUNCTION_KEYS, SIZE_KEYS].concat());
    let resolve = |path: String| base_dir.join(path);
    let storage_providers = providers::read(&[parts.root, function])?;
    Ok(FunctionConfig {
        name: function.optional_text("name")?,
        log_level: function.choice_or_default("log_level")?,
        execution_mode: function.choice_or_default("execution_mode")?,
        timeout: function
            .get("timeout")?
            .map(|node| positive_seconds(&node))
            .transpose()?,
        init_script: function.optional_text("init_script")?.map(resolve),
        extra_payload: function.optional_text("extra_payload")?.map(extra_payload),
        stage_in: match function
            .get("file_stage_in")?
            .map(|node| node.boolean())
            .transpose()?
        {
            None | Some(true) => StageIn::Download,
            Some(false) => StageIn::Skip,
        },
        container: container::read(function, text, base_dir)?,
        input: storage::inputs(function, &storage_providers)?,
        output: storage::outputs(function, &storage_providers)?,
        storage_providers,
        http_storage_events: http_storage_events(function)?,
        response: function.choice_or_default("response")?,
        on_failure: function.choice_or_default("on_failure")?,
        multi_node_parallel: parts.batch.as_ref().map(multi_node).transpose()?.flatten(),
        event_path: event_path(function, parts.batch.as_ref())?,
        memory: function.get("memory")?.map(|node| megabytes(&node, 128)),
        ephemeral_storage: ephemeral_storage(function)?,
    })
}

/// Lambda's own key is a map with `Size`; a number alone does too.
fn ephemeral_storage(function: &Node<'_>) -> Result<Option<Result<u32, ConfigError>>, ConfigError> {
    let Some(node) = function.get("ephemeral_storage")? else {
        return Ok(None);
    };
    let size = if node.value().is_object() {
        node.get("Size")?
    } else {
        Some(node)
    };
    Ok(size.map(|node| megabytes(&node, 512)))
}

/// A size that Lambda accepts (Lambda quotas).
fn megabytes(node: &Node<'_>, least: u32) -> Result<u32, ConfigError> {
    let number = node.count(least).ok().filter(|size| *size <= 10_240);
    number.ok_or_else(|| node.invalid(&format!("a whole number of MB from {least} to 10240")))
}

fn positive_seconds(node: &Node<'_>) -> Result<std::time::Duration, ConfigError> {
    match node.seconds()? {
        time if time.is_zero() => Err(node.invalid("a number of seconds greater than 0")),
        time => Ok(time),
    }
}

/// A folder is packaged with the function, which puts its content into the function's directory.
pub(super) fn extra_payload(folder: String) -> String {
    if folder.starts_with('/') {
        folder
    } else {
        FUNCTION_DIRECTORY.to_owned()
    }
}

fn http_storage_events(function: &Node<'_>) -> Result<HttpStorageEvents, ConfigError> {
    let Some(http) = function.get("http")? else {
        return Ok(HttpStorageEvents::default());
    };
    http.note_unknown(&["storage_events"]);
    match http
        .get("storage_events")?
        .map(|node| node.boolean())
        .transpose()?
    {
        Some(true) => Ok(HttpStorageEvents::Accept),
        None | Some(false) => Ok(HttpStorageEvents::Ignore),
    }
}

/// Where the events of jobs go.
fn event_path(
    function: &Node<'_>,
    batch: Option<&Node<'_>>,
) -> Result<Option<String>, ConfigError> {
    if let Some(node) = batch
        .map(|batch| batch.get("event_path"))
        .transpose()?
        .flatten()
    {
        return storage::checked_path(&node).map(Some);
    }
    let Some(deployment) = function.get("deployment")? else {
        return Ok(None);
    };
    let Some(bucket) = deployment.get("bucket")? else {
        return Ok(None);
    };
    let bucket = storage::checked_path(&bucket)?;
    Ok(Some(format!(
        "{}/{EVENT_FOLDER}",
        bucket.trim_end_matches('/')
    )))
}

fn multi_node(batch: &Node<'_>) -> Result<Option<MultiNode>, ConfigError> {
    let Some(node) = batch.get("multi_node_parallel")? else {
        return Ok(None);
    };
    node.note_unknown(&["enabled", "number_nodes", "main_node_index"]);
    let enabled = node
        .get("enabled")?
        .map(|node| node.boolean())
        .transpose()?
        .unwrap_or(false);
    let number_nodes = node
        .get("number_nodes")?
        .map(|node| node.count(1))
        .transpose()?
        .unwrap_or(1);
    let main = node.get("main_node_index")?;
    let main_node_index = main
        .as_ref()
        .map(|node| node.count(0))
        .transpose()?
        .unwrap_or(0);
    match main {
        Some(main) if main_node_index >= number_nodes => {
            Err(main.invalid("the index of one of the nodes, from 0 to number_nodes - 1"))
        }
        _ => Ok(Some(MultiNode {
            enabled,
            number_nodes,
            main_node_index,
        })),
    }
}
