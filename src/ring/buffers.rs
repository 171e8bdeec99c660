//! The provided-buffer ring: the memory that received bytes arrive in.
//!
//! A buffer is in one of two hands. While it is listed in the ring the kernel may write to it and
//! we never read it; from the completion that names it until [`Pool::give`] it is ours alone.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::{fmt, io};

use io_uring::types::BufRingEntry;
use io_uring::{IoUring, Submitter};

/// Received bytes in a buffer of the pool; the buffer goes back when this is dropped.
pub struct Received {
    pool: Rc<Pool>,
    id: u16,
    length: u32,
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the completion that named this buffer took it out of the ring, so the kernel
        // does not write to it before `give`, which only `drop` calls; `length` bytes were
        // written by the kernel, and the pool's memory lives as long as `self.pool`.
        unsafe { std::slice::from_raw_parts(self.pool.address(self.id), self.length as usize) }
    }
}

impl DerefMut for Received {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and `&mut self` makes this the only slice of the buffer.
        unsafe { std::slice::from_raw_parts_mut(self.pool.address(self.id), self.length as usize) }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.pool.give(self.id);
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Received")
            .field("id", &self.id)
            .field("length", &self.length)
            .finish()
    }
}

/// The buffers of one ring.
pub(super) struct Pool {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    count: u16,
    tail: Cell<u16>,
    listed: Cell<u16>,
    /// Per buffer: the bytes it holds and the buffer that follows it in its stream's queue.
    links: RefCell<Box<[Link]>>,
    #[cfg(debug_assertions)]
    in_ring: RefCell<Box<[bool]>>,
}

#[derive(Clone, Copy, Default)]
struct Link {
    length: u32,
    next: u16,
}

/// A stream's received buffers in order: a list threaded through the pool, without memory of its
/// own, since most connections wait with none.
#[derive(Clone, Copy, Default)]
pub(super) struct Queue {
    first: u16,
    last: u16,
    count: u16,
}

impl Queue {
    pub(super) fn count(self) -> u16 {
        self.count
    }
}

impl Pool {
    /// Allocates `count` buffers (a power of two) and lists them all.
    pub(super) fn new(uring: &IoUring, count: u16) -> io::Result<Rc<Pool>> {
        assert!(
            count.is_power_of_two() && count <= COUNT_MAX,
            "buffer count {count}"
        );
        let entries = allocate(entries_layout(count)).cast::<BufRingEntry>();
        let memory = allocate(memory_layout(count));
        let pool = Pool {
            entries,
            memory,
            count,
            tail: Cell::new(0),
            listed: Cell::new(0),
            links: RefCell::new(vec![Link::default(); usize::from(count)].into()),
            #[cfg(debug_assertions)]
            in_ring: RefCell::new(vec![false; usize::from(count)].into()),
        };
        // SAFETY: the entries are page aligned, zeroed, `count` long, and live until `Pool` is
        // dropped, which `Core` does only after the ring itself is gone.
        unsafe {
            uring.submitter().register_buf_ring_with_flags(
                entries.as_ptr() as u64,
                count,
                GROUP,
                0,
            )?;
        }
        for id in 0..count {
            pool.give(id);
        }
        Ok(Rc::new(pool))
    }

    /// Takes the ring's list away from the kernel.
    pub(super) fn unregister(&self, submitter: &Submitter<'_>) -> io::Result<()> {
        submitter.unregister_buf_ring(GROUP)
    }

    /// Hands a buffer to the kernel.
    pub(super) fn give(&self, id: u16) {
        self.check_given(id);
        let tail = self.tail.get();
        let position = usize::from(tail & (self.count - 1));
        // SAFETY: `position` is below `count`, the length of the entries.
        let entry = unsafe { self.entries.as_ptr().add(position) };
        // SAFETY: only this thread writes entries, and the kernel reads this one only after the
        // tail below has moved past it.
        let entry = unsafe { &mut *entry };
        entry.set_addr(self.address(id) as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail.set(tail.wrapping_add(1));
        self.listed.set(self.listed.get() + 1);
        // SAFETY: the tail is the `resv` field of the first entry, inside our allocation.
        let shared = unsafe { BufRingEntry::tail(self.entries.as_ptr()) }.cast::<AtomicU16>();
        // SAFETY: the field is aligned, lives as long as `self`, and the kernel only reads it.
        unsafe { &*shared }.store(self.tail.get(), Ordering::Release);
    }

    /// Notes that a completion named this buffer: from here it is ours.
    pub(super) fn take(&self, id: u16) {
        assert!(
            id < self.count,
            "the kernel named buffer {id} of {}",
            self.count
        );
        self.listed.set(self.listed.get() - 1);
        #[cfg(debug_assertions)]
        {
            let was = std::mem::replace(&mut self.in_ring.borrow_mut()[usize::from(id)], false);
            assert!(was, "buffer {id} was handed out twice");
        }
    }

    /// Adds a taken buffer that holds `length` bytes to the end of a stream's queue.
    pub(super) fn push(&self, queue: &mut Queue, id: u16, length: u32) {
        let mut links = self.links.borrow_mut();
        links[usize::from(id)] = Link { length, next: 0 };
        if queue.count == 0 {
            queue.first = id;
        } else {
            links[usize::from(queue.last)].next = id;
        }
        queue.last = id;
        queue.count += 1;
    }

    /// Takes the oldest buffer of a queue.
    pub(super) fn pop(self: &Rc<Self>, queue: &mut Queue) -> Option<Received> {
        if queue.count == 0 {
            return None;
        }
        let id = queue.first;
        let link = self.links.borrow()[usize::from(id)];
        queue.first = link.next;
        queue.count -= 1;
        Some(Received {
            pool: self.clone(),
            id,
            length: link.length,
        })
    }

    /// Gives back every buffer of a queue.
    pub(super) fn clear(self: &Rc<Self>, queue: &mut Queue) {
        while self.pop(queue).is_some() {}
    }

    /// Buffers that the kernel can use right now.
    pub(super) fn listed(&self) -> u16 {
        self.listed.get()
    }

    /// Buffers in all.
    pub(super) fn count(&self) -> u16 {
        self.count
    }

    fn address(&self, id: u16) -> *mut u8 {
        debug_assert!(id < self.count);
        // SAFETY: `id` is below `count`, so the address is inside the allocation.
        unsafe { self.memory.as_ptr().add(usize::from(id) * BUFFER_BYTES) }
    }

    /// In debug builds a buffer is marked while the kernel holds it and its content overwritten,
    /// so that a read through a stale slice shows.
    fn check_given(&self, id: u16) {
        assert!(id < self.count, "buffer {id} of {} given", self.count);
        #[cfg(debug_assertions)]
        {
            let was = std::mem::replace(&mut self.in_ring.borrow_mut()[usize::from(id)], true);
            assert!(!was, "buffer {id} was given twice");
            // SAFETY: the buffer is not listed, so it is ours, and it is BUFFER_BYTES long.
            unsafe { self.address(id).write_bytes(0xDB, BUFFER_BYTES) };
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and no `Received` is left to read it.
        unsafe { dealloc(self.entries.as_ptr().cast(), entries_layout(self.count)) };
        // SAFETY: as above.
        unsafe { dealloc(self.memory.as_ptr(), memory_layout(self.count)) };
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: neither layout is empty, since `count` is a power of two.
    NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

fn entries_layout(count: u16) -> Layout {
    let bytes = usize::from(count) * size_of::<BufRingEntry>();
    Layout::from_size_align(bytes, PAGE_BYTES).expect("COUNT_MAX entries fit an allocation")
}

fn memory_layout(count: u16) -> Layout {
    let bytes = usize::from(count) * BUFFER_BYTES;
    Layout::from_size_align(bytes, PAGE_BYTES).expect("COUNT_MAX buffers fit an allocation")
}

/// The only buffer group of a ring.
pub(super) const GROUP: u16 = 0;
/// What one buffer holds.
pub(super) const BUFFER_BYTES: usize = 4096;
/// The most buffers that the kernel takes in one ring.
const COUNT_MAX: u16 = 1 << 15;
const PAGE_BYTES: usize = 4096;
