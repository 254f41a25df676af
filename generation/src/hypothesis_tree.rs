use crate::Hypothesis;
use ndarray::Array2;

/// A node of a [`HypothesisTree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

impl NodeId {
    /// `<sos>`, with which every hypothesis of an image begins.
    pub(crate) const START: Self = Self(u32::MAX);

    /// The place of the node in the tree; `None` for the start.
    pub(crate) fn index(self) -> Option<usize> {
        (self != Self::START).then_some(self.0 as usize)
    }
}

#[derive(Debug)]
struct Node {
    parent: NodeId,
    token_id: u32,
    log_prob: f32,
    /// The row of `attentions` that belongs to this token.
    attention: u32,
}

/// All hypotheses of one image as a tree of tokens. Hypotheses with the same beginning share its nodes, and a
/// hypothesis is identified by its last node: beams branch and end without a copy of their sequences.
#[derive(Debug, Default)]
pub(crate) struct HypothesisTree {
    nodes: Vec<Node>,
    /// [attention rows, cells], as the steps returned them.
    attentions: Vec<f32>,
    cells: usize,
}

impl HypothesisTree {
    pub(crate) fn push(&mut self, parent: NodeId, token_id: u32, log_prob: f32, attention: usize) -> NodeId {
        self.nodes.push(Node { parent, token_id, log_prob, attention: attention as u32 });
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// Stores one step's attentions, [beams, cells], and returns the row of the first one.
    pub(crate) fn push_attentions(&mut self, rows: &[f32], cells: usize) -> usize {
        let first = self.attentions.len().checked_div(cells).unwrap_or(0);
        self.cells = cells;
        self.attentions.extend_from_slice(rows);
        first
    }

    /// All attentions, [rows, cells] in the order of the steps.
    pub(crate) fn attentions(&self) -> Option<Array2<f32>> {
        let rows = self.attentions.len().checked_div(self.cells)?;
        Array2::from_shape_vec((rows, self.cells), self.attentions.clone()).ok()
    }

    /// The nodes from `last` back to the first token.
    fn ancestors(&self, last: NodeId) -> impl Iterator<Item = &Node> {
        let node = move |id: NodeId| (id != NodeId::START).then(|| &self.nodes[id.0 as usize]);
        std::iter::successors(node(last), move |current| node(current.parent))
    }

    /// Replaces `sequence` with the token ids up to `last`; `<sos>` comes first.
    pub(crate) fn sequence(&self, last: NodeId, start_token_id: u32, sequence: &mut Vec<u32>) {
        sequence.clear();
        sequence.extend(self.ancestors(last).map(|node| node.token_id));
        sequence.push(start_token_id);
        sequence.reverse();
    }

    /// The hypothesis that ends at `last`.
    pub(crate) fn hypothesis(&self, last: NodeId, score: f32, output_attentions: bool) -> Hypothesis {
        let mut nodes: Vec<_> = self.ancestors(last).collect();
        nodes.reverse();
        let attentions = output_attentions.then(|| {
            Array2::from_shape_fn((nodes.len(), self.cells), |(t, cell)| {
                self.attentions[nodes[t].attention as usize * self.cells + cell]
            })
        });
        Hypothesis {
            token_ids: nodes.iter().map(|node| node.token_id).collect(),
            token_logprobs: nodes.iter().map(|node| node.log_prob).collect(),
            score,
            attentions,
        }
    }
}
