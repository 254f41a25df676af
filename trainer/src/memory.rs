//! The allocator's free memory.

/// Gives it back to the system. The tensors of a step never have the same sizes twice, and leave glibc's heap so full of
/// holes that it grows for hours.
pub fn release_free_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes no pointer and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}
