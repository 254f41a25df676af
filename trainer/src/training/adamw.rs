use crate::model::Parameters;
use tch::Tensor;

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`; without
/// decay it is Adam. Its state is plain tensors, so that a resumed run reaches the same weights.
#[derive(Debug)]
pub struct AdamW {
    /// Decay of matrices; vectors (biases, norms) and the backbone's weights do not decay.
    pub weight_decay: f64,
    /// Learning rate of the backbone's weights, as a multiple of the others'.
    pub backbone_rate: f64,
    /// Steps taken.
    pub steps: i32,
    /// First and second moments, in the parameters' order.
    pub moments: Vec<(Tensor, Tensor)>,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

impl AdamW {
    /// A fresh state for `parameters`.
    pub fn new(parameters: &Parameters, weight_decay: f64) -> Self {
        let moments =
            parameters.iter().map(|(_, p)| (p.zeros_like().detach(), p.zeros_like().detach())).collect();
        Self { weight_decay, backbone_rate: 1.0, steps: 0, moments }
    }

    /// Applies the gradients and clears them.
    pub fn step(&mut self, parameters: &Parameters, learning_rate: f64) {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        let correction1 = 1.0 - BETA1.powi(self.steps);
        let correction2 = 1.0 - BETA2.powi(self.steps);
        for ((name, parameter), (m, v)) in parameters.iter().zip(&mut self.moments) {
            let (learning_rate, weight_decay) = match parameters.is_backbone(name) {
                true => (learning_rate * self.backbone_rate, 0.0),
                false => (learning_rate, self.weight_decay),
            };
            let mut gradient = parameter.grad();
            if !gradient.defined() {
                continue;
            }
            let mut parameter = parameter.shallow_clone();
            if weight_decay > 0.0 && parameter.dim() > 1 {
                let _ = parameter.g_mul_scalar_(1.0 - learning_rate * weight_decay);
            }
            let _ = m.lerp_(&gradient, 1.0 - BETA1);
            let _ = v.lerp_(&gradient.square(), 1.0 - BETA2);
            let denominator = (v.sqrt() / correction2.sqrt()).g_add_scalar_(EPS);
            let _ = parameter.g_sub_(&(&*m / denominator).g_mul_scalar_(learning_rate / correction1));
            let _ = gradient.zero_();
        }
    }
}

/// Scales all gradients down so that their joint norm is at most `limit`; returns the norm before that.
pub fn clip_grad_norm(parameters: &Parameters, limit: f64) -> f64 {
    let _guard = tch::no_grad_guard();
    let gradients: Vec<Tensor> = parameters.iter().map(|(_, p)| p.grad()).filter(Tensor::defined).collect();
    let norms: Vec<Tensor> = gradients.iter().map(Tensor::norm).collect();
    let norm = Tensor::stack(&norms, 0).norm().double_value(&[]);
    if norm > limit {
        for mut gradient in gradients {
            let _ = gradient.g_mul_scalar_(limit / (norm + 1e-6));
        }
    }
    norm
}
