use super::processors::Processors;
use super::strategy::{BeamGroup, Chains};
use super::trellis::{NodeId, Trellis};
use super::{Hypothesis, SearchOptions, TopCandidates};
use std::ops::Range;

/// A hypothesis that is still being written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beam {
    pub(super) last: NodeId,
    /// What its words are ranked by, summed.
    pub(super) sum_logprobs: f32,
    /// The word to feed next.
    pub(super) token_id: u32,
    /// Which of the image's rows of the last step it continues.
    pub(super) parent: usize,
}

/// A hypothesis that is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished {
    pub(super) last: NodeId,
    pub(super) score: f32,
}

/// A word that may follow a beam.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Of the beam and the word, penalties included.
    pub(super) sum_logprobs: f32,
    /// The word's log-probability after penalties.
    pub(super) ranked_by: f32,
    /// The word's log-probability as the model gave it.
    pub(super) log_prob: f32,
    /// Which of the image's rows.
    pub(super) beam: usize,
    pub(super) token_id: u32,
}

/// What a step says of one image.
#[derive(Clone, Copy)]
pub(super) struct StepResult<'a> {
    pub(super) top: &'a TopCandidates,
    pub(super) processors: &'a Processors,
    pub(super) options: &'a SearchOptions,
    /// Row of the image's first beam.
    pub(super) first_row: usize,
    /// Words generated per hypothesis once this step is done.
    pub(super) length: usize,
    /// No step follows.
    pub(super) is_last: bool,
    /// Candidates per row.
    pub(super) k: usize,
    /// Grid cells; 0 without attentions.
    pub(super) cells: usize,
}

/// The hypotheses of one image: what a strategy reads and writes. The buffers are reused.
#[derive(Debug)]
pub(super) struct Hypotheses {
    pub(super) trellis: Trellis,
    /// One beam a row.
    pub(super) running: Vec<Beam>,
    /// The rows of the next step, while this one is taken.
    pub(super) next: Vec<Beam>,
    /// What [`Hypotheses::collect`] found, best first.
    pub(super) candidates: Vec<Candidate>,
    /// What earlier groups of beams say in this step.
    pub(super) said: Vec<u32>,
    /// Which of the trellis's rows of attention this step's first one is.
    attention: usize,
}

impl Hypotheses {
    /// The `kept` best words that may follow the beams of `rows`. Ties go to the lower beam, then to
    /// the lower id.
    pub(super) fn collect(&mut self, rows: Range<usize>, kept: usize, step: &StepResult<'_>) {
        let StepResult { processors, options, .. } = step;
        let in_order = self.said.is_empty() && !processors.change_order();
        let most = if in_order { kept } else { step.k };
        self.candidates.clear();
        for beam in rows {
            let sum_logprobs = self.running[beam].sum_logprobs;
            let row = step.first_row + beam;
            let words = step.top.row(row, step.k).filter_map(|(token_id, log_prob)| {
                let repeats = self.said.iter().filter(|&&said| said == token_id).count();
                let diverse = log_prob - options.diversity_penalty * repeats as f32;
                let ranked_by = processors.process(row, token_id, diverse)?;
                let sum_logprobs = sum_logprobs + ranked_by;
                Some(Candidate { sum_logprobs, ranked_by, log_prob, beam, token_id })
            });
            self.candidates.extend(words.take(most));
        }
        self.candidates.sort_unstable_by(|a, b| {
            let by_score = b.sum_logprobs.total_cmp(&a.sum_logprobs);
            by_score.then(a.beam.cmp(&b.beam)).then(a.token_id.cmp(&b.token_id))
        });
        self.candidates.truncate(kept);
    }

    /// Writes a candidate's word down.
    pub(super) fn extend(&mut self, candidate: Candidate) -> NodeId {
        let Candidate { log_prob, beam, token_id, .. } = candidate;
        self.trellis.push(self.running[beam].last, token_id, log_prob, self.attention + beam)
    }

    /// Lets a candidate go on in the next step.
    pub(super) fn go_on(&mut self, candidate: Candidate) {
        let Candidate { sum_logprobs, token_id, beam: parent, .. } = candidate;
        let last = self.extend(candidate);
        self.next.push(Beam { last, sum_logprobs, token_id, parent });
    }
}

#[derive(Debug)]
enum Strategy {
    Beams(Vec<BeamGroup>),
    Chains(Chains),
}

/// The search over one image.
#[derive(Debug)]
pub(super) struct ImageSearch {
    hypotheses: Hypotheses,
    strategy: Strategy,
}

impl ImageSearch {
    /// `image_key` is what sampling draws by.
    pub(super) fn new(options: &SearchOptions, image_key: u64) -> Self {
        let strategy = if options.num_beams == 1 {
            Strategy::Chains(Chains::new(options, image_key))
        } else {
            Strategy::Beams(
                (0..options.num_beam_groups).map(|group| BeamGroup::new(group, options)).collect(),
            )
        };
        let start = Beam {
            last: NodeId::START,
            sum_logprobs: 0.0,
            token_id: options.decoder_start_token_id,
            parent: 0,
        };
        let rows = options.num_beams.max(options.starts());
        let mut running = Vec::with_capacity(rows);
        running.resize(options.starts(), start);
        let hypotheses = Hypotheses {
            trellis: Trellis::default(),
            running,
            next: Vec::with_capacity(rows),
            candidates: Vec::new(),
            said: Vec::new(),
            attention: 0,
        };
        Self { hypotheses, strategy }
    }

    /// The rows of the next step.
    pub(super) fn running(&self) -> &[Beam] {
        &self.hypotheses.running
    }

    pub(super) fn is_done(&self) -> bool {
        self.hypotheses.running.is_empty()
    }

    /// The words of a beam, start word first.
    pub(super) fn sequence(&self, beam: usize, options: &SearchOptions, sequence: &mut Vec<u32>) {
        let Hypotheses { trellis, running, .. } = &self.hypotheses;
        trellis.sequence(running[beam].last, options.decoder_start_token_id, sequence);
    }

    /// Takes one step's candidates and chooses the beams of the next.
    pub(super) fn advance(&mut self, step: &StepResult<'_>) {
        let hypotheses = &mut self.hypotheses;
        let from = step.first_row * step.cells;
        let attentions = &step.top.attentions[from..from + hypotheses.running.len() * step.cells];
        hypotheses.attention = hypotheses.trellis.push_attentions(attentions, step.cells);
        match &mut self.strategy {
            Strategy::Beams(groups) => BeamGroup::advance_all(groups, hypotheses, step),
            Strategy::Chains(chains) => chains.advance(hypotheses, step),
        }
        std::mem::swap(&mut hypotheses.running, &mut hypotheses.next);
        hypotheses.next.clear();
    }

    /// The hypotheses to return: searched ones best first, drawn ones in the order of drawing.
    pub(super) fn into_hypotheses(self, options: &SearchOptions) -> Vec<Hypothesis> {
        let trellis = self.hypotheses.trellis;
        let finished = match self.strategy {
            Strategy::Beams(groups) => BeamGroup::best_of_all(groups),
            Strategy::Chains(chains) => chains.into_finished(),
        };
        let wanted = finished.iter().take(options.num_return_sequences);
        wanted.map(|kept| trellis.hypothesis(kept.last, kept.score, options.output_attentions)).collect()
    }
}
