//! Options as users type them: `faas-deploy` takes short options of several letters (`-tt`), which clap cannot describe.
//! They are added to the generated completions beside the long ones, line by line; hidden options are taken out.

/// What differs from what clap knows.
#[derive(Debug)]
pub struct Spelling<'a> {
    /// Short options of several letters, each with its long one; both with their hyphens.
    pub shorts: &'a [(&'static str, &'static str)],
    /// Long options that are not offered, with their hyphens.
    pub hidden: Vec<String>,
}

impl Spelling<'_> {
    fn short(&self, long: &str) -> Option<&'static str> {
        let found = self.shorts.iter().find(|(_, named)| *named == long)?;
        Some(found.0)
    }

    fn is_hidden(&self, long: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden == long)
    }
}

/// A line of a bash function: the list of all options (`opts="-h --help"`), or the case of one of them (`--help)`).
pub fn bash(line: &str, spelling: &Spelling<'_>) -> Option<String> {
    let text = line.trim_start();
    let indentation = &line[..line.len() - text.len()];
    if let Some(list) = text
        .strip_prefix("opts=\"")
        .and_then(|list| list.strip_suffix('"'))
    {
        let visible = list.split(' ').filter(|word| !spelling.is_hidden(word));
        let words: Vec<&str> = visible
            .flat_map(|word| std::iter::once(word).chain(spelling.short(word)))
            .collect();
        return Some(format!("{indentation}opts=\"{}\"", words.join(" ")));
    }
    let long = text.strip_suffix(')').filter(|_| text.starts_with("--"));
    match long.and_then(|long| Some((long, spelling.short(long)?))) {
        Some((long, short)) => Some(format!("{indentation}{long}|{short})")),
        None => Some(line.to_owned()),
    }
}

/// A line of a zsh function: one option, as in `'(--image)*--image-file=[Help]:FILE:_files' \`.
pub fn zsh(line: &str, spelling: &Spelling<'_>) -> Option<String> {
    let Some((before, long, after)) = zsh_option(line) else {
        return Some(line.to_owned());
    };
    if spelling.is_hidden(long) {
        return None;
    }
    Some(match spelling.short(long) {
        Some(short) => format!("{line}\n{before}{short}{after}"),
        None => line.to_owned(),
    })
}

/// What is before, in and after the name of a long option.
fn zsh_option(line: &str) -> Option<(&str, &str, &str)> {
    let quoted = line.strip_prefix('\'')?;
    let unlisted = match quoted.strip_prefix('(') {
        Some(list) => list.split_once(')')?.1,
        None => quoted,
    };
    let option = unlisted.strip_prefix('*').unwrap_or(unlisted);
    let end = option.find(['=', '[', '+'])?;
    let (long, after) = option.split_at(end);
    let before = &line[..line.len() - option.len()];
    long.starts_with("--").then_some((before, long, after))
}

/// A line of a fish script: one option, as in `complete -c NAME -n "CONDITION" -l image-file -d 'Help' -r -F`. An option of
/// several letters after one hyphen is an "old" one there (`-o`).
pub fn fish(line: &str, spelling: &Spelling<'_>) -> Option<String> {
    let option = line
        .strip_prefix("complete ")
        .and_then(|rest| rest.split_once(" -l "));
    let Some((before, rest)) = option else {
        return Some(line.to_owned());
    };
    let (name, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let long = format!("--{name}");
    if spelling.is_hidden(&long) {
        return None;
    }
    Some(match spelling.short(&long) {
        Some(short) => {
            let old = short.trim_start_matches('-');
            format!("complete {before} -l {name} -o {old} {after}")
        }
        None => line.to_owned(),
    })
}
