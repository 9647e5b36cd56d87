//! The code that the kernel maps into each process so that clocks are read without a call. It is replaced by the calls.

use std::{
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
};

use anyhow::Context as _;
use nix::{libc, unistd::Pid};

/// Its functions that read the wall clock, and the calls that do the same (vdso(7)).
#[cfg(target_arch = "x86_64")]
const FUNCTIONS: [(&str, libc::c_long); 3] = [
    ("__vdso_clock_gettime", libc::SYS_clock_gettime),
    ("__vdso_gettimeofday", libc::SYS_gettimeofday),
    ("__vdso_time", libc::SYS_time),
];
#[cfg(target_arch = "aarch64")]
const FUNCTIONS: [(&str, libc::c_long); 2] = [
    ("__kernel_clock_gettime", libc::SYS_clock_gettime),
    ("__kernel_gettimeofday", libc::SYS_gettimeofday),
];

/// `SHT_DYNSYM` (elf(5)).
const SHT_DYNSYM: u32 = 11;
/// Size of a symbol.
const SYMBOL: usize = 24;

/// What is written where, from the start of the mapping. Every 64-bit process has the same code.
#[derive(Debug)]
pub(super) struct Patch(Vec<(u64, Vec<u8>)>);

impl Patch {
    /// Finds the functions in this process's own mapping.
    pub(super) fn new() -> anyhow::Result<Self> {
        let mapping = mapping("self")?.context("this kernel maps none")?;
        let mut image = vec![0; usize::try_from(mapping.end - mapping.start)?];
        File::open("/proc/self/mem")?.read_exact_at(&mut image, mapping.start)?;
        let patch = FUNCTIONS.map(|(name, call)| {
            let at = symbol(&image, name).with_context(|| format!("no function {name}"))?;
            anyhow::Ok((at, code(u32::try_from(call)?)))
        });
        Ok(Self(patch.into_iter().collect::<Result<_, _>>()?))
    }

    /// Applies it to a process. Its pages become the process's own, and a child's with everything else.
    pub(super) fn apply(&self, process: Pid) -> io::Result<()> {
        let Some(mapping) = mapping(&process.to_string())? else {
            return Ok(());
        };
        // As a debugger's breakpoints are set: code that the process itself may not write.
        let memory = File::options()
            .write(true)
            .open(format!("/proc/{process}/mem"))?;
        let mut writes = self.0.iter();
        writes.try_for_each(|(at, code)| memory.write_all_at(code, mapping.start + at))
    }
}

fn mapping(process: &str) -> io::Result<Option<Range<u64>>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let line = maps.lines().find(|line| line.ends_with("[vdso]"));
    let range = line.and_then(|line| line.split(' ').next()?.split_once('-'));
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    Ok(range.and_then(|(start, end)| Some(number(start)?..number(end)?)))
}

/// `mov eax, CALL; syscall; ret`: the arguments are where the call takes them.
#[cfg(target_arch = "x86_64")]
fn code(call: u32) -> Vec<u8> {
    let [a, b, c, d] = call.to_le_bytes();
    vec![0xb8, a, b, c, d, 0x0f, 0x05, 0xc3]
}

/// `mov x8, CALL; svc 0; ret`
#[cfg(target_arch = "aarch64")]
fn code(call: u32) -> Vec<u8> {
    let instructions = [0xd280_0008 | call << 5, 0xd400_0001, 0xd65f_03c0_u32];
    instructions
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
}

/// Where the dynamic symbol `name` of a 64-bit ELF image is, from its start.
fn symbol(image: &[u8], name: &str) -> Option<u64> {
    let sections = usize::try_from(number(image, 40)?).ok()?;
    let (size, count) = (half(image, 58)?, half(image, 60)?);
    let header = |index: usize| image.get(sections + index * size..);
    let extent = |header: &[u8]| {
        let (offset, length) = (number(header, 24)?, number(header, 32)?);
        let offset = usize::try_from(offset).ok()?;
        image.get(offset..offset + usize::try_from(length).ok()?)
    };
    let symbols = (0..count)
        .filter_map(header)
        .find(|header| word(header, 4) == Some(SHT_DYNSYM))?;
    let names = extent(header(usize::try_from(word(symbols, 40)?).ok()?)?)?;
    let is_it = |symbol: &&[u8]| {
        let at = word(symbol, 0).and_then(|at| usize::try_from(at).ok());
        let rest = at.and_then(|at| names.get(at..));
        let rest = rest.and_then(|rest| rest.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    };
    let found = extent(symbols)?.chunks_exact(SYMBOL).find(is_it)?;
    number(found, 8)
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_le_bytes(bytes).into())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_le_bytes(bytes))
}
