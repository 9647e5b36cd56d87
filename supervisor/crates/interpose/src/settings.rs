//! What one loader tells the next across an exec: one variable at the end of the environment, which the loader takes out
//! before the guest's program starts.

use crate::{
    errno::Errno,
    view::{Bind, View},
};

/// The variable's name, with the equals sign.
pub const VARIABLE: &[u8] = b"INTERPOSE_SETTINGS=";

/// Most bytes of the variable with its value.
pub const LONGEST: usize = 32 * 1024;

/// Most binds.
pub const MOST_BINDS: usize = 64;

/// Settings of the engine and the program to start.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Where the guest's paths lie.
    pub view: View<'a>,
    /// Absolute host path of the loader.
    pub loader: &'a [u8],
    /// Guest path of the program, or of the interpreter of a script. Canonical.
    pub program: &'a [u8],
    /// The path that was given to exec: `AT_EXECFN`.
    pub name: &'a [u8],
}

impl Settings<'_> {
    /// Writes the variable, without a zero at its end.
    ///
    /// # Errors
    /// What `put` returns.
    pub fn write<E>(&self, mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        put(VARIABLE)?;
        for field in [self.view.root, self.loader, self.program, self.name] {
            write_field(field, &mut put)?;
        }
        for bind in self.view.binds {
            write_field(bind.guest, &mut put)?;
            write_field(bind.host, &mut put)?;
        }
        Ok(())
    }
}

/// A field is its length in decimal, a colon, and its bytes.
fn write_field<E>(field: &[u8], put: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut number = field.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    put(&digits[first..])?;
    put(b":")?;
    put(field)
}

/// Reads the variable's value. The binds are put into `binds`.
///
/// # Errors
/// `EINVAL` for what no loader wrote.
pub fn read<'a>(
    value: &'a [u8],
    binds: &'a mut [Bind<'a>; MOST_BINDS],
) -> Result<Settings<'a>, Errno> {
    let mut rest = value;
    let mut next = || read_field(&mut rest).ok_or(Errno::EINVAL);
    let (root, loader, program, name) = (next()?, next()?, next()?, next()?);
    let mut count = 0;
    while !rest.is_empty() {
        let mut next = || read_field(&mut rest).ok_or(Errno::EINVAL);
        let bind = Bind {
            guest: next()?,
            host: next()?,
        };
        *binds.get_mut(count).ok_or(Errno::EINVAL)? = bind;
        count += 1;
    }
    let view = View {
        root,
        binds: &binds[..count],
    };
    Ok(Settings {
        view,
        loader,
        program,
        name,
    })
}

fn read_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let colon = rest.iter().position(|&byte| byte == b':')?;
    let length: usize = core::str::from_utf8(&rest[..colon]).ok()?.parse().ok()?;
    let start = colon + 1;
    let field = rest.get(start..start.checked_add(length)?)?;
    *rest = &rest[start + length..];
    Some(field)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_what_is_cut_is_refused() {
        let binds = [Bind {
            guest: b"/a:b",
            host: b"/h",
        }];
        let settings = Settings {
            view: View {
                root: b"/r",
                binds: &binds,
            },
            loader: b"/loader",
            program: b"/bin/sh",
            name: b"",
        };
        let mut text = Vec::new();
        let put = |bytes: &[u8]| -> Result<(), ()> {
            text.extend_from_slice(bytes);
            Ok(())
        };
        settings.write(put).unwrap();
        let value = text.strip_prefix(VARIABLE).unwrap();
        let mut room = [Bind {
            guest: b"",
            host: b"",
        }; MOST_BINDS];
        let found = read(value, &mut room).unwrap();
        assert_eq!(
            (found.loader, found.program, found.name),
            (settings.loader, settings.program, settings.name)
        );
        assert_eq!(
            (found.view.root, found.view.binds),
            (&b"/r"[..], &binds[..])
        );
        for cut in 1..value.len() {
            let mut room = [Bind {
                guest: b"",
                host: b"",
            }; MOST_BINDS];
            if let Ok(found) = read(&value[..cut], &mut room) {
                assert!(found.view.binds.is_empty(), "cut at {cut}");
            }
        }
    }
}
