//! Memory between two pages that must not be touched.
#![allow(unsafe_code)] // pages without access come from mmap only

use std::ptr::NonNull;

/// Pages with an inaccessible page before and after them: a read past either end ends the process.
pub(crate) struct Guarded {
    map: NonNull<u8>,
    page_bytes: usize,
    body_bytes: usize,
}

impl Guarded {
    /// At least `bytes` bytes between the guards.
    pub(crate) fn new(bytes: usize) -> Guarded {
        // SAFETY: sysconf reads a constant of the system.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let body_bytes = bytes.next_multiple_of(page_bytes);
        let map_bytes = body_bytes + 2 * page_bytes;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping overlaps nothing.
        let map = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                map_bytes,
                libc::PROT_NONE,
                flags,
                -1,
                0,
            )
        };
        assert_ne!(
            map,
            libc::MAP_FAILED,
            "mmap: {}",
            std::io::Error::last_os_error()
        );
        let map = NonNull::new(map.cast::<u8>()).expect("mmap returns no null page");
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let body = map.as_ptr().wrapping_add(page_bytes).cast();
        // SAFETY: the range is inside the mapping above, and page-aligned.
        let done = unsafe { libc::mprotect(body, body_bytes, access) };
        assert_eq!(done, 0, "mprotect: {}", std::io::Error::last_os_error());
        Guarded {
            map,
            page_bytes,
            body_bytes,
        }
    }

    /// A copy of `bytes` whose last byte is the last before the guard.
    pub(crate) fn at_end(&mut self, bytes: &[u8]) -> &mut [u8] {
        let start = self.body_bytes - bytes.len();
        let end = &mut self.body()[start..];
        end.copy_from_slice(bytes);
        end
    }

    /// A copy of `bytes` whose first byte is the first after the guard.
    pub(crate) fn at_start(&mut self, bytes: &[u8]) -> &mut [u8] {
        let start = &mut self.body()[..bytes.len()];
        start.copy_from_slice(bytes);
        start
    }

    fn body(&mut self) -> &mut [u8] {
        let start = self.map.as_ptr().wrapping_add(self.page_bytes);
        // SAFETY: the pages between the guards are mapped with access, zeroed by the kernel,
        // and borrowed from `self` alone.
        unsafe { std::slice::from_raw_parts_mut(start, self.body_bytes) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let map_bytes = self.body_bytes + 2 * self.page_bytes;
        // SAFETY: the mapping is ours, and no slice of it outlives `self`.
        let done = unsafe { libc::munmap(self.map.as_ptr().cast(), map_bytes) };
        assert_eq!(done, 0, "munmap: {}", std::io::Error::last_os_error());
    }
}
