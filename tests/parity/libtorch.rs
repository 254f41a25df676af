//! The model in libtorch, one photo and one word at a time.

use glimpse_bundle::image::RgbImage;
use glimpse_bundle::{DecoderInterface, Preprocessor, Size};
use glimpse_export::Checkpoint;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict};
use glimpse_trainer::exporting;
use glimpse_trainer::model::{Captioner, Encoded, Pass, State, Stepper};
use std::path::Path;
use tch::{Device, Kind, Tensor};

pub struct Libtorch {
    pub backbone: FeatureExtractor,
    pub model: Captioner,
    preprocessor: Preprocessor,
    interface: DecoderInterface,
}

impl Libtorch {
    pub fn open(checkpoint: &Path, backbone_weights: &Path) -> Self {
        // Tests run side by side, and steps of one row are too short to share between threads.
        tch::set_num_threads(1);
        let read = Checkpoint::read(checkpoint).unwrap();
        let weights = StateDict::read(backbone_weights).unwrap();
        let (backbone, model) = exporting::open(&read, checkpoint, &weights, Device::Cpu).unwrap();
        let interface = read.config.decoder_interface();
        Self { backbone, model, preprocessor: Preprocessor::new(read.preprocessor).unwrap(), interface }
    }

    /// f32 [photos, 3, height, width]
    pub fn pixel_values(&self, photos: &[RgbImage]) -> Tensor {
        let Size { height, width } = self.preprocessor.config().output_size();
        let mut values = vec![0.0; photos.len() * 3 * (height * width) as usize];
        for (photo, values) in photos.iter().zip(values.chunks_exact_mut(3 * (height * width) as usize)) {
            self.preprocessor.pixel_values(photo, values).unwrap();
        }
        Tensor::from_slice(&values).view([photos.len() as i64, 3, i64::from(height), i64::from(width)])
    }

    /// Every input and output of both graphs, by libtorch.
    pub fn reference(&self, pixel_values: &Tensor) -> Vec<(String, Tensor)> {
        exporting::reference(&self.backbone, &self.model, &self.interface, pixel_values)
    }

    pub fn photo(&self, photo: &RgbImage) -> Photo<'_> {
        let _guard = tch::no_grad_guard();
        let features = self.backbone.forward(&self.pixel_values(std::slice::from_ref(photo)));
        Photo {
            stepper: self.model.stepper(Kind::Float),
            encoded: self.model.encode(&features, &Pass::EXACT),
        }
    }
}

/// One photo, ready to be described.
pub struct Photo<'a> {
    stepper: Box<dyn Stepper + 'a>,
    encoded: Encoded,
}

impl Photo<'_> {
    /// The LSTM before the first word.
    pub fn start(&self) -> State {
        self.encoded.start()
    }

    /// Log-probabilities of every word after `word`, and the LSTM behind it.
    pub fn step(&self, word: u32, state: &State) -> (Vec<f32>, State) {
        let _guard = tch::no_grad_guard();
        let step = self.stepper.step(&Tensor::from_slice(&[i64::from(word)]), &self.encoded, state);
        let log_probs = step.logits.log_softmax(1, Kind::Float).view(-1);
        (Vec::try_from(log_probs).unwrap(), step.state)
    }
}
