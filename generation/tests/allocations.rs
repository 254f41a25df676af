//! The search allocates growing buffers and the captions that it returns, but nothing for each token and beam. This is
//! a test program of its own, because its allocator counts.

use glimpse_generation::{GenerationConfig, InvalidOption, Step, StepModel, TopCandidates, search};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Allocations of this thread: tests run on several.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends may free memory after its cell is gone.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const VOCAB_SIZE: usize = 1000;
const CELLS: usize = 49;

/// A step allocates nothing once `out` has grown; no beam ever ends.
struct Silent {
    steps: usize,
}

impl StepModel for Silent {
    type Error = InvalidOption;

    fn vocab_size(&self) -> usize {
        VOCAB_SIZE
    }

    fn image_key(&self, image: usize) -> u64 {
        image as u64
    }

    fn step(&mut self, step: &Step<'_>, out: &mut TopCandidates) -> Result<(), InvalidOption> {
        out.log_probs.clear();
        out.token_ids.clear();
        out.attentions.clear();
        for (row, &id) in step.input_ids.iter().enumerate() {
            for rank in 0..step.k {
                out.log_probs.push(-1.0 - rank as f32 - row as f32 / 64.0);
                out.token_ids.push(4 + ((id as usize + 31 * self.steps + rank) % (VOCAB_SIZE - 4)) as i64);
            }
            if step.output_attentions {
                out.attentions.extend([1.0 / CELLS as f32; CELLS]);
            }
        }
        self.steps += 1;
        Ok(())
    }
}

/// Allocations of one search over `images` images with `tokens` tokens each.
fn allocations(images: usize, num_beams: usize, tokens: usize, change: fn(&mut GenerationConfig)) -> usize {
    let mut options = GenerationConfig::default();
    options.num_beams = num_beams;
    options.max_length = tokens + 1;
    change(&mut options);
    let before = ALLOCATIONS.get();
    let captions = search(&mut Silent { steps: 0 }, images, &options).expect("the options are valid");
    let after = ALLOCATIONS.get();
    assert!(
        captions.iter().all(|captions| captions[0].token_ids.len() == tokens),
        "all tokens were generated"
    );
    after - before
}

/// A buffer doubles when it is full, so twice the tokens or beams cost one more allocation.
const GROWING_BUFFERS_PER_IMAGE: usize = 4;
const GROWING_BUFFERS_PER_BATCH: usize = 8;

fn may_grow(images: usize) -> usize {
    GROWING_BUFFERS_PER_IMAGE * images + GROWING_BUFFERS_PER_BATCH
}

fn assert_tokens_and_beams_are_free(change: fn(&mut GenerationConfig)) {
    let images = 4;
    for num_beams in [1, 2, 8] {
        let [few, many] = [64, 128].map(|tokens| allocations(images, num_beams, tokens, change));
        println!("{num_beams} beams: {few} allocations for 64 tokens, {many} for 128");
        assert!(many <= few + may_grow(images), "64 more tokens a beam: {few} became {many}");
    }
    for tokens in [8, 64] {
        let [few, many] = [8, 16].map(|num_beams| allocations(images, num_beams, tokens, change));
        println!("{tokens} tokens: {few} allocations for 8 beams, {many} for 16");
        assert!(many <= few + may_grow(images), "8 more beams: {few} became {many}");
    }
}

#[test]
fn nothing_for_each_token_and_beam() {
    assert_tokens_and_beams_are_free(|_| {});
}

#[test]
fn nothing_for_each_token_and_beam_with_blocked_ngrams() {
    assert_tokens_and_beams_are_free(|options| options.no_repeat_ngram_size = 2);
}

#[test]
fn nothing_for_each_token_and_beam_with_attentions() {
    assert_tokens_and_beams_are_free(|options| options.output_attentions = true);
}

/// A check of the count: returned captions are allocated, and each image has its own buffers.
#[test]
fn each_image_costs_a_few_buffers() {
    let [one, nine] = [1, 9].map(|images| allocations(images, 4, 16, |_| {}));
    println!("{one} allocations for one image, {nine} for nine");
    assert!(nine >= one + 8 * 2, "each image returns two vectors at least");
    assert!(nine <= 9 * one);
}
