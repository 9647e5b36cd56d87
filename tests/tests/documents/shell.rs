//! The commands of a shell script in a document. As much of the shell's grammar as documents use.

use super::markdown::{Block, Line};

/// A command's words, without quotes, variables before it and redirections.
pub(crate) struct Command {
    /// Where it begins.
    pub(crate) line: Line,
    /// Its words.
    pub(crate) words: Vec<String>,
}

/// The commands of a code block, but for those in `$(…)`.
pub(crate) fn commands(block: &Block) -> Vec<Command> {
    let mut found = Vec::new();
    let mut lines = block.lines.iter();
    while let Some(line) = lines.next() {
        let mut text = line.text.trim().trim_start_matches("$ ").to_owned();
        while let Some(begun) = text.strip_suffix('\\') {
            let next = lines.next().map_or("", |next| next.text.trim());
            text = format!("{begun}{next}");
        }
        found.extend(split(&text).into_iter().map(|words| Command {
            line: line.clone(),
            words,
        }));
        if let Some((_, end)) = text.split_once("<<") {
            let end = end.trim_matches(['\'', '"', '-']);
            lines.by_ref().find(|line| line.text.trim() == end);
        }
    }
    found
}

/// The commands of one line.
pub(crate) fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut depth = 0_usize;
    let mut previous = ' ';
    for c in line.chars().chain([' ']) {
        let plain = quote.is_none() && depth == 0;
        match c {
            _ if depth > 0 => {
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth - 1,
                    _ => depth,
                };
            }
            '(' if previous == '$' => depth = 1,
            '#' if plain && word.is_none() => break,
            '\'' | '"' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            _ if quote == Some(c) => quote = None,
            ' ' | '\t' if plain => finish(&mut commands, word.take()),
            '|' | ';' | '&' if plain => {
                finish(&mut commands, word.take());
                commands.push(Vec::new());
            }
            _ => word.get_or_insert_default().push(c),
        }
        previous = c;
    }
    commands.retain_mut(|words| {
        let assigned = words.iter().take_while(|word| is_assignment(word)).count();
        words.drain(..assigned);
        let redirected = words.iter().position(|word| word.starts_with(['<', '>']));
        words.truncate(redirected.unwrap_or(words.len()));
        !words.is_empty()
    });
    commands
}

fn finish(commands: &mut [Vec<String>], word: Option<String>) {
    if let Some(last) = commands.last_mut() {
        last.extend(word);
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    })
}

#[test]
fn a_line_is_split_as_a_shell_does_it() {
    for (line, commands) in [
        ("make demo    # a picture", vec![vec!["make", "demo"]]),
        (
            "echo '{}' | faas-deploy plan --try - # here",
            vec![
                vec!["echo", "{}"],
                vec!["faas-deploy", "plan", "--try", "-"],
            ],
        ),
        (
            r#"A=1 SCRIPT=$(printf 'cat "$X"' | base64) supervisor -- sh"#,
            vec![vec!["supervisor", "--", "sh"]],
        ),
        ("wc -w < \"$IN\" > out", vec![vec!["wc", "-w"]]),
        (
            "put -p 'a line.txt' && ls",
            vec![vec!["put", "-p", "a line.txt"], vec!["ls"]],
        ),
    ] {
        assert_eq!(split(line), commands, "{line}");
    }
}
