use super::encode::Grid;
use tch::{Kind, Tensor};

/// Where the gradient of a pass over captions stops on its way to the photos, and goes on in one piece.
///
/// Every step reads the grid, so that its gradient is a sum over the steps: as many tensors of the grid's size, filled
/// and added one after the other, take a fifth of the time of training. What each step contributes is the outer product
/// of its attention and its context's gradient, and the sum of those is one product of two matrices.
#[derive(Debug)]
pub(super) struct Boundary {
    /// What the steps would read, with the way back to the photos.
    rows: Grid,
    /// The same numbers without it; all but `hidden` collect their gradients.
    leaves: Grid,
    /// Of each step: the attention, and zeros that were added to the context to collect its gradient.
    looks: Vec<(Tensor, Tensor)>,
}

impl Boundary {
    pub fn of(rows: Grid) -> Self {
        let leaf = |tensor: &Tensor| tensor.detach().set_requires_grad(true);
        let leaves = Grid { hidden: rows.hidden.detach(), ..rows.map(leaf) };
        Self { rows, leaves, looks: Vec::new() }
    }

    /// What the steps read.
    pub fn rows(&self) -> Grid {
        self.leaves.map(Tensor::shallow_clone)
    }

    /// [`Grid::look`] of a step that has the first of the rows left.
    pub fn look(&mut self, rows: &Grid, attention: &Tensor) -> Tensor {
        let context = rows.look(attention);
        if !self.rows.hidden.requires_grad() {
            return context;
        }
        let (context, zeros) = tapped(&context);
        self.looks.push((attention.detach(), zeros));
        context
    }

    /// After the loss went backward: a scalar whose gradient with respect to the rows is the sum of those gathered.
    pub fn flow(&self) -> Tensor {
        let Self { rows, leaves, looks } = self;
        let all = rows.h.size()[0];
        let padded = |tensor: &Tensor| tensor.constant_pad_nd([0, 0, 0, all - tensor.size()[0]]);
        let flow = |rows: &Tensor, gradient: &Tensor| (rows * gradient).sum(Kind::Float);
        let others = [(&rows.keys, &leaves.keys), (&rows.h, &leaves.h), (&rows.c, &leaves.c)];
        let others = others.map(|(rows, leaf)| flow(rows, &leaf.grad())).iter().sum::<Tensor>();
        if !rows.hidden.requires_grad() {
            return others;
        }
        let attentions: Vec<_> = looks.iter().map(|(attention, _)| padded(attention)).collect();
        let contexts: Vec<_> = looks.iter().map(|(_, zeros)| padded(&zeros.grad())).collect();
        // [rows, cells, steps] x [rows, steps, encoder_dim]
        let hidden = Tensor::stack(&attentions, 2).bmm(&Tensor::stack(&contexts, 1));
        others + flow(&rows.hidden, &hidden)
    }
}

/// The same numbers, and zeros that were added to them and collect their gradient.
pub(super) fn tapped(value: &Tensor) -> (Tensor, Tensor) {
    let zeros = value.detach().zeros_like().set_requires_grad(true);
    (value + &zeros, zeros)
}
