//! The area of each thread: where the loader's frames are while it handles a call. The gs base points to it.
//!
//! A handler's frame takes one level. A signal that interrupts it runs the guest's handler, whose calls take the next level.

use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering},
};

use interpose::{errno::Errno, stub::area as offset};

use crate::sys;

/// Bytes of one level.
pub(crate) const LEVEL: u64 = 128 * 1024;
/// Levels of a thread.
const LEVELS: u64 = 12;
/// Bytes of the frames of one thread. Only what is used takes memory.
const FRAMES: usize = (LEVEL * LEVELS) as usize;

/// What stands above the frames. Assembly knows the first fields by the offsets in `interpose::stub::area`.
#[repr(C, align(64))]
pub(crate) struct Area {
    own: AtomicU64,
    top: AtomicU64,
    lowest: AtomicU64,
    highest: AtomicU64,
    before_vfork: AtomicU64,
    saved: [AtomicU64; 3],
    /// 1 while a thread uses it.
    used: AtomicU64,
    next: AtomicPtr<Area>,
    scratch: AtomicU64,
    scratch_size: AtomicUsize,
}

const _: () = assert!(
    core::mem::offset_of!(Area, top) == offset::TOP
        && core::mem::offset_of!(Area, lowest) == offset::LOWEST
        && core::mem::offset_of!(Area, highest) == offset::HIGHEST
        && core::mem::offset_of!(Area, before_vfork) == offset::BEFORE_VFORK
        && core::mem::offset_of!(Area, saved) == offset::SAVED
);

/// The first thread's.
#[repr(C, align(64))]
struct First {
    frames: UnsafeCell<[u8; FRAMES]>,
    area: Area,
}

// SAFETY: the frames are the first thread's stack, which Rust code uses as such only; the area's fields are atomic.
unsafe impl Sync for First {}

static FIRST: First = First {
    frames: UnsafeCell::new([0; FRAMES]),
    area: Area {
        own: AtomicU64::new(0),
        top: AtomicU64::new(0),
        lowest: AtomicU64::new(0),
        highest: AtomicU64::new(0),
        before_vfork: AtomicU64::new(0),
        saved: [const { AtomicU64::new(0) }; 3],
        used: AtomicU64::new(0),
        next: AtomicPtr::new(core::ptr::null_mut()),
        scratch: AtomicU64::new(0),
        scratch_size: AtomicUsize::new(0),
    },
};

impl Area {
    /// Makes it ready for a thread whose frames lie right below it.
    fn prepare(&self) {
        let own = core::ptr::from_ref(self) as u64;
        self.own.store(own, Ordering::Relaxed);
        self.top.store(own, Ordering::Relaxed);
        self.highest.store(own, Ordering::Relaxed);
        self.lowest
            .store(own - LEVEL * (LEVELS - 1), Ordering::Relaxed);
        self.used.store(1, Ordering::Release);
    }

    /// Its address, which becomes a gs base.
    pub(crate) fn address(&self) -> u64 {
        core::ptr::from_ref(self) as u64
    }

    /// Notes where the frames were before the call that is being handled, a vfork: the child uses the area, too, and leaves
    /// it by executing a program, in the middle of a call.
    pub(crate) fn note_vfork(&self) {
        let before = self.top.load(Ordering::Relaxed) + LEVEL;
        self.before_vfork.store(before, Ordering::Relaxed);
    }

    /// Whether a thread uses it: a word that is 1 until the thread has ended.
    pub(crate) fn used(&self) -> &AtomicU64 {
        &self.used
    }

    /// Memory of at least `size` bytes that stays with the thread, for lists that are passed to the kernel.
    pub(crate) fn scratch(&self, size: usize) -> Result<*mut u8, Errno> {
        if self.scratch_size.load(Ordering::Relaxed) < size {
            let flags = sys::MAP_PRIVATE | sys::MAP_ANONYMOUS;
            let at = sys::map(
                0,
                size as u64,
                sys::PROT_READ | sys::PROT_WRITE,
                flags,
                u64::MAX,
                0,
            )?;
            let old = self.scratch.swap(at, Ordering::Relaxed);
            let old_size = self.scratch_size.swap(size, Ordering::Relaxed);
            if old != 0 {
                sys::unmap(old, old_size as u64);
            }
        }
        Ok(self.scratch.load(Ordering::Relaxed) as *mut u8)
    }
}

/// Makes the first thread's area.
pub(crate) fn first() -> Result<(), Errno> {
    FIRST.area.prepare();
    sys::set_gs_base(FIRST.area.address())
}

/// The calling thread's area.
pub(crate) fn current() -> &'static Area {
    let own: *const Area;
    // SAFETY: each thread's gs base is set before it runs code of the guest; the area's first word is its own address.
    unsafe {
        core::arch::asm!("mov {}, gs:[0]", out(reg) own, options(nostack, readonly, preserves_flags))
    };
    // SAFETY: areas are never freed.
    unsafe { &*own }
}

/// An area for a new thread: one that an ended thread left, or a new one.
pub(crate) fn for_thread() -> Result<&'static Area, Errno> {
    let mut link = &FIRST.area.next;
    loop {
        let area = link.load(Ordering::Acquire);
        if area.is_null() {
            break;
        }
        // SAFETY: areas in the list are never freed.
        let area = unsafe { &*area };
        if area
            .used
            .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
        {
            area.prepare();
            return Ok(area);
        }
        link = &area.next;
    }
    let size = FRAMES as u64 + interpose::elf::PAGE;
    let flags = sys::MAP_PRIVATE | sys::MAP_ANONYMOUS | sys::MAP_NORESERVE;
    let at = sys::map(
        0,
        size,
        sys::PROT_READ | sys::PROT_WRITE,
        flags,
        u64::MAX,
        0,
    )?;
    // SAFETY: fresh zeroed memory of that size, and zeros are a valid area.
    let area = unsafe { &*((at + FRAMES as u64) as *const Area) };
    area.prepare();
    append(area);
    Ok(area)
}

fn append(area: &'static Area) {
    let head = &FIRST.area.next;
    let own = core::ptr::from_ref(area).cast_mut();
    let mut first = head.load(Ordering::Acquire);
    loop {
        area.next.store(first, Ordering::Relaxed);
        match head.compare_exchange(first, own, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(now) => first = now,
        }
    }
}
