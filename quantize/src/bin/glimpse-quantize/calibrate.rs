//! Ranges of the encoder's tensors, by running it on sample photos.

use crate::Args;
use crate::photos::sample;
use anyhow::{Context, Result, bail};
use glimpse_bundle::{Bundle, Preprocessor};
use glimpse_export::graph::Model;
use glimpse_export::proto::GraphProto;
use glimpse_quantize::{Calibration, observed_encoder};
use glimpse_runtime::{ObservedEncoder, OnnxRuntime};

/// Fewer photos than this show too little; more than some dozens show nothing new.
const FEW: usize = 16;

/// Runs the encoder on the photos that were named.
pub fn calibrate(bundle: &Bundle, encoder: &GraphProto, args: &Args) -> Result<Calibration> {
    if args.calibration.is_empty() {
        bail!("int8 needs --calibration PHOTO...: some dozens of photos like those to be captioned");
    }
    let paths = sample(&args.calibration, args.calibration_photos)?;
    if paths.len() < FEW {
        eprintln!("note: {} photos are few to calibrate with; some dozens serve better", paths.len());
    }
    let folder = tempfile::tempdir().context("a folder for the encoder with its tensors shown")?;
    let path = folder.path().join("observed_encoder.onnx");
    let model = Model { graph: observed_encoder(encoder), doc: String::new(), metadata: Vec::new() };
    // In a temporary folder, and read once.
    #[allow(clippy::disallowed_methods)]
    std::fs::write(&path, model.encode()).with_context(|| path.display().to_string())?;

    let runtime = OnnxRuntime::load(&args.onnxruntime())?;
    let preprocessor = Preprocessor::new(bundle.preprocessor.clone())?;
    let mut observed = ObservedEncoder::open(&runtime, &path, preprocessor)?;
    let mut calibration = Calibration::new();
    for (number, path) in paths.iter().enumerate() {
        let shown = observed.run(path.as_path(), |name, shape, numbers| {
            // Maps alone, [1, channels, height, width]: what follows them needs no range.
            if let &[1, channels, _, _] = shape {
                calibration.observe(name, channels as usize, numbers);
            }
        });
        shown.with_context(|| path.display().to_string())?;
        if (number + 1) % FEW == 0 || number + 1 == paths.len() {
            eprintln!("calibrated with {} of {} photos", number + 1, paths.len());
        }
    }
    Ok(calibration)
}
