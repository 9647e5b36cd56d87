//! The code a replaced system call comes to: one stub for each site, so that what runs on the guest's stack and
//! registers can find its way back.
//!
//! At a system call the kernel destroys rcx and r11, so these two are free. A stub takes r11 to name itself and goes to
//! the loader's entry, which either comes back to one of the stub's system calls or behind them all.

/// Bytes of a stub.
pub const STUB: usize = 72;
/// Bytes before the first stub: the addresses of the loader's entry and of its first code in a new thread.
pub const HEADER: usize = 16;

/// Where the stub issues the system call for the guest.
pub const PASS: usize = 0x0d;
/// From [`PASS`] to where it goes back to the guest.
pub const TO_BACK: u64 = 2;
/// From [`PASS`] to the system call that makes a thread.
pub const TO_CLONE: u64 = 8;
/// From [`PASS`] to the system call whose child shares the thread's area until it executes a program.
pub const TO_VFORK: u64 = 27;
/// Where the stub holds the address it goes back to.
const NEXT: usize = 64;

/// Offsets in a thread's area, which the gs base points to. The first word is the area's own address.
pub mod area {
    /// Where the next frame of the loader begins.
    pub const TOP: usize = 8;
    /// The lowest value of [`TOP`] that leaves room for a frame.
    pub const LOWEST: usize = 16;
    /// The highest value of [`TOP`].
    pub const HIGHEST: usize = 24;
    /// What [`TOP`] was before a vfork.
    pub const BEFORE_VFORK: usize = 32;
    /// Registers of a new thread before its area is known to the processor.
    pub const SAVED: usize = 40;
}

/// The stub that goes back to `next`; `index` is its place behind the header.
pub fn stub(index: usize, next: u64) -> [u8; STUB] {
    let mut code = Code {
        bytes: [0xcc; STUB],
        at: 0,
    };
    let before = HEADER + index * STUB;
    // lea PASS(%rip),%r11; jmp *entry
    code.put(&[0x4c, 0x8d, 0x1d, 0x06, 0, 0, 0]);
    code.jump_through(before, 0);
    // syscall; jmp *next
    code.put(&[0x0f, 0x05]);
    code.jump_within(NEXT);
    // syscall; test %eax,%eax; jnz back; lea back(%rip),%r11; jmp *child
    code.put(&[0x0f, 0x05, 0x85, 0xc0, 0x75, 0xf4]);
    code.put(&[0x4c, 0x8d, 0x1d, 0xed, 0xff, 0xff, 0xff]);
    code.jump_through(before, 8);
    // syscall; mov %gs:BEFORE_VFORK,%rcx; mov %rcx,%gs:TOP; jmp back
    code.put(&[
        0x0f,
        0x05,
        0x65,
        0x48,
        0x8b,
        0x0c,
        0x25,
        area::BEFORE_VFORK as u8,
        0,
        0,
        0,
    ]);
    code.put(&[
        0x65,
        0x48,
        0x89,
        0x0c,
        0x25,
        area::TOP as u8,
        0,
        0,
        0,
        0xeb,
        0xd1,
    ]);
    code.at = NEXT;
    code.put(&next.to_le_bytes());
    code.bytes
}

/// Where the site of a stub is: the two bytes before the address it goes back to.
pub fn site_of(stub: &[u8]) -> Option<u64> {
    crate::bytes::u64_at(stub, NEXT)?.checked_sub(2)
}

/// The guest's address that corresponds to the offset `at` of a stub: the site before the system call, what comes after it
/// afterwards. None where the stub has more to do than to go back.
pub fn guests_address(stub: &[u8], at: usize) -> Option<u64> {
    let site = site_of(stub)?;
    match at {
        0..=PASS => Some(site),
        at if at == PASS + TO_BACK as usize => Some(site + 2),
        at if at == PASS + TO_CLONE as usize || at == PASS + TO_VFORK as usize => Some(site),
        _ => None,
    }
}

struct Code {
    bytes: [u8; STUB],
    at: usize,
}

impl Code {
    fn put(&mut self, code: &[u8]) {
        self.bytes[self.at..self.at + code.len()].copy_from_slice(code);
        self.at += code.len();
    }

    /// `jmp *(%rip)` through a word of this stub.
    fn jump_within(&mut self, word: usize) {
        let distance = word as i32 - (self.at as i32 + 6);
        self.put(&[0xff, 0x25]);
        self.put(&distance.to_le_bytes());
    }

    /// `jmp *(%rip)` through a word of the header, `before` bytes before which this stub begins.
    fn jump_through(&mut self, before: usize, word: usize) {
        let distance = word as i32 - (before as i32 + self.at as i32 + 6);
        self.put(&[0xff, 0x25]);
        self.put(&distance.to_le_bytes());
    }
}
