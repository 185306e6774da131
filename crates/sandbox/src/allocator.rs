//! How much memory the C library's allocator keeps back from the system.
//!
//! It is here because the call is not safe, and only this crate may make such calls.

/// Places that threads allocate from. One for each of dozens of threads keeps what each of them once
/// needed; a single one makes threads wait for each other.
#[cfg(target_env = "gnu")]
const ARENAS: libc::c_int = 2;
/// A block of this size or more goes back to the system when it is freed: files and pages pass through in such
/// blocks. Left to itself the allocator raises this with every one that it frees, up to 32 MiB.
#[cfg(target_env = "gnu")]
const BLOCK: libc::c_int = 1 << 20;

/// Asks the allocator to give memory back rather than keep it. Called first thing, before any thread is
/// started; later it changes nothing. Other allocators than glibc's are left as they are.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "the C library's settings have no safe wrapper")]
    // SAFETY: `mallopt` takes two numbers and touches no memory of ours. No other thread runs that could
    // allocate meanwhile. What is refused stays as it was.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, BLOCK);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * BLOCK);
    }
}
