use crate::device::Device;
use crate::error::OrtError;
use crate::onnxruntime::OnnxRuntime;
use crate::photo::{Photo, Prepared};
use crate::session::open_graph;
use crate::{Error, Result};
use glimpse_bundle::{Preprocessor, Size, tensors};
use ort::session::Session;
use ort::value::TensorRef;
use std::path::Path;

/// An encoder whose tensors are shown, photo by photo: an encoder graph with any f32 tensors as
/// further outputs.
///
/// Quantising to eight bits is calibrated with it. It runs on the CPU.
pub struct ObservedEncoder {
    session: Session,
    preprocessor: Preprocessor,
}

impl ObservedEncoder {
    /// Opens the graph in the file `graph`, which reads `pixel_values` as `preprocessor` makes them.
    ///
    /// # Errors
    /// A graph that ONNX Runtime cannot open.
    pub fn open(runtime: &OnnxRuntime, graph: &Path, preprocessor: Preprocessor) -> Result<Self> {
        let session = open_graph(runtime, graph, Device::Cpu)
            .map_err(|source| Error::Session { path: graph.to_path_buf(), source: OrtError::of(source) })?;
        Ok(Self { session, preprocessor })
    }

    /// Runs the graph on one photo and shows `pixel_values` and every output: name, shape (batch of 1),
    /// numbers.
    ///
    /// # Errors
    /// A photo that cannot be prepared, an output that is not f32, or a failure of ONNX Runtime.
    pub fn run(&mut self, photo: impl Into<Photo>, mut show: impl FnMut(&str, &[i64], &[f32])) -> Result<()> {
        let Size { height, width } = self.preprocessor.config().output_size();
        let pixel_values = Prepared::new(photo.into(), &self.preprocessor, false)?.pixel_values;
        let shape = [1, 3, i64::from(height), i64::from(width)];
        show(tensors::PIXEL_VALUES, &shape, &pixel_values);
        let failed = |source| Error::Run { graph: "encoder", source: OrtError::of(source) };
        let input = TensorRef::from_array_view((shape, pixel_values.as_slice())).map_err(failed)?;
        let outputs = self.session.run(ort::inputs![tensors::PIXEL_VALUES => input]).map_err(failed)?;
        for (name, output) in &outputs {
            let (shape, numbers) = output.try_extract_tensor::<f32>().map_err(failed)?;
            show(name, shape, numbers);
        }
        Ok(())
    }
}
