//! The search on toy decoders: against a plain reference, against exhaustive search, and properties
//! that hold for any model.

mod properties;
mod reference;
mod toy;
mod trace;

use glimpse_generation::{EarlyStopping, GenerationConfig, Hypothesis, search};
use reference::Plain;
use toy::{BOS, EOS, Language, Toy, options};

fn run(language: Language, images: &[u64], options: &GenerationConfig) -> Vec<Vec<Hypothesis>> {
    search(&mut Toy::new(language, images), images.len(), options).expect("the options are valid")
}

/// Ids, log-probability and score of each hypothesis of a search.
fn outcomes(hypotheses: &[Hypothesis]) -> Vec<(&[u32], f32, f32)> {
    let outcomes = hypotheses.iter().map(|hypothesis| {
        let log_prob = hypothesis.token_logprobs.iter().sum();
        (&hypothesis.token_ids[..], log_prob, hypothesis.score)
    });
    outcomes.collect()
}

/// The same of the plain reference.
fn expected(plain: &[Plain]) -> Vec<(&[u32], f32, f32)> {
    plain.iter().map(|plain| (&plain.token_ids[..], plain.log_prob, plain.score)).collect()
}

const LANGUAGE: Language = Language { vocab_size: 9, seed: 5, eos_bias: 1.0, coarse: false };

/// With as many beams as there are sequences, no hypothesis is dropped: the search must find all of them in the right
/// order, with any length penalty.
#[test]
fn as_many_beams_as_sequences_find_the_optimum() {
    for seed in 0..12 {
        // Three tokens may follow each prefix, five steps: 3^5 sequences at most.
        let language = Language { vocab_size: 5, seed, eos_bias: 0.0, coarse: false };
        for length_penalty in [0.0, 0.7, 1.0, 2.0, -1.0] {
            let mut options = options(3usize.pow(5), 6);
            options.length_penalty = length_penalty;
            options.early_stopping = EarlyStopping::Never;
            let all = reference::exhaustive(&language, 0, &options);
            assert_eq!(all.len(), 1 + 2 + 4 + 8 + 16 * 3, "<eos> ends a sequence, or the fifth token does");
            let found = run(language, &[0], &options).remove(0);
            assert_eq!(outcomes(&found), expected(&all), "seed {seed}, length penalty {length_penalty}");
        }
    }
}

#[test]
fn finished_images_leave_the_batch() {
    let options = options(3, 12);
    let images: Vec<u64> = (0..10).collect();
    let mut toy = Toy::new(LANGUAGE, &images);
    search(&mut toy, images.len(), &options).unwrap();
    assert_eq!(toy.rows[0], images.len(), "one row per image opens the search");
    assert_eq!(toy.rows[1], images.len() * options.num_beams);
    assert!(toy.rows.last() < toy.rows.get(1), "rows per step: {:?}", toy.rows);
}

#[test]
fn attentions_follow_the_tokens_through_the_beams() {
    let mut options = options(4, 9);
    options.output_attentions = true;
    let images = [3, 1, 4, 15];
    for (image, hypotheses) in images.iter().zip(run(LANGUAGE, &images, &options)) {
        for hypothesis in hypotheses {
            let attentions = hypothesis.attentions.expect("attentions, which the options request");
            assert_eq!(attentions.dim(), (hypothesis.token_ids.len(), toy::CELLS));
            let mut prefix = vec![BOS];
            for (row, &id) in attentions.rows().into_iter().zip(&hypothesis.token_ids) {
                assert_eq!(row.to_vec(), LANGUAGE.attention(*image, &prefix));
                prefix.push(id);
            }
        }
    }
}

#[test]
fn a_caption_exists_even_when_no_beam_ends() {
    let language = Language { eos_bias: f32::NEG_INFINITY, ..LANGUAGE };
    for num_beams in [1, 4] {
        let captions = run(language, &[0], &options(num_beams, 7));
        assert_eq!(captions[0].len(), num_beams);
        assert!(captions[0].iter().all(|caption| caption.token_ids.len() == 6));
    }
}

#[test]
fn a_dead_end_keeps_the_tokens_so_far() {
    // Tokens 3 and 4, and no way to end: when each was generated once, unigram blocking leaves no token.
    let language = Language { vocab_size: 5, seed: 1, eos_bias: f32::NEG_INFINITY, coarse: false };
    for num_beams in [1, 2] {
        let mut options = options(num_beams, 10);
        options.no_repeat_ngram_size = 1;
        let captions = run(language, &[0], &options);
        assert_eq!(captions[0].len(), num_beams);
        for caption in &captions[0] {
            let mut ids = caption.token_ids.clone();
            ids.sort_unstable();
            assert_eq!(ids, [3, 4]);
        }
    }
}

#[test]
fn suppressed_tokens_never_appear_and_nothing_is_renormalised() {
    let mut options = options(3, 10);
    options.suppress_tokens.extend([4, 6, 4]);
    for hypothesis in &run(LANGUAGE, &[7], &options)[0] {
        let mut prefix = vec![BOS];
        for (&id, &log_prob) in hypothesis.token_ids.iter().zip(&hypothesis.token_logprobs) {
            assert!(!options.suppress_tokens.contains(&id));
            assert_eq!(log_prob, LANGUAGE.log_probs(7, &prefix)[id as usize]);
            prefix.push(id);
        }
    }
}

#[test]
fn an_empty_batch_is_an_empty_answer() {
    assert!(run(LANGUAGE, &[], &options(3, 5)).is_empty());
}

#[test]
fn options_that_contradict_are_refused_by_name() {
    let refused = |change: fn(&mut GenerationConfig)| {
        let mut options = options(3, 10);
        change(&mut options);
        let error = search(&mut Toy::new(LANGUAGE, &[0]), 1, &options).expect_err("refused");
        error.option
    };
    assert_eq!(refused(|options| options.num_beams = 0), "num_beams");
    assert_eq!(refused(|options| options.num_beams = 1_001), "num_beams");
    assert_eq!(refused(|options| options.num_return_sequences = 1_001), "num_return_sequences");
    assert_eq!(refused(|options| options.max_length = 10_001), "max_length");
    assert_eq!(refused(|options| options.max_new_tokens = Some(10_001)), "max_new_tokens");
    assert_eq!(refused(|options| options.min_length = 11), "min_length");
    assert_eq!(refused(|options| options.repetition_penalty = 0.0), "repetition_penalty");
    assert_eq!(refused(|options| options.repetition_penalty = f32::INFINITY), "repetition_penalty");
    assert_eq!(refused(|options| options.num_beam_groups = 0), "num_beam_groups");
    assert_eq!(refused(|options| options.num_beam_groups = 2), "num_beam_groups");
    assert_eq!(refused(|options| options.num_beam_groups = 3), "diversity_penalty");
    assert_eq!(refused(|options| options.diversity_penalty = 1.0), "diversity_penalty");
    assert_eq!(refused(|options| options.temperature = 0.7), "temperature");
    assert_eq!(refused(|options| options.top_k = 5), "top_k");
    assert_eq!(refused(|options| options.top_p = 0.9), "top_p");
    assert_eq!(refused(|options| options.do_sample = true), "do_sample");
    let drawn = |change: fn(&mut GenerationConfig)| {
        let mut options = options(1, 10);
        options.do_sample = true;
        assert!(options.validate(9).is_ok());
        change(&mut options);
        options.validate(9).expect_err("refused").option
    };
    assert_eq!(drawn(|options| options.temperature = 0.0), "temperature");
    assert_eq!(drawn(|options| options.top_p = 1.1), "top_p");
    assert_eq!(drawn(|options| options.num_beam_groups = 2), "num_beam_groups");
    assert_eq!(drawn(|options| options.diversity_penalty = 1.0), "diversity_penalty");
    assert_eq!(refused(|options| options.num_return_sequences = 4), "num_return_sequences");
    assert_eq!(refused(|options| options.num_return_sequences = 0), "num_return_sequences");
    assert_eq!(refused(|options| options.max_length = 1), "max_length");
    assert_eq!(refused(|options| options.length_penalty = f32::NAN), "length_penalty");
    assert_eq!(refused(|options| options.eos_token_id = 9.into()), "eos_token_id");
    assert_eq!(refused(|options| options.suppress_tokens = (0..9).collect()), "suppress_tokens");
}

#[test]
fn eos_is_counted_and_start_is_not() {
    let captions = run(LANGUAGE, &[2], &options(2, 20));
    let best = &captions[0][0];
    assert_eq!(best.token_ids.last(), Some(&EOS));
    let sum: f32 = best.token_logprobs.iter().sum();
    assert_eq!(best.score, sum / best.token_ids.len() as f32);
}
