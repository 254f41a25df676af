use super::boundary::tapped;
use std::cell::RefCell;
use tch::{Kind, Tensor};

/// A matrix that every step multiplies with, in its own number format.
///
/// In training its gradient is a sum of the steps' outer products. While it records, the steps do not pass their part on,
/// and the sum is made of all of them in one product.
#[derive(Debug)]
pub(super) struct StepMatrix {
    /// [outputs, inputs]
    weight: Tensor,
    /// Of each step: what was multiplied, and zeros that were added to the result to collect its gradient.
    uses: Option<RefCell<Vec<(Tensor, Tensor)>>>,
}

impl StepMatrix {
    pub fn new(weight: Tensor) -> Self {
        Self { weight, uses: None }
    }

    pub fn record(&mut self) {
        self.uses = Some(RefCell::default());
    }

    /// x weight^T, f32 [rows, outputs] from f32 [rows, inputs].
    pub fn product(&self, x: &Tensor) -> Tensor {
        let x = x.to_kind(self.weight.kind());
        let by = |weight: &Tensor| x.linear(weight, None::<Tensor>).to_kind(Kind::Float);
        let Some(uses) = &self.uses else { return by(&self.weight) };
        let (product, zeros) = tapped(&by(&self.weight.detach()));
        uses.borrow_mut().push((x.detach(), zeros));
        product
    }

    /// A function of the weight that has the gradient of all recorded products.
    ///
    /// # Panics
    /// Where it did not record.
    pub fn flow(&self) -> Tensor {
        let uses = self.uses.as_ref().expect("it recorded").borrow();
        let inputs: Vec<_> = uses.iter().map(|(x, _)| x).collect();
        let gradients: Vec<_> = uses.iter().map(|(_, zeros)| zeros.grad()).collect();
        let gradients = Tensor::cat(&gradients, 0).to_kind(self.weight.kind());
        let gradient = gradients.tr().matmul(&Tensor::cat(&inputs, 0));
        (&self.weight * gradient).sum(Kind::Float)
    }
}
