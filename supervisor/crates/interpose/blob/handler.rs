//! What happens to a call that does not simply pass.

use interpose::calls::{Action, Own, action};

use crate::{entry::Frame, masks, patch, paths, program, threads, trap};

/// What a handler found out.
pub(crate) enum Answer {
    /// The kernel, or the loader in its place, has answered.
    Done(i64),
    /// The stub makes the call as it is.
    Pass,
    /// The stub makes the call, which starts a thread.
    Clone,
    /// The stub makes the call, whose child shares memory and area.
    Vfork,
}

impl From<Result<u64, interpose::errno::Errno>> for Answer {
    fn from(result: Result<u64, interpose::errno::Errno>) -> Self {
        Self::Done(match result {
            Ok(value) => value as i64,
            Err(error) => -i64::from(error.0),
        })
    }
}

/// Handles the call of `frame`. The entry calls it.
pub(crate) extern "C" fn handle(frame: &mut Frame) {
    let (number, arguments) = (frame.number(), frame.arguments());
    let answer = match action(number) {
        Action::Pass => Answer::Pass,
        Action::Refuse(error) => Err(error).into(),
        Action::Paths(first, second) => paths::call(number, arguments, first, second),
        Action::Mask(mask) => masks::call(number, arguments, mask),
        Action::Own(own) => own_code(own, number, arguments),
    };
    match answer {
        Answer::Done(result) => frame.finish(result),
        Answer::Pass => {}
        Answer::Clone => frame.pass_as_clone(),
        Answer::Vfork => frame.pass_as_vfork(),
    }
}

fn own_code(own: Own, number: usize, arguments: [u64; 6]) -> Answer {
    match own {
        Own::Mmap => patch::mmap(arguments),
        Own::Mprotect => patch::mprotect(number, arguments),
        Own::SigAction => trap::action(arguments),
        Own::SigMask => masks::set(arguments),
        Own::Clone => threads::clone(arguments),
        Own::Clone3 => threads::clone3(arguments),
        Own::Vfork => threads::vfork(),
        Own::Exit => threads::exit(arguments),
        Own::GetCwd => paths::working_directory(arguments),
        Own::ReadLink(path) => paths::read_link(number, arguments, path),
        Own::Exec => program::execve(arguments),
        Own::ExecAt => program::execveat(arguments),
    }
}
