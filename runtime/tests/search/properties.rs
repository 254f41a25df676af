use crate::toy::{Language, options};
use crate::{plain, reference, run};
use glimpse_runtime::search::SearchOptions;
use proptest::prelude::*;

prop_compose! {
    fn language()(
        vocab_size in 6usize..14,
        seed in any::<u64>(),
        eos_bias in -2.0f32..4.0,
        coarse in any::<bool>(),
    ) -> Language {
        Language { vocab_size, seed, eos_bias, coarse }
    }
}

prop_compose! {
    fn any_options()(
        num_beams in 1usize..7,
        wanted in 1usize..7,
        max_length in 2usize..14,
        length_penalty in prop_oneof![Just(0.0f32), Just(1.0), -1.0f32..3.0],
        no_repeat_ngram_size in 0usize..4,
    ) -> SearchOptions {
        let mut options = options(num_beams, max_length);
        options.num_return_sequences = wanted.min(num_beams);
        options.length_penalty = length_penalty;
        options.no_repeat_ngram_size = no_repeat_ngram_size;
        options
    }
}

proptest! {
    #[test]
    fn equals_the_plain_reference(language in language(), options in any_options()) {
        let expected = if options.num_beams == 1 {
            vec![reference::greedy(&language, 0, &options)]
        } else {
            reference::beam_search(&language, 0, &options)
        };
        prop_assert_eq!(plain(&run(language, &[0], &options)[0]), expected);
    }

    #[test]
    fn a_batched_row_equals_the_image_alone(language in language(), options in any_options()) {
        let images = [11, 5, 8, 2, 900];
        let together = run(language, &images, &options);
        for (image, captions) in images.iter().zip(together) {
            prop_assert_eq!(&captions, &run(language, &[*image], &options)[0]);
        }
    }

    #[test]
    fn captions_come_best_first_and_differ(language in language(), options in any_options()) {
        let captions = run(language, &[0], &options).remove(0);
        prop_assert!(captions.is_sorted_by(|a, b| a.score >= b.score));
        for (i, caption) in captions.iter().enumerate() {
            prop_assert!(captions[..i].iter().all(|other| other.token_ids != caption.token_ids));
            prop_assert!(caption.token_ids.len() < options.max_length);
        }
    }
}
