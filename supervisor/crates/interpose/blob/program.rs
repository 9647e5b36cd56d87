//! execve: what the guest wants to run is checked here, then the loader is executed in its place.

use interpose::{
    errno::Errno,
    exec::Execution,
    numbers as nr,
    path_bytes::PathBytes,
    settings::{self, Settings},
};

use crate::{area, guest, guest::Words, handler::Answer, state, sys};

/// execve
pub(crate) fn execve([path, arguments, environment, ..]: [u64; 6]) -> Answer {
    let run = || execute(sys::AT_FDCWD, &guest::path(path)?, arguments, environment);
    run().into()
}

/// execveat
pub(crate) fn execveat([directory, path, arguments, environment, flags, _]: [u64; 6]) -> Answer {
    const EMPTY_PATH: u64 = 0x1000;
    let run = || {
        let mut path = guest::path(path)?;
        if path.is_empty() && flags & EMPTY_PATH != 0 {
            path.set(b"/proc/self/fd/")?;
            crate::files::push_number(&mut path, u64::from(directory as u32))?;
        }
        execute(directory, &path, arguments, environment)
    };
    run().into()
}

fn execute(
    directory: u64,
    path: &PathBytes,
    arguments: u64,
    environment: u64,
) -> Result<u64, Errno> {
    let mut base = PathBytes::new();
    if path.as_bytes().first() != Some(&b'/') && !state::base(directory, &mut base) {
        return Err(Errno::ENOENT);
    }
    let mut found = Execution::default();
    state::walker().execution(base.as_bytes(), path.as_bytes(), &mut found)?;
    let settings = Settings {
        program: found.program.guest.as_bytes(),
        name: path.as_bytes(),
        ..*state::settings()
    };
    let mut lists = Lists::new(arguments, environment)?;
    let text = lists.text(&settings)?;
    let arguments = lists.arguments(&found, arguments)?;
    let environment = lists.environment(environment, text)?;
    let loader = PathBytes::from(settings.loader)?;
    // SAFETY: the lists end in zeros and live in memory of this thread's own; strings are the guest's, which the kernel checks.
    unsafe {
        sys::call(
            nr::EXECVE,
            [
                loader.with_nul().as_ptr() as u64,
                arguments,
                environment,
                0,
                0,
                0,
            ],
        )
    }
}

/// The new program's argument and environment lists, in memory that stays with the thread.
struct Lists {
    room: *mut u64,
    /// Words of `room` that are taken, and that there are.
    used: usize,
    size: usize,
}

impl Lists {
    /// Room for lists as long as these, with what is added.
    fn new(arguments: u64, environment: u64) -> Result<Self, Errno> {
        let added = interpose::exec::MOST_ARGUMENTS + 4;
        let words = count(arguments)? + count(environment)? + added;
        let size = words + settings::LONGEST / 8;
        let room = area::current().scratch(size * 8)?.cast();
        Ok(Self {
            room,
            used: 0,
            size,
        })
    }

    fn push(&mut self, word: u64) -> Result<(), Errno> {
        if self.used == self.size {
            return Err(Errno::E2BIG);
        }
        // SAFETY: within the memory `new` got.
        unsafe { self.room.add(self.used).write(word) };
        self.used += 1;
        Ok(())
    }

    fn here(&self) -> u64 {
        // SAFETY: within the memory `new` got, or right behind it.
        unsafe { self.room.add(self.used) as u64 }
    }

    /// Writes the variable that holds the settings and returns its address.
    fn text(&mut self, settings: &Settings<'_>) -> Result<u64, Errno> {
        let at = self.here();
        let room = settings::LONGEST.min((self.size - self.used) * 8);
        // SAFETY: within the memory `new` got; this thread's alone.
        let bytes = unsafe { core::slice::from_raw_parts_mut(at as *mut u8, room) };
        let mut length = 0;
        settings.write(|field| {
            let target = bytes
                .get_mut(length..length + field.len())
                .ok_or(Errno::E2BIG)?;
            target.copy_from_slice(field);
            length += field.len();
            Ok(())
        })?;
        *bytes.get_mut(length).ok_or(Errno::E2BIG)? = 0;
        self.used += length / 8 + 1;
        Ok(at)
    }

    fn arguments(&mut self, found: &Execution, list: u64) -> Result<u64, Errno> {
        let at = self.here();
        let mut words = Words::at(list);
        let mut script = false;
        for argument in found.arguments() {
            self.push(argument.as_ptr() as u64)?;
            script = true;
        }
        if script {
            words.next()?;
        }
        while let Some(word) = words.next()? {
            self.push(word)?;
        }
        self.push(0)?;
        Ok(at)
    }

    fn environment(&mut self, list: u64, settings: u64) -> Result<u64, Errno> {
        let at = self.here();
        let mut words = Words::at(list);
        while let Some(word) = words.next()? {
            self.push(word)?;
        }
        self.push(settings)?;
        self.push(0)?;
        Ok(at)
    }
}

fn count(list: u64) -> Result<usize, Errno> {
    let mut words = Words::at(list);
    let mut count = 0;
    while words.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}
