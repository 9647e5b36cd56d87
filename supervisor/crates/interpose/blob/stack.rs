//! The stack a program starts with: its arguments, its environment and the auxiliary vector, one after the other.

use interpose::settings::VARIABLE;

/// Keys of the auxiliary vector.
pub(crate) mod key {
    pub(crate) const NULL: u64 = 0;
    pub(crate) const PHDR: u64 = 3;
    pub(crate) const PHENT: u64 = 4;
    pub(crate) const PHNUM: u64 = 5;
    pub(crate) const BASE: u64 = 7;
    pub(crate) const ENTRY: u64 = 9;
    pub(crate) const RANDOM: u64 = 25;
    pub(crate) const EXECFN: u64 = 31;
}

/// The words the kernel put onto the stack.
pub(crate) struct Stack {
    /// The first: how many arguments there are.
    first: *mut u64,
}

impl Stack {
    /// # Safety
    /// `first` is the stack pointer of a program that has just been started.
    pub(crate) unsafe fn new(first: *mut u64) -> Self {
        Self { first }
    }

    fn word(&self, index: usize) -> u64 {
        // SAFETY: callers stay within the lists, which end in zeros.
        unsafe { self.first.add(index).read() }
    }

    fn set(&mut self, index: usize, word: u64) {
        // SAFETY: as above; nobody else looks at the stack before the guest starts.
        unsafe { self.first.add(index).write(word) }
    }

    fn environment(&self) -> usize {
        self.word(0) as usize + 2
    }

    fn after_zero(&self, mut index: usize) -> usize {
        while self.word(index) != 0 {
            index += 1;
        }
        index + 1
    }

    /// Takes the settings out of the environment and gives their value, which is wiped by the caller's `take`.
    pub(crate) fn take_settings(&mut self, take: impl FnOnce(&[u8]) -> bool) -> bool {
        let first = self.environment();
        let end = self.after_zero(first) - 1;
        let Some(index) = (first..end)
            .rev()
            .find(|&index| string(self.word(index)).starts_with(VARIABLE))
        else {
            return false;
        };
        let text = string_mut(self.word(index));
        let taken = take(&text[VARIABLE.len()..]);
        text.fill(0);
        self.remove(index);
        taken
    }

    /// Moves everything behind this word down by one, to the end of the auxiliary vector.
    fn remove(&mut self, index: usize) {
        let mut auxiliary = self.after_zero(index);
        while self.word(auxiliary) != key::NULL {
            auxiliary += 2;
        }
        for index in index..=auxiliary {
            let next = self.word(index + 1);
            self.set(index, next);
        }
    }

    /// Changes the auxiliary vector's values: `value` gives the new one for a key.
    pub(crate) fn change_auxiliary(&mut self, value: impl Fn(u64) -> Option<u64>) {
        let mut index = self.after_zero(self.environment());
        while self.word(index) != key::NULL {
            if let Some(value) = value(self.word(index)) {
                self.set(index + 1, value);
            }
            index += 2;
        }
    }

    /// A value of the auxiliary vector.
    pub(crate) fn auxiliary(&self, key: u64) -> Option<u64> {
        let mut index = self.after_zero(self.environment());
        while self.word(index) != key::NULL {
            if self.word(index) == key {
                return Some(self.word(index + 1));
            }
            index += 2;
        }
        None
    }
}

fn length(at: u64) -> usize {
    // SAFETY: the kernel's strings end in a zero byte.
    (0..)
        .take_while(|&index| unsafe { (at as *const u8).add(index).read() } != 0)
        .count()
}

fn string(at: u64) -> &'static [u8] {
    // SAFETY: the kernel's strings lie above the stack's words for as long as the process lives.
    unsafe { core::slice::from_raw_parts(at as *const u8, length(at)) }
}

fn string_mut(at: u64) -> &'static mut [u8] {
    // SAFETY: as above; only the loader runs, and it holds no other reference to this string.
    unsafe { core::slice::from_raw_parts_mut(at as *mut u8, length(at)) }
}
