//! The heap of a process that runs for weeks.

/// Makes all threads share two heaps, unless the environment sets `MALLOC_ARENA_MAX`.
///
/// glibc gives threads heaps of their own, up to eight for each core. Memory that a thread frees then serves that heap
/// alone, and a server that decodes each photo on another thread grows for hours.
///
/// Nothing is done where the C library is not glibc.
pub fn share_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        // SAFETY: mallopt takes no pointer and locks the allocator while it changes a setting.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 2);
        }
    }
}
