//! A recorded search against the toy's own probabilities: every row, every continuation, kept or not.

use crate::LANGUAGE;
use crate::toy::{BOS, EOS, Language, Toy, options};
use glimpse_generation::{Fate, GenerationConfig, SearchTrace, search, search_traced};

const ALTERNATIVES: usize = 5;
const IMAGES: [u64; 4] = [3, 1, 4, 15];

fn traced(language: Language, options: &GenerationConfig) -> Vec<SearchTrace> {
    let found = search_traced(&mut Toy::new(language, &IMAGES), IMAGES.len(), options, ALTERNATIVES)
        .expect("the options are valid");
    let plain =
        search(&mut Toy::new(language, &IMAGES), IMAGES.len(), options).expect("the options are valid");
    let (hypotheses, traces): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    assert_eq!(hypotheses, plain, "a record changes nothing");
    traces
}

/// The tokens up to a node, `<sos>` first.
fn prefix(trace: &SearchTrace, node: Option<usize>) -> Vec<u32> {
    let Some(node) = node else { return vec![BOS] };
    let node = &trace.nodes[node];
    let mut tokens = prefix(trace, trace.rows[node.row].node);
    tokens.push(node.token_id);
    tokens
}

/// The nodes of each step.
fn steps(trace: &SearchTrace) -> Vec<Vec<usize>> {
    let mut steps: Vec<Vec<usize>> = Vec::new();
    for node in 0..trace.nodes.len() {
        let step = prefix(trace, Some(node)).len() - 2;
        steps.resize(steps.len().max(step + 1), Vec::new());
        steps[step].push(node);
    }
    steps
}

#[test]
fn rows_have_the_models_best_tokens_and_its_attention() {
    for num_beams in [1, 3] {
        let mut options = options(num_beams, 9);
        options.output_attentions = true;
        for (image, trace) in IMAGES.iter().zip(traced(LANGUAGE, &options)) {
            let attentions = trace.attentions.as_ref().unwrap();
            assert_eq!(attentions.nrows(), trace.rows.len());
            for (row, attention) in trace.rows.iter().zip(attentions.rows()) {
                let prefix = prefix(&trace, row.node);
                assert_eq!(attention.to_vec(), LANGUAGE.attention(*image, &prefix));
                let log_probs = LANGUAGE.log_probs(*image, &prefix);
                let mut best: Vec<_> = (0_u32..).zip(log_probs).collect();
                best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                assert_eq!(row.alternatives, best[..ALTERNATIVES]);
            }
        }
    }
}

/// Each step ranks the 2 x num_beams best of all continuations of the beams, and keeps the best without `<eos>`.
#[test]
fn steps_rank_the_best_continuations_of_all_beams() {
    let num_beams = 3;
    let options = options(num_beams, 9);
    for (image, trace) in IMAGES.iter().zip(traced(LANGUAGE, &options)) {
        assert_eq!(trace.attentions, None);
        let mut beams: Vec<(Vec<u32>, f32)> = vec![(vec![BOS], 0.0)];
        let steps = steps(&trace);
        assert!(steps.len() > 3);
        for (step, nodes) in steps.iter().enumerate() {
            let mut all = Vec::new();
            for (tokens, sum) in &beams {
                let log_probs = LANGUAGE.log_probs(*image, tokens);
                let allowed =
                    (0_u32..).zip(log_probs).filter(|(id, _)| !options.suppress_tokens.contains(id));
                all.extend(allowed.map(|(id, log_prob)| ([&tokens[..], &[id]].concat(), sum + log_prob)));
            }
            all.sort_by(|a, b| b.1.total_cmp(&a.1));
            all.truncate(2 * num_beams);
            let found: Vec<_> = nodes
                .iter()
                .map(|&node| (prefix(&trace, Some(node)), trace.nodes[node].sum_logprobs))
                .collect();
            assert_eq!(found, all, "step {step}");

            let is_last = step + 2 == options.max_length;
            let mut kept = 0;
            for (rank, &node) in nodes.iter().enumerate() {
                let node = &trace.nodes[node];
                let ends = node.token_id == EOS || is_last;
                let expected = match ends {
                    true if rank < num_beams => Fate::Finished,
                    false if kept < num_beams => Fate::Kept,
                    _ => Fate::Pruned,
                };
                kept += usize::from(expected == Fate::Kept);
                assert_eq!(node.fate, expected, "step {step}, rank {rank}");
            }
            beams = found
                .into_iter()
                .zip(nodes)
                .filter(|(_, node)| trace.nodes[**node].fate == Fate::Kept)
                .map(|(beam, _)| beam)
                .collect();
        }
    }
}

/// Penalties are in the sums and not in the log-probabilities; drawn captions are those without a record.
#[test]
fn other_strategies_are_recorded_too() {
    let mut groups = options(4, 8);
    (groups.num_beam_groups, groups.diversity_penalty) = (2, 0.7);
    let mut drawn = options(1, 8);
    (drawn.do_sample, drawn.top_k, drawn.num_return_sequences) = (true, 3, 2);
    let mut blocked = options(3, 8);
    (blocked.no_repeat_ngram_size, blocked.repetition_penalty) = (2, 1.3);
    for options in [groups, drawn, blocked] {
        for (image, trace) in IMAGES.iter().zip(traced(LANGUAGE, &options)) {
            for node in &trace.nodes {
                let prefix = prefix(&trace, trace.rows[node.row].node);
                assert_eq!(node.log_prob, LANGUAGE.log_probs(*image, &prefix)[node.token_id as usize]);
            }
            assert!(trace.nodes.iter().any(|node| node.fate == Fate::Finished));
        }
    }
}
