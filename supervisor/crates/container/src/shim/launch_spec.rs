//! What a shim runs, as it reads it from its standard input: how the engine starts, then what runs in it.
//!
//! Each is a part, see [`super::parts`]. Where the input ends before a part, there is nothing to do.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    parts::{part, read_part, terminated, words},
    process_tree::Neighbours,
};
use crate::{shim::overlay::RunLinks, variable::Variable};

/// Variables of a process, all of them.
pub type Variables = BTreeMap<OsString, OsString>;

/// The variables of a run, as a process gets them.
pub fn variables(of: &[Variable]) -> Variables {
    let pairs = of
        .iter()
        .map(|v| (v.name.clone().into(), v.value.clone().into()));
    pairs.collect()
}

/// Who is the container's first process, see [`super::init`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstProcess {
    /// udocker brings it into the container; the shim knows nothing of it.
    Inside,
    /// The shim does what it would do: the command is its child, and nothing else is started.
    Shim,
    /// It becomes the command, in proot, which says how the command ended.
    InProot,
}

/// How the engine starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSpec {
    /// Its first process.
    pub first: FirstProcess,
    /// Where that finds its pipes; empty where there are none.
    pub handoff: PathBuf,
    /// Who else starts processes as this user.
    pub neighbours: Neighbours,
    /// Exactly these are the engine's variables.
    pub variables: Variables,
    /// The engine's program and its arguments.
    pub line: Vec<OsString>,
}

/// What runs in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// From SIGTERM to SIGKILL, when it is told to stop.
    pub grace: Duration,
    /// What it finds in ROOT.
    pub run_links: RunLinks,
    /// Its own variables.
    pub variables: Variables,
    /// The program and its arguments; nothing where the engine's command line says it all.
    pub argv: Vec<OsString>,
}

/// One run.
#[derive(Debug, PartialEq, Eq)]
pub struct LaunchSpec {
    /// How it starts.
    pub engine_spec: EngineSpec,
    /// What it does.
    pub command_spec: CommandSpec,
}

impl LaunchSpec {
    /// The bytes that are sent: the two parts.
    pub fn encode(&self) -> Vec<u8> {
        [self.engine_spec.encode(), self.command_spec.encode()].concat()
    }

    /// Reads a launch spec; none at the end of the input.
    ///
    /// # Errors
    /// Those of [`read_part`], and [`io::ErrorKind::InvalidData`] when it is none.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(engine_spec) = read_part(from)? else {
            return Ok(None);
        };
        let command_spec = read_part(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Some(Self {
            engine_spec: EngineSpec::parse(&engine_spec)?,
            command_spec: CommandSpec::parse(&command_spec)?,
        }))
    }
}

impl EngineSpec {
    /// The directory that belongs to this run alone, which its variables name; empty where it has none.
    pub fn run_directory(&self) -> &Path {
        self.handoff.parent().unwrap_or(Path::new(""))
    }

    /// The part as it is sent.
    pub fn encode(&self) -> Vec<u8> {
        let first = match self.first {
            FirstProcess::Inside => "inside",
            FirstProcess::Shim => "shim",
            FirstProcess::InProot => "proot",
        };
        let neighbours = self.neighbours.name().into();
        let mut words = vec![first.into(), self.handoff.clone().into(), neighbours];
        push_variables(&mut words, &self.variables);
        words.extend_from_slice(&self.line);
        part(&terminated(&words))
    }

    /// From the bytes of the part.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is none.
    pub fn parse(bytes: &[u8]) -> io::Result<Self> {
        let mut words = words(bytes);
        let engine_spec = (|| {
            Some(Self {
                first: match words.next()?.to_str()? {
                    "inside" => FirstProcess::Inside,
                    "shim" => FirstProcess::Shim,
                    "proot" => FirstProcess::InProot,
                    _ => return None,
                },
                handoff: words.next()?.into(),
                neighbours: Neighbours::parse(words.next()?.to_str()?)?,
                variables: take_variables(&mut words)?,
                line: words.collect(),
            })
        })();
        engine_spec.ok_or_else(no_order)
    }
}

impl CommandSpec {
    /// The part as it is sent.
    pub fn encode(&self) -> Vec<u8> {
        let RunLinks { directory, links } = &self.run_links;
        let mut words = vec![
            self.grace.as_millis().to_string().into(),
            directory.clone().unwrap_or_default().into(),
            number(links.len()),
        ];
        words.extend(links.iter().map(OsString::from));
        push_variables(&mut words, &self.variables);
        words.extend_from_slice(&self.argv);
        part(&terminated(&words))
    }

    /// From the bytes of the part.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is none.
    pub fn parse(bytes: &[u8]) -> io::Result<Self> {
        let mut words = words(bytes);
        let command_spec = (|| {
            let grace = Duration::from_millis(count(&mut words)?.into());
            let directory = words.next()?;
            let links = count(&mut words)?;
            let links = (0..links).map(|_| words.next().map(PathBuf::from));
            Some(Self {
                grace,
                run_links: RunLinks {
                    links: links.collect::<Option<_>>()?,
                    directory: (!directory.is_empty()).then(|| directory.into()),
                },
                variables: take_variables(&mut words)?,
                argv: words.collect(),
            })
        })();
        command_spec.ok_or_else(no_order)
    }
}

fn number(number: usize) -> OsString {
    number.to_string().into()
}

fn count(words: &mut impl Iterator<Item = OsString>) -> Option<u32> {
    words.next()?.to_str()?.parse().ok()
}

fn push_variables(words: &mut Vec<OsString>, variables: &Variables) {
    words.push(number(variables.len()));
    for (name, value) in variables {
        words.extend([name.clone(), value.clone()]);
    }
}

fn take_variables(words: &mut impl Iterator<Item = OsString>) -> Option<Variables> {
    let variables = count(words)?;
    (0..variables)
        .map(|_| Some((words.next()?, words.next()?)))
        .collect()
}

fn no_order() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an order that is none")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> LaunchSpec {
        LaunchSpec {
            engine_spec: EngineSpec {
                first: FirstProcess::InProot,
                handoff: "/tmp/hand off".into(),
                neighbours: Neighbours::Extensions,
                variables: [("A".into(), "".into()), ("B".into(), "x=\ny".into())].into(),
                line: vec!["/bin/proot".into(), "".into(), "end".into(), "".into()],
            },
            command_spec: CommandSpec {
                grace: Duration::from_millis(1500),
                run_links: RunLinks {
                    directory: Some("/srv".into()),
                    links: vec!["/tmp/a b".into(), "/tmp/c".into()],
                },
                variables: [("C".into(), " ".into())].into(),
                argv: vec!["/bin/echo".into(), "".into()],
            },
        }
    }

    #[test]
    fn an_order_arrives_whole_or_not_at_all() {
        let sent = order().encode();
        for cut in 0..sent.len() {
            let came = LaunchSpec::read(&mut &sent[..cut]);
            assert_eq!(came.is_ok(), cut == 0, "{cut}: {came:?}");
            assert!(!matches!(came, Ok(Some(_))), "{cut}: {came:?}");
        }
        let mut rest = sent.as_slice();
        assert_eq!(LaunchSpec::read(&mut rest).unwrap(), Some(order()));
        assert_eq!(LaunchSpec::read(&mut rest).unwrap(), None);
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for words in [
            vec![],
            vec!["proot"],
            vec!["other", "/", "anybody", "0"],
            vec!["proot", "/", "nobody", "0"],
            vec!["proot", "/", "anybody", "1", "A"],
        ] {
            assert!(EngineSpec::parse(&terminated(&words)).is_err(), "{words:?}");
        }
        for words in [vec![], vec!["soon", "", "0", "0"], vec!["1", "", "2", "/a"]] {
            assert!(
                CommandSpec::parse(&terminated(&words)).is_err(),
                "{words:?}"
            );
        }
    }
}
