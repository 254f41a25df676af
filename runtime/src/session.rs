//! Opening both graphs on one device.

use crate::contract::Contract;
use crate::device::Device;
use crate::error::OrtError;
use crate::mapped_model::MappedModel;
use crate::onnxruntime::OnnxRuntime;
use crate::optimized;
use crate::parallel::in_parallel;
use crate::precision::PrecisionChoice;
use crate::selection;
use crate::verification::Verification;
use crate::{Error, Result};
use glimpse_bundle::{Bundle, DECODER, DecoderInterface, ENCODER, model_file};
use ort::ep::{CUDA, ExecutionProvider};
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use std::path::Path;

/// Both graphs of a bundle, checked against the contract.
pub(crate) struct Sessions {
    pub(crate) encoder: Session,
    pub(crate) decoder: Session,
    /// Where the device has memory of its own: takes images out of a batch there.
    pub(crate) selection: Option<Session>,
    /// Never [`Device::Auto`].
    pub(crate) device: Device,
    /// Of both graphs; never `None`.
    pub(crate) precision: PrecisionChoice,
    /// Why [`Device::Auto`] became the CPU although this ONNX Runtime has CUDA.
    pub(crate) fallback: Option<String>,
}

impl Sessions {
    /// Opens the graphs on `device`.
    pub(crate) fn open(
        bundle: &Bundle,
        runtime: &OnnxRuntime,
        device: Device,
        precision: PrecisionChoice,
        verification: &Verification<'_>,
    ) -> Result<Self> {
        let on = |device, fallback| {
            let session = Self::open_on(bundle, runtime, device, precision, verification)?;
            Ok(Self { fallback, ..session })
        };
        match device {
            Device::Cpu => on(Device::Cpu, None),
            Device::Cuda(_) if !has_cuda() => Err(Error::Device {
                device,
                reason: format!(
                    "ONNX Runtime {} ({}) is built without CUDA; install onnxruntime-gpu in its place",
                    runtime.version(),
                    runtime.library().display()
                ),
            }),
            Device::Cuda(_) => on(device, None).map_err(|error| match error {
                Error::Session { source, .. } => Error::Device { device, reason: source.to_string() },
                other => other,
            }),
            Device::Auto if !has_cuda() => on(Device::Cpu, None),
            Device::Auto => match on(Device::Cuda(0), None) {
                Err(Error::Session { source, .. }) => on(Device::Cpu, Some(source.to_string())),
                result => result,
            },
        }
    }

    fn open_on(
        bundle: &Bundle,
        runtime: &OnnxRuntime,
        device: Device,
        choice: PrecisionChoice,
        verification: &Verification<'_>,
    ) -> Result<Self> {
        let open = |stem, contract: Contract| {
            let precision = choice.resolve(bundle, stem, device)?;
            let path = bundle.model_path(stem, precision)?;
            if device == Device::Cpu
                && let Some(session) = optimized::open(bundle, runtime, stem, precision)
            {
                contract.check(&session, &path)?;
                return Ok((session, precision));
            }
            let (verified, session) = in_parallel(
                || verification.of(&model_file(stem, precision)),
                || open_graph(runtime, &path, device),
            );
            // A file that has changed explains any error of ONNX Runtime.
            verified?;
            let session = session
                .map_err(|source| Error::Session { path: path.clone(), source: OrtError::of(source) })?;
            contract.check(&session, &path)?;
            Ok::<_, Error>((session, precision))
        };
        let interface = bundle.config.decoder_interface();
        // Opening is work on one core: the layers of a graph are arranged one after the other.
        let (encoder, decoder) = in_parallel(
            || open(ENCODER, Contract::encoder(&interface, bundle.preprocessor.output_size())),
            || open(DECODER, Contract::decoder(&interface, bundle.config.architecture.num_cells)),
        );
        let ((encoder, encoder_precision), (decoder, decoder_precision)) = (encoder?, decoder?);
        let precision =
            PrecisionChoice { encoder: Some(encoder_precision), decoder: Some(decoder_precision) };
        let selection = match device {
            Device::Cuda(_) => Some(open_selection(runtime, device, &interface).map_err(|source| {
                Error::Session { path: bundle.dir().to_path_buf(), source: OrtError::of(source) }
            })?),
            Device::Auto | Device::Cpu => None,
        };
        Ok(Self { encoder, decoder, selection, device, precision, fallback: None })
    }
}

/// Whether the loaded ONNX Runtime was built with CUDA; a card may still be missing.
fn has_cuda() -> bool {
    <CUDA as ExecutionProvider>::is_available().unwrap_or(false)
}

/// Where the files lie that a graph from memory refers to.
const EXTERNAL_FILES_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// Opens one graph. Builder errors hold the builder and cannot leave this function.
pub(crate) fn open_graph(runtime: &OnnxRuntime, path: &Path, device: Device) -> ort::Result<Session> {
    let mut builder = builder_on(runtime, device)?;
    if let Ok(Some(model)) = MappedModel::read(path) {
        builder = builder.with_config_entry(EXTERNAL_FILES_FOLDER, model.folder.to_string_lossy())?;
        // Before 1.18, ONNX Runtime does not know the key. By path it opens the file, or says why not.
        if let Ok(session) = builder.commit_from_memory(&model.graph) {
            return Ok(session);
        }
    }
    builder.commit_from_file(path)
}

/// Opens the graph that takes images out of a batch; see [`selection`].
pub(crate) fn open_selection(
    runtime: &OnnxRuntime,
    device: Device,
    interface: &DecoderInterface,
) -> ort::Result<Session> {
    let graph = selection::graph(interface.image_tensors.iter().map(|tensor| tensor.input.as_str()));
    builder_on(runtime, device)?.commit_from_memory(&graph)
}

fn builder_on(runtime: &OnnxRuntime, device: Device) -> ort::Result<SessionBuilder> {
    let builder = runtime.session_builder()?;
    let Device::Cuda(index) = device else { return Ok(builder) };
    runtime.preload_cuda();
    // TF32 would round factors to ten bits: other captions than on the CPU.
    let cuda = CUDA::default().with_device_id(i32::from(index)).with_tf32(false).build();
    Ok(builder.with_execution_providers([cuda.error_on_failure()])?)
}
