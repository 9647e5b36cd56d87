//! Lengths and kinds of `x86_64` instructions: enough to walk over compiled code, not to understand it.

#![allow(
    clippy::match_same_arms,
    reason = "tables of opcodes, in the order of the processor's manual"
)]

use crate::bytes::i32_at;

/// Longest instruction, in bytes.
pub const LONGEST: usize = 15;

/// What an instruction does to the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes on to the next one.
    Plain,
    /// `syscall`.
    Syscall,
    /// A jump or call whose target is this far from the next instruction.
    Branch(i32),
    /// One that compilers do not emit into user programs: port input and output, far returns, privileged ones.
    Odd,
    /// One of the old floating-point unit: legal, and rare beside system calls.
    Float,
}

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Bytes, 1 to [`LONGEST`].
    pub length: usize,
    /// What it does to the walk.
    pub kind: Kind,
}

/// Bytes that follow the operand's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Immediate {
    None,
    Fixed(usize),
    /// Four, or two with the operand-size prefix.
    Sized,
    /// As [`Self::Sized`], and eight with REX.W.
    Wide,
    /// An address: eight, or four with the address-size prefix.
    Address,
    /// A distance to jump: of one byte or four.
    Jump(usize),
    /// Depends on the operation in the `ModRM` byte: an immediate for the first two, none for the others.
    Test(TestSize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TestSize {
    Byte,
    Sized,
}

/// What follows an opcode.
#[derive(Debug, Clone, Copy)]
struct Form {
    modrm: Modrm,
    immediate: Immediate,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modrm {
    Absent,
    Present,
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "an entry of a table that has gaps"
)]
const fn form(modrm: Modrm, immediate: Immediate) -> Option<Form> {
    Some(Form {
        modrm,
        immediate,
        kind: Kind::Plain,
    })
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "an entry of a table that has gaps"
)]
const fn of_kind(kind: Kind, modrm: Modrm, immediate: Immediate) -> Option<Form> {
    Some(Form {
        modrm,
        immediate,
        kind,
    })
}

#[derive(Debug, Default)]
struct Prefixes {
    operand_size: bool,
    address_size: bool,
    wide: bool,
}

/// The instruction `code` begins with; none where it is no instruction, or `code` ends within it.
pub fn decode(code: &[u8]) -> Option<Instruction> {
    let mut prefixes = Prefixes::default();
    let mut at = 0;
    loop {
        match *code.get(at)? {
            0x66 => prefixes.operand_size = true,
            0x67 => prefixes.address_size = true,
            0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf0 | 0xf2 | 0xf3 => {}
            _ => break,
        }
        at += 1;
    }
    if code.get(at)? & 0xf0 == 0x40 {
        prefixes.wide = code[at] & 8 != 0;
        at += 1;
    }
    let (form, at) = opcode(code, at)?;
    operands(code, at, form, &prefixes)
}

/// What follows the opcode at `at`, and where it ends.
fn opcode(code: &[u8], at: usize) -> Option<(Form, usize)> {
    let vector = |map: u8, at: usize| {
        let opcode = *code.get(at)?;
        let form = match map {
            1 if opcode == 0x77 => form(Modrm::Absent, Immediate::None),
            1 => two_bytes(opcode).and_then(|found| form(Modrm::Present, found.immediate)),
            2 | 5 | 6 => form(Modrm::Present, Immediate::None),
            // 8 to 10 are AMD's XOP.
            3 | 8 => form(Modrm::Present, Immediate::Fixed(1)),
            9 => form(Modrm::Present, Immediate::None),
            10 => form(Modrm::Present, Immediate::Fixed(4)),
            _ => None,
        };
        Some((form?, at + 1))
    };
    match *code.get(at)? {
        0x0f => match *code.get(at + 1)? {
            0x38 => {
                code.get(at + 2)?;
                Some((form(Modrm::Present, Immediate::None)?, at + 3))
            }
            0x3a => {
                code.get(at + 2)?;
                Some((form(Modrm::Present, Immediate::Fixed(1))?, at + 3))
            }
            second => Some((two_bytes(second)?, at + 2)),
        },
        0xc5 => vector(1, at + 2),
        0xc4 => vector(code.get(at + 1)? & 0x1f, at + 3),
        // Else it is a pop.
        0x8f if code.get(at + 1)? & 0x1f >= 8 => vector(code[at + 1] & 0x1f, at + 3),
        0x62 => vector(code.get(at + 1)? & 0x07, at + 4),
        // A second REX prefix, or one before another prefix: legal for the processor, written by nobody.
        first => Some((one_byte(first)?, at + 1)),
    }
}

fn one_byte(opcode: u8) -> Option<Form> {
    use Immediate::{Address, Fixed, Jump, None as No, Sized, Test, Wide};
    use Modrm::{Absent, Present};
    match opcode {
        0x00..=0x3f => match opcode & 7 {
            0..=3 => form(Present, No),
            4 => form(Absent, Fixed(1)),
            5 => form(Absent, Sized),
            _ => None,
        },
        0x50..=0x5f
        | 0x90..=0x99
        | 0x9c..=0x9f
        | 0xa4..=0xa7
        | 0xaa..=0xaf
        | 0xc3
        | 0xc9
        | 0xcc
        | 0xd7
        | 0xf4
        | 0xf5
        | 0xf8..=0xfd => form(Absent, No),
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xfe | 0xff => form(Present, No),
        0x68 | 0xa9 => form(Absent, Sized),
        0x69 | 0x81 | 0xc7 => form(Present, Sized),
        0x6a | 0xa8 | 0xb0..=0xb7 | 0xcd => form(Absent, Fixed(1)),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => form(Present, Fixed(1)),
        0x70..=0x7f | 0xe0..=0xe3 | 0xeb => form(Absent, Jump(1)),
        0xe8 | 0xe9 => form(Absent, Jump(4)),
        0xa0..=0xa3 => form(Absent, Address),
        0xb8..=0xbf => form(Absent, Wide),
        0xc2 => form(Absent, Fixed(2)),
        0xc8 => form(Absent, Fixed(3)),
        0xf6 => form(Present, Test(TestSize::Byte)),
        0xf7 => form(Present, Test(TestSize::Sized)),
        0x9b => of_kind(Kind::Float, Absent, No),
        0xd8..=0xdf => of_kind(Kind::Float, Present, No),
        0xca => of_kind(Kind::Odd, Absent, Fixed(2)),
        0xe4..=0xe7 => of_kind(Kind::Odd, Absent, Fixed(1)),
        0x6c..=0x6f | 0xcb | 0xcf | 0xec..=0xef | 0xf1 => of_kind(Kind::Odd, Absent, No),
        _ => None,
    }
}

fn two_bytes(opcode: u8) -> Option<Form> {
    use Immediate::{Fixed, Jump, None as No};
    use Modrm::{Absent, Present};
    match opcode {
        0x05 => of_kind(Kind::Syscall, Absent, No),
        0x06..=0x09 | 0x30 | 0x32..=0x35 | 0x37 | 0xaa => of_kind(Kind::Odd, Absent, No),
        // Registers only, whatever the mode of the ModRM byte says.
        0x20..=0x23 => of_kind(Kind::Odd, Absent, Fixed(1)),
        0x78 | 0x79 => of_kind(Kind::Odd, Present, No),
        0x0b | 0x0e | 0x31 | 0x77 | 0xa0..=0xa2 | 0xa8 | 0xa9 | 0xc8..=0xcf => form(Absent, No),
        0x0f | 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => form(Present, Fixed(1)),
        0x80..=0x8f => form(Absent, Jump(4)),
        0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x36 | 0x38..=0x3f | 0x7a | 0x7b | 0xa6 | 0xa7 => None,
        _ => form(Present, No),
    }
}

/// The whole instruction: what stands after the opcode, which ends at `at`.
fn operands(code: &[u8], mut at: usize, form: Form, prefixes: &Prefixes) -> Option<Instruction> {
    let mut operation = 0;
    if form.modrm == Modrm::Present {
        let modrm = *code.get(at)?;
        operation = modrm >> 3 & 7;
        at += 1 + address_length(modrm, code.get(at + 1).copied())?;
    }
    let sized = if prefixes.operand_size { 2 } else { 4 };
    let more = match form.immediate {
        Immediate::None => 0,
        Immediate::Fixed(bytes) | Immediate::Jump(bytes) => bytes,
        Immediate::Wide if prefixes.wide => 8,
        // REX.W wins over the operand-size prefix.
        Immediate::Sized if prefixes.wide => 4,
        Immediate::Sized | Immediate::Wide => sized,
        Immediate::Address => {
            if prefixes.address_size {
                4
            } else {
                8
            }
        }
        Immediate::Test(_) if operation > 1 => 0,
        Immediate::Test(TestSize::Byte) => 1,
        Immediate::Test(TestSize::Sized) if prefixes.wide => 4,
        Immediate::Test(TestSize::Sized) => sized,
    };
    let length = at + more;
    if length > code.len() || length > LONGEST {
        return None;
    }
    let kind = match form.immediate {
        Immediate::Jump(1) => Kind::Branch(code[at].cast_signed().into()),
        Immediate::Jump(_) => Kind::Branch(i32_at(code, at)?),
        _ => form.kind,
    };
    Some(Instruction { length, kind })
}

/// How many bytes the address takes after the `ModRM` byte.
fn address_length(modrm: u8, sib: Option<u8>) -> Option<usize> {
    let (mode, register) = (modrm >> 6, modrm & 7);
    let has_sib = mode != 3 && register == 4;
    let displacement = match mode {
        0 if register == 5 => 4,
        0 if has_sib && sib? & 7 == 5 => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    Some(usize::from(has_sib) + displacement)
}
