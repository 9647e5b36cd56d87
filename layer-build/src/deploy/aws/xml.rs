//! The little XML that answers of the Query protocol and error messages of S3 need.

/// The text of the first element with a name.
pub(super) fn text_of(xml: &str, name: &str) -> Option<String> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let text = xml.get(start..)?.split("</").next()?;
    Some(
        text.replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
