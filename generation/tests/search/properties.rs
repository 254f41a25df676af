use crate::toy::{EOS, Language, options};
use crate::{expected, outcomes, reference, run};
use glimpse_generation::{EarlyStopping, GenerationConfig};
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
        num_return_sequences in 1usize..7,
        max_length in 2usize..14,
        length_penalty in prop_oneof![Just(0.0f32), Just(1.0), -1.0f32..3.0],
        no_repeat_ngram_size in 0usize..4,
        // With more, unigram blocking could leave no token.
        min_length in 0usize..5,
        repetition_penalty in prop_oneof![Just(1.0f32), 0.5f32..2.0],
        early_stopping in prop_oneof![
            Just(EarlyStopping::Heuristic), Just(EarlyStopping::FirstFinished), Just(EarlyStopping::Never)
        ],
    ) -> GenerationConfig {
        let mut options = options(num_beams, max_length);
        options.num_return_sequences = num_return_sequences.min(num_beams);
        options.length_penalty = length_penalty;
        options.no_repeat_ngram_size = no_repeat_ngram_size;
        options.min_length = min_length.min(max_length);
        options.repetition_penalty = repetition_penalty;
        options.early_stopping = early_stopping;
        options
    }
}

prop_compose! {
    fn sampling()(
        mut options in any_options(),
        num_return_sequences in 1usize..5,
        temperature in 0.3f32..3.0,
        top_k in 0usize..8,
        top_p in 0.0f32..=1.0,
        seed in any::<u64>(),
    ) -> GenerationConfig {
        (options.num_beams, options.num_return_sequences, options.do_sample) = (1, num_return_sequences, true);
        (options.temperature, options.top_k, options.top_p) = (temperature, top_k, top_p);
        options.seed = seed;
        options
    }
}

prop_compose! {
    fn diverse()(
        mut options in any_options(),
        groups in 2usize..5,
        size in 1usize..4,
        diversity_penalty in 0.1f32..4.0,
    ) -> GenerationConfig {
        (options.num_beams, options.num_beam_groups) = (groups * size, groups);
        options.num_return_sequences = options.num_beams;
        options.diversity_penalty = diversity_penalty;
        options
    }
}

proptest! {
    #[test]
    fn equals_the_plain_reference(language in language(), options in any_options()) {
        let plain = if options.num_beams == 1 {
            vec![reference::greedy(&language, 0, &options)]
        } else {
            reference::beam_search(&language, 0, &options)
        };
        let found = run(language, &[0], &options).remove(0);
        prop_assert_eq!(outcomes(&found), expected(&plain));
    }

    #[test]
    fn a_batched_row_equals_the_image_alone(
        language in language(),
        options in prop_oneof![any_options(), sampling(), diverse()],
    ) {
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

    /// More samples of a photo do not change the first ones.
    #[test]
    fn a_sample_depends_on_the_seed_and_its_number_alone(language in language(), options in sampling()) {
        let mut one = options.clone();
        one.num_return_sequences = 1;
        let all = run(language, &[4], &options).remove(0);
        prop_assert_eq!(all.len(), options.num_return_sequences);
        prop_assert_eq!(&all[..1], &run(language, &[4], &one)[0]);
    }

    #[test]
    fn the_coldest_sample_is_greedy(language in language(), options in sampling()) {
        let (mut coldest, mut greedy) = (options.clone(), options);
        coldest.num_return_sequences = 1;
        // Of equal tokens, top_p 0 keeps one.
        (coldest.top_k, coldest.top_p) = (0, 0.0);
        (greedy.do_sample, greedy.num_return_sequences) = (false, 1);
        (greedy.temperature, greedy.top_k, greedy.top_p) = (1.0, GenerationConfig::DEFAULT_TOP_K, 1.0);
        prop_assert_eq!(run(language, &[3], &coldest), run(language, &[3], &greedy));
    }

    #[test]
    fn captions_have_an_allowed_length(
        language in language(),
        options in prop_oneof![any_options(), sampling(), diverse()],
    ) {
        for caption in &run(language, &[0], &options)[0] {
            let ended = caption.token_ids.ends_with(&[EOS]);
            // min_length includes <sos> and not <eos>.
            prop_assert!(!ended || caption.token_ids.len() >= options.min_length);
            prop_assert!(caption.token_ids.len() < options.max_length);
        }
    }

    /// In general more beams can find a worse caption. With captions of two tokens they cannot: after one step the
    /// beams of the narrow search are among those of the wide one, which then has every continuation of the narrow one.
    #[test]
    fn more_beams_find_no_worse_captions_of_two_tokens(
        language in language(),
        length_penalty in -1.0f32..3.0,
        narrow in 2usize..6,
        more in 1usize..6,
    ) {
        let best = |num_beams| {
            let mut options = options(num_beams, 3);
            options.length_penalty = length_penalty;
            options.early_stopping = EarlyStopping::Never;
            run(language, &[0], &options)[0][0].score
        };
        prop_assert!(best(narrow + more) >= best(narrow));
    }

    /// The best of all sequences scores at least as high as the result of any search.
    #[test]
    fn no_search_scores_higher_than_the_optimum(
        seed in any::<u64>(),
        options in prop_oneof![any_options(), diverse()],
    ) {
        let language = Language { vocab_size: 6, seed, eos_bias: 0.0, coarse: false };
        let mut options = options;
        options.max_length = options.max_length.min(6);
        options.min_length = options.min_length.min(options.max_length);
        options.num_return_sequences = 1;
        // Diverse searches score penalised sums, which are lower.
        let optimum = reference::exhaustive(&language, 0, &options)[0].score;
        prop_assert!(run(language, &[0], &options)[0][0].score <= optimum);
    }
}
