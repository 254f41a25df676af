use super::DeviceArgs;
use super::checkpoint::{CheckpointArgs, Opened};
use super::terminal::{SomeFailed, note};
use anyhow::{Context, Result, bail};
use clap::Args;
use glimpse_bundle::{Precision, Preprocessor, Size, image};
use glimpse_export::write_bundle;
use glimpse_trainer::exporting;
use rand::{RngCore, SeedableRng};
use std::path::{Path, PathBuf};
use std::process::Command;
use tch::Tensor;

/// Write a checkpoint as a bundle of ONNX files, and check it against libtorch.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    /// Folder of the bundle
    #[arg(long)]
    output: PathBuf,
    /// Longest caption that the bundle asks for, start and end word counted
    #[arg(long)]
    max_length: Option<usize>,
    /// Beams that the bundle asks for
    #[arg(long)]
    num_beams: Option<usize>,
    /// Length penalty that the bundle asks for
    #[arg(long)]
    length_penalty: Option<f32>,
    /// Size of n-grams that never repeat
    #[arg(long)]
    no_repeat_ngram_size: Option<usize>,
    /// Further variants of the graphs: int8 for CPUs, fp16 for GPUs, or both with a comma between
    #[arg(long, value_delimiter = ',')]
    precision: Vec<Precision>,
    /// Photos, or folders of photos, that int8 is calibrated with
    #[arg(long, value_name = "PHOTO", num_args = 1..)]
    calibration: Vec<PathBuf>,
    /// Photos for the check [default: four pictures of noise]
    #[arg(long, num_args = 1..)]
    check_images: Vec<PathBuf>,
    /// The runtime's program, which runs the check [default: `glimpse` beside this program]
    #[arg(long)]
    glimpse: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

impl ExportArgs {
    pub fn run(self) -> Result<()> {
        self.check_variants()?;
        let opened = self.checkpoint.open(self.device.device()?)?;
        let Opened { mut checkpoint, backbone_weights: (dict, path), backbone, model, .. } = opened;
        let generation = &mut checkpoint.generation;
        generation.max_length = self.max_length.unwrap_or(generation.max_length);
        generation.num_beams = self.num_beams.unwrap_or(generation.num_beams);
        generation.length_penalty = self.length_penalty.unwrap_or(generation.length_penalty);
        generation.no_repeat_ngram_size =
            self.no_repeat_ngram_size.unwrap_or(generation.no_repeat_ngram_size);

        let interface = checkpoint.config.decoder_interface();
        let pixel_values = self.check_pixels(&Preprocessor::new(checkpoint.preprocessor.clone())?)?;
        let weights = exporting::export_weights(&dict, &path)?;
        let report = write_bundle(&checkpoint, &weights, &self.output)?;
        drop(weights);
        for file in &report.files {
            note(format_args!("{:>10}  {}", file.bytes, report.dir.join(&file.name).display()));
        }
        note(format_args!("{:>10}  in all", report.total_bytes()));

        let reference = self.checkpoint.checkpoint.with_extension("reference.safetensors");
        exporting::write_reference(
            &reference,
            &exporting::reference(&backbone, &model, &interface, &pixel_values),
        )?;
        self.check(&reference)?;
        self.quantize()
    }

    /// Refuses what would otherwise fail only after an existing bundle was replaced.
    fn check_variants(&self) -> Result<()> {
        let int8 = self.precision.contains(&Precision::Int8);
        match (int8, self.calibration.is_empty()) {
            (true, true) => bail!("--precision int8 is calibrated on photos: name some with --calibration"),
            (false, false) => bail!("--calibration has an effect with --precision int8 only"),
            _ => {}
        }
        if self.precision.contains(&Precision::Fp32) {
            bail!("--precision fp32 is always written; ask for int8 or fp16");
        }
        let quantizer = quantizer()?;
        if !self.precision.is_empty() && !quantizer.is_file() {
            bail!("{} writes the variants, but it is missing: build glimpse-quantize", quantizer.display());
        }
        if let Some(missing) = self.calibration.iter().find(|place| !place.exists()) {
            bail!("--calibration {}: no such file or folder", missing.display());
        }
        match &self.glimpse {
            // A name without a folder is searched on PATH.
            Some(program) if program.components().count() > 1 && !program.is_file() => {
                bail!("--glimpse {}: no such file", program.display())
            }
            _ => Ok(()),
        }
    }

    /// Runs the `glimpse-quantize` beside this program, which adds the variants.
    fn quantize(&self) -> Result<()> {
        if self.precision.is_empty() {
            return Ok(());
        }
        let program = quantizer()?;
        let names: Vec<_> = self.precision.iter().map(|precision| precision.as_str()).collect();
        let mut command = Command::new(&program);
        command.arg(&self.output).args(["--precision", &names.join(",")]);
        if !self.calibration.is_empty() {
            command.arg("--calibration").args(&self.calibration);
        }
        let status = command.status().with_context(|| format!("running {}", program.display()))?;
        if !status.success() {
            let reason = "the variants were not written; the bundle is complete without them";
            return Err(SomeFailed(reason.into()).into());
        }
        Ok(())
    }

    /// f32 [photos, 3, height, width]
    fn check_pixels(&self, preprocessor: &Preprocessor) -> Result<Tensor> {
        let Size { height, width } = preprocessor.config().output_size();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
        let mut noise = || {
            let mut bytes = vec![0; (3 * height * width) as usize];
            rng.fill_bytes(&mut bytes);
            image::RgbImage::from_raw(width, height, bytes).context("a picture of noise")
        };
        let pictures = match self.check_images.is_empty() {
            true => (0..4).map(|_| noise()).collect::<Result<Vec<_>>>()?,
            false => self
                .check_images
                .iter()
                .map(|path| image::open(path).with_context(|| path.display().to_string()))
                .collect::<Result<_>>()?,
        };
        let plane = (3 * height * width) as usize;
        let mut values = vec![0.0; pictures.len() * plane];
        for (picture, values) in pictures.iter().zip(values.chunks_exact_mut(plane)) {
            preprocessor.pixel_values(picture, values)?;
        }
        let shape = [pictures.len() as i64, 3, i64::from(height), i64::from(width)];
        Ok(Tensor::from_slice(&values).view(shape))
    }

    /// Runs `glimpse inspect`, which compares the outputs of ONNX Runtime with those of libtorch.
    fn check(&self, reference: &Path) -> Result<()> {
        let beside = std::env::current_exe().ok().map(|program| program.with_file_name("glimpse"));
        let program = self.glimpse.clone().or(beside.filter(|program| program.is_file()));
        let Some(program) = program else {
            note(format_args!(
                "not checked: build the runtime, then run `glimpse inspect {} --reference {}`",
                self.output.display(),
                reference.display()
            ));
            return Ok(());
        };
        let status = Command::new(&program)
            .arg("inspect")
            .arg(&self.output)
            .arg("--reference")
            .arg(reference)
            .status()
            .with_context(|| format!("running {}", program.display()))?;
        if !status.success() {
            let reason = "the bundle does not reproduce libtorch's numbers; the table above says where";
            return Err(SomeFailed(reason.into()).into());
        }
        Ok(())
    }
}

/// `glimpse-quantize` beside this program.
fn quantizer() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("glimpse-quantize"))
}
