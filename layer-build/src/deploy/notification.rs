//! A bucket's notification configuration, as the XML that S3 sends and accepts. A request replaces all of it (S3 API reference,
//! `PutBucketNotificationConfiguration`), so entries of others are kept byte for byte.

/// The element of a function's entry. Newer documentation has another name for it, S3 itself does not.
const ELEMENT: &str = "CloudFunctionConfiguration";
const END: &str = "</NotificationConfiguration>";
const EMPTY: &str = "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"></NotificationConfiguration>";

/// A function's entry: new objects below `folder` start `function`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// ARN of the function.
    pub function: &'a str,
    /// The folder; empty for the whole bucket.
    pub folder: &'a str,
}

/// The configuration with exactly these entries of the function.
pub fn merge(current: &str, function: &str, entries: &[Entry<'_>]) -> String {
    let kept = remove(current, function);
    let added: String = entries.iter().map(Entry::xml).collect();
    match kept.rfind(END) {
        Some(end) => format!(
            "{}{added}{}",
            kept.get(..end).unwrap_or_default(),
            kept.get(end..).unwrap_or_default()
        ),
        None => EMPTY.replace(END, &format!("{added}{END}")),
    }
}

/// The configuration without the function's entries.
pub fn remove(current: &str, function: &str) -> String {
    let mut kept = String::new();
    let mut rest = current;
    while let Some((start, end)) = element(rest) {
        let text = rest.get(start..end).unwrap_or_default();
        kept.push_str(rest.get(..start).unwrap_or_default());
        if !is_of(text, function) {
            kept.push_str(text);
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    kept + rest
}

/// Whether the configuration has exactly these entries of the function.
pub fn has(current: &str, function: &str, entries: &[Entry<'_>]) -> bool {
    let mut found = Vec::new();
    let mut rest = current;
    while let Some((start, end)) = element(rest) {
        let text = rest.get(start..end).unwrap_or_default();
        if is_of(text, function) {
            found.push(value_after(text, "<Name>").map_or(String::new(), |_| prefix(text)));
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    let mut wanted: Vec<_> = entries.iter().map(Entry::prefix).collect();
    found.sort();
    wanted.sort();
    found == wanted
}

impl Entry<'_> {
    fn prefix(&self) -> String {
        if self.folder.is_empty() {
            String::new()
        } else {
            format!("{}/", self.folder)
        }
    }

    fn xml(&self) -> String {
        let filter = match self.prefix() {
            prefix if prefix.is_empty() => String::new(),
            prefix => format!(
                "<Filter><S3Key><FilterRule><Name>prefix</Name><Value>{}</Value></FilterRule></S3Key></Filter>",
                escape(&prefix)
            ),
        };
        format!(
            "<{ELEMENT}><CloudFunction>{}</CloudFunction><Event>s3:ObjectCreated:*</Event>{filter}</{ELEMENT}>",
            escape(self.function)
        )
    }
}

/// Start and end of the next function's entry.
fn element(text: &str) -> Option<(usize, usize)> {
    let start = text.find(&format!("<{ELEMENT}>"))?;
    let close = format!("</{ELEMENT}>");
    let end = text.get(start..)?.find(&close)? + start + close.len();
    Some((start, end))
}

fn is_of(entry: &str, function: &str) -> bool {
    value_after(entry, "<CloudFunction>").is_some_and(|arn| unescape(arn).trim() == function)
}

fn prefix(entry: &str) -> String {
    value_after(entry, "<Value>")
        .map(unescape)
        .unwrap_or_default()
}

fn value_after<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let start = text.find(tag)? + tag.len();
    text.get(start..)?.split('<').next()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}
