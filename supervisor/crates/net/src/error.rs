//! Errors in words.

/// The messages of an error and of its sources, outermost first, on one line, without repetitions.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = one_line(error);
    let mut next = error.source();
    while let Some(source) = next {
        let message = one_line(source);
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        next = source.source();
    }
    text
}

fn one_line(error: &dyn std::error::Error) -> String {
    let message = error.to_string();
    message.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
