//! The project's documents: their headings, links, code spans and code blocks. As much of Markdown as they use.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::root;

/// One Markdown file.
pub(crate) struct Document {
    /// From the project's top directory.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
}

/// A line of a document, for messages.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    /// What is on it.
    pub(crate) text: String,
}

/// A fenced code block.
pub(crate) struct Block {
    /// The word after the fence.
    pub(crate) language: String,
    /// Its lines.
    pub(crate) lines: Vec<Line>,
}

/// Every Markdown file of the project.
pub(crate) fn documents() -> Vec<Document> {
    let mut found = Vec::new();
    collect(&root(), "md", &mut found);
    found.sort();
    let top = root();
    let document = |path: PathBuf| Document {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(&top).unwrap().to_owned(),
    };
    found.into_iter().map(document).collect()
}

/// The document at a path from the top directory.
pub(crate) fn document(path: &str) -> Document {
    Document {
        path: path.into(),
        text: fs::read_to_string(root().join(path)).unwrap(),
    }
}

/// The files below `folder` that end with `.extension`, but for what is built or hidden.
pub(crate) fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, extension, found);
        } else if path.is_file() && path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
}

impl Document {
    /// The document and a line, as editors take it.
    pub(crate) fn at(&self, line: &Line) -> String {
        format!("{}:{}", self.path.display(), line.number)
    }

    /// The lines outside code blocks.
    pub(crate) fn prose(&self) -> Vec<Line> {
        self.split().0
    }

    /// The code blocks.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.split().1
    }

    fn split(&self) -> (Vec<Line>, Vec<Block>) {
        let (mut prose, mut blocks) = (Vec::new(), Vec::new());
        let mut open: Option<Block> = None;
        for (index, text) in self.text.lines().enumerate() {
            let line = Line {
                number: index + 1,
                text: text.to_owned(),
            };
            match (text.trim_start().strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    open = Some(Block {
                        language: language.trim().to_owned(),
                        lines: Vec::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => block.lines.push(line),
                (None, None) => prose.push(line),
            }
        }
        assert!(
            open.is_none(),
            "{}: a code block is open",
            self.path.display()
        );
        (prose, blocks)
    }

    /// The code spans of the prose, each with its line.
    pub(crate) fn spans(&self) -> Vec<Line> {
        let spans_of = |line: Line| {
            let spans = spans(&line.text);
            spans.into_iter().map(move |text| Line {
                number: line.number,
                text,
            })
        };
        self.prose().into_iter().flat_map(spans_of).collect()
    }

    /// Where the links and pictures of the prose lead.
    pub(crate) fn links(&self) -> Vec<Line> {
        let mut found = Vec::new();
        for line in self.prose() {
            let text = without_spans(&line.text);
            for (start, _) in text.match_indices("](") {
                let target = text[start + 2..].split([')', ' ']).next();
                found.push(Line {
                    number: line.number,
                    text: target.unwrap_or_default().to_owned(),
                });
            }
        }
        found
    }

    /// The anchors of the headings, as GitHub makes them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for line in self.prose() {
            let heading = line.text.trim_start_matches('#');
            if heading.len() == line.text.len() || !heading.starts_with(' ') {
                continue;
            }
            let kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
            let anchor: String = heading.trim().to_lowercase().chars().filter(kept).collect();
            let anchor = anchor.replace(' ', "-");
            let same = found.iter().filter(|known| **known == anchor).count();
            found.push(match same {
                0 => anchor,
                count => format!("{anchor}-{count}"),
            });
        }
        found
    }
}

/// The code spans of a line: text between two runs of equally many backticks.
fn spans(line: &str) -> Vec<String> {
    pieces(line)
        .into_iter()
        .filter_map(|(code, text)| code.then_some(text))
        .collect()
}

fn without_spans(line: &str) -> String {
    pieces(line)
        .into_iter()
        .filter_map(|(code, text)| (!code).then_some(text))
        .collect()
}

fn pieces(line: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let fence = "`".repeat(ticks);
        let inner = &rest[start + ticks..];
        let Some(end) = inner.find(&fence) else { break };
        found.push((false, rest[..start].to_owned()));
        found.push((true, inner[..end].trim().to_owned()));
        rest = &inner[end + ticks..];
    }
    found.push((false, rest.to_owned()));
    found
}
