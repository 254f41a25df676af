#![no_main]
#![allow(missing_docs)]

#[global_allocator]
static ALLOCATOR: glimpse_fuzz::heap::Counting = glimpse_fuzz::heap::Counting;

libfuzzer_sys::fuzz_target!(|input: &[u8]| glimpse_fuzz::run("self_contained", input));
