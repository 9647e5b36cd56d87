//! What a keeper is told to run, through its standard input. It may have been started before that was known.
//!
//! Words with a NUL after each, as nothing that goes into one can hold a NUL; the end of the input is the end of the order.
//! No words at all are an order, too: to end.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
    time::Duration,
};

use super::stage::Scene;

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub struct Order {
    /// From SIGTERM to SIGKILL, when it is told to stop.
    pub grace: Duration,
    /// What it finds in ROOT.
    pub scene: Scene,
    /// Exactly these are its variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The program and its arguments.
    pub line: Vec<OsString>,
}

impl Order {
    /// Gives the order.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let number = |number: usize| OsString::from(number.to_string());
        let Scene { directory, links } = &self.scene;
        let mut words = vec![
            self.grace.as_millis().to_string().into(),
            directory.clone().unwrap_or_default().into(),
            number(links.len()),
        ];
        words.extend(links.iter().map(OsString::from));
        words.push(number(self.variables.len()));
        for (name, value) in &self.variables {
            words.extend([name.clone(), value.clone()]);
        }
        words.push(number(self.line.len()));
        words.extend_from_slice(&self.line);
        to.write_all(&terminated(&words))
    }

    /// Waits for an order; none if there is nothing to do.
    ///
    /// # Errors
    /// The operating system's, and [`io::ErrorKind::InvalidData`] for anything that is not a whole order.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        Self::parse(&bytes)
            .map(Some)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "half an order"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = bytes
            .strip_suffix(b"\0")?
            .split(|&b| b == 0)
            .map(|word| OsString::from_vec(word.to_vec()));
        let number = |word: OsString| word.to_str()?.parse::<u32>().ok();
        let grace = Duration::from_millis(number(words.next()?)?.into());
        let directory = words.next().filter(|word| !word.is_empty());
        let links = number(words.next()?)?;
        let links = (0..links).map(|_| words.next().map(PathBuf::from));
        let links = links.collect::<Option<_>>()?;
        let variables = number(words.next()?)?;
        let variables = (0..variables).map(|_| Some((words.next()?, words.next()?)));
        let variables = variables.collect::<Option<_>>()?;
        let length = number(words.next()?)?;
        let line: Vec<_> = words.collect();
        let whole = !line.is_empty() && u32::try_from(line.len()) == Ok(length);
        whole.then_some(Self {
            grace,
            scene: Scene {
                directory: directory.map(PathBuf::from),
                links,
            },
            variables,
            line,
        })
    }
}

/// The words with a NUL after each; one inside of a word is left out.
pub fn terminated(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in words {
        let word = word.as_ref().as_bytes();
        bytes.extend(word.iter().filter(|&&b| b != 0));
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_arrives_whole_or_not_at_all() {
        let order = Order {
            grace: Duration::from_millis(1500),
            scene: Scene {
                directory: Some("/srv".into()),
                links: vec!["/tmp/a b".into(), "/tmp/c".into()],
            },
            variables: [("A".into(), "".into()), ("B".into(), "x=\ny".into())].into(),
            line: vec!["/bin/echo".into(), "".into(), "end".into(), "".into()],
        };
        let mut bytes = Vec::new();
        order.write(&mut bytes).unwrap();
        for cut in 1..bytes.len() {
            assert!(Order::read(&mut &bytes[..cut]).is_err(), "{cut}");
        }
        assert_eq!(Order::read(&mut &bytes[..]).unwrap(), Some(order));
        assert_eq!(Order::read(&mut &b""[..]).unwrap(), None);
    }
}
