//! The decoder against a second opinion, iced-x86, over the text of real programs and over random bytes.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use interpose::decode::{Kind, LONGEST, decode};
use proptest::prelude::*;
use support::{Program, programs};

#[test]
fn instructions_of_real_programs_have_the_length_and_kind_iced_says() {
    let mut compared = 0_u64;
    for path in programs() {
        let program = Program::read(&path);
        for (_, code) in program.texts() {
            compared += compare(&path.display().to_string(), code);
        }
    }
    assert!(compared > 1_000_000, "{compared} instructions");
}

/// Walks over `code` as iced does and returns how many instructions were compared.
fn compare(name: &str, code: &[u8]) -> u64 {
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut compared = 0;
    while decoder.can_decode() {
        let start = decoder.position();
        let theirs = decoder.decode();
        if theirs.is_invalid() {
            continue;
        }
        let bytes = &code[start..(start + theirs.len()).min(code.len())];
        let Some(ours) = decode(&code[start..]) else {
            // What is data among the code may look like instructions that nobody emits.
            assert!(
                is_rare(theirs.mnemonic(), bytes),
                "{name}+{start:#x}: {bytes:02x?} is {theirs:?}"
            );
            continue;
        };
        assert_eq!(
            ours.length,
            theirs.len(),
            "{name}+{start:#x}: {bytes:02x?} is {theirs:?}"
        );
        assert_eq!(
            ours.kind == Kind::Syscall,
            theirs.mnemonic() == Mnemonic::Syscall,
            "{name}+{start:#x}"
        );
        if let Kind::Branch(distance) = ours.kind {
            let target = i64::try_from(start + ours.length).unwrap() + i64::from(distance);
            assert_eq!(
                target.cast_unsigned(),
                theirs.near_branch_target(),
                "{name}+{start:#x}: {bytes:02x?}"
            );
        }
        compared += 1;
    }
    compared
}

/// Instructions the decoder leaves out: AMD's XOP and padlock, undocumented ones, and prefixes in an order nobody writes.
fn is_rare(mnemonic: Mnemonic, bytes: &[u8]) -> bool {
    let opcode = bytes.iter().position(|byte| {
        !matches!(
            byte,
            0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3
        )
    });
    let at = opcode.unwrap_or(0);
    let rex = usize::from(bytes[at] & 0xf0 == 0x40);
    matches!(
        bytes[at + rex..],
        [
            0x8f | 0x40..=0x4f | 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3,
            ..,
        ]
    ) || mnemonic == Mnemonic::INVALID
        || matches!(
            bytes[at + rex..],
            [
                0x0f,
                0xa6 | 0xa7 | 0x24 | 0x26 | 0x39 | 0x3b | 0x3c
                    ..=0x3f | 0x0c | 0x0a | 0x04 | 0x7a | 0x7b | 0x36,
                ..
            ]
        )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

    #[test]
    fn random_bytes_have_the_length_iced_says_or_are_no_instruction(code in proptest::collection::vec(any::<u8>(), 1..24)) {
        let theirs = Decoder::new(64, &code, DecoderOptions::NONE).decode();
        if let Some(ours) = decode(&code) {
            prop_assert!(ours.length <= code.len() && (1..=LONGEST).contains(&ours.length));
            if !theirs.is_invalid() {
                prop_assert_eq!(ours.length, theirs.len(), "{:02x?} is {:?}", code, theirs);
            }
        }
    }

    #[test]
    fn cut_code_is_no_instruction(code in proptest::collection::vec(any::<u8>(), 16..24)) {
        if let Some(whole) = decode(&code) {
            for cut in 0..whole.length {
                prop_assert_eq!(decode(&code[..cut]), None);
            }
        }
    }
}
