//! What the loader knows about the container: set once, before the guest runs.

use core::cell::UnsafeCell;

use interpose::{
    path_bytes::PathBytes,
    resolve::Walker,
    settings::{self, MOST_BINDS, Settings},
    view::{Bind, View},
};

use crate::files::Kernel;

/// A place that is written before there is a second thread and only read afterwards.
struct Once<T>(UnsafeCell<T>);

// SAFETY: `set` runs before the guest starts, when the process has one thread; afterwards nobody writes.
unsafe impl<T> Sync for Once<T> {}

static TEXT: Once<[u8; settings::LONGEST]> = Once(UnsafeCell::new([0; settings::LONGEST]));
static BINDS: Once<[Bind<'static>; MOST_BINDS]> = Once(UnsafeCell::new(
    [Bind {
        guest: b"",
        host: b"",
    }; MOST_BINDS],
));
static SETTINGS: Once<Settings<'static>> = Once(UnsafeCell::new(Settings {
    view: View {
        root: b"",
        binds: &[],
    },
    loader: b"",
    program: b"",
    name: b"",
}));

/// Takes over the settings that the loader was started with; false where they are none.
pub(crate) fn set(value: &[u8]) -> bool {
    // SAFETY: called once, at the start: nothing reads these yet.
    let (text, binds, settings) = unsafe {
        (
            &mut *TEXT.0.get(),
            &mut *BINDS.0.get(),
            &mut *SETTINGS.0.get(),
        )
    };
    let Some(text) = text.get_mut(..value.len()) else {
        return false;
    };
    text.copy_from_slice(value);
    match settings::read(text, binds) {
        Ok(read) => *settings = read,
        Err(_) => return false,
    }
    true
}

/// Address of the path that was given to exec, with a zero at its end.
pub(crate) fn name() -> u64 {
    static NAME: Once<PathBytes> = Once(UnsafeCell::new(PathBytes::new()));
    // SAFETY: called once, at the start.
    let name = unsafe { &mut *NAME.0.get() };
    let _ = name.set(settings().name);
    name.with_nul().as_ptr() as u64
}

/// The settings.
pub(crate) fn settings() -> &'static Settings<'static> {
    // SAFETY: written before the guest started, only read since.
    unsafe { &*SETTINGS.0.get() }
}

/// What follows the guest's paths.
pub(crate) fn walker() -> Walker<'static, Kernel> {
    let settings = settings();
    Walker {
        view: settings.view,
        program: settings.program,
        files: Kernel,
    }
}

/// The guest path of the directory with this descriptor, or of the working directory; none where the guest sees none.
pub(crate) fn base(directory: u64, guest: &mut PathBytes) -> bool {
    let mut host = PathBytes::new();
    let length = if directory as i32 == crate::sys::AT_FDCWD as i32 {
        crate::sys::working_directory(host.buffer())
    } else {
        descriptor_path(directory, &mut host)
    };
    let Ok(length) = length else {
        return false;
    };
    host.set_len(length);
    matches!(walker().view.to_guest(host.as_bytes(), guest), Ok(true))
}

/// Puts the host path of what a descriptor is open on into `path` and returns its length.
pub(crate) fn descriptor_path(
    descriptor: u64,
    path: &mut PathBytes,
) -> Result<usize, interpose::errno::Errno> {
    let mut link = PathBytes::from(b"/proc/self/fd/")?;
    crate::files::push_number(&mut link, u64::from(descriptor as u32))?;
    crate::sys::read_link(link.with_nul(), path.buffer())
}
