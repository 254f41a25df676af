//! A model repository for NVIDIA Triton: the captioner as a graph that Triton runs, and a model in Python that takes
//! picture files. See <https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_configuration.md>.

mod fixed_inputs;

use anyhow::{Context, Result, bail};
use fixed_inputs::{Fixed, with_fixed_inputs};
use glimpse_bundle::{Bundle, CHECKSUMS, Precision, WholeFolder, write_whole};
use std::fs;
use std::path::{Path, PathBuf};

/// Takes `pixel_values`.
const CAPTIONER: &str = "glimpse_captioner";
/// Takes picture files.
const PHOTOS: &str = "glimpse";

/// Refuses a repository that has one of the models: its configuration may have been changed by hand.
pub fn refuse_existing(repository: &Path) -> Result<()> {
    for name in [CAPTIONER, PHOTOS] {
        let folder = repository.join(name);
        if folder.exists() {
            bail!("--triton: {} exists; remove it, or name another folder", folder.display());
        }
    }
    Ok(())
}

/// Writes both models and returns their folders. `captioner` is the self-contained graph of that precision; the bundle's
/// files were compared with their checksums.
pub fn write(
    repository: &Path,
    bundle: &Bundle,
    captioner: &[u8],
    precision: Precision,
) -> Result<[PathBuf; 2]> {
    let graph = with_options(bundle, captioner).with_context(|| {
        format!("{}: the captioner is not one that export writes", bundle.dir().display())
    })?;
    let values = Values::of(bundle, precision);
    let model = WholeFolder::beside(&repository.join(CAPTIONER))?;
    write_whole(&model.path().join("config.pbtxt"), values.fill(include_str!("captioner.pbtxt")).as_bytes())?;
    write_whole(&model.path().join("1/model.onnx"), &graph)?;

    let photos = WholeFolder::beside(&repository.join(PHOTOS))?;
    write_whole(&photos.path().join("config.pbtxt"), values.fill(include_str!("photos.pbtxt")).as_bytes())?;
    write_whole(&photos.path().join("1/model.py"), include_bytes!("model.py"))?;
    copy_bundle(bundle, &photos.path().join("1/bundle"))?;

    model.publish()?;
    photos.publish()?;
    Ok([CAPTIONER, PHOTOS].map(|name| repository.join(name)))
}

/// The graph with the bundle's options inside. Triton puts requests together whose tensors have the same shape, and the
/// values of a scalar input would be those of the first request.
fn with_options(bundle: &Bundle, captioner: &[u8]) -> Option<Vec<u8>> {
    let options = &bundle.generation;
    let whole = |number: usize| i64::try_from(number).ok().map(Fixed::Int64);
    with_fixed_inputs(
        captioner,
        &[
            ("num_beams", whole(options.num_beams)?),
            ("max_length", whole(options.max_sequence_length())?),
            ("length_penalty", Fixed::Float(options.length_penalty)),
        ],
    )
}

/// What stands in the templates.
struct Values([(&'static str, String); 4]);

impl Values {
    fn of(bundle: &Bundle, precision: Precision) -> Self {
        let size = bundle.preprocessor.output_size();
        Self([
            ("{{height}}", size.height.to_string()),
            ("{{width}}", size.width.to_string()),
            ("{{cells}}", bundle.config.architecture.num_cells.to_string()),
            ("{{precision}}", precision.to_string()),
        ])
    }

    fn fill(&self, template: &str) -> String {
        self.0.iter().fold(template.to_string(), |text, (name, value)| text.replace(name, value))
    }
}

/// Copies the files that the bundle lists.
fn copy_bundle(bundle: &Bundle, target: &Path) -> Result<()> {
    let at = |path: &Path| format!("cannot copy {}", path.display());
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    for entry in fs::read_dir(bundle.dir()).with_context(|| at(bundle.dir()))? {
        let entry = entry.with_context(|| at(bundle.dir()))?;
        let name = entry.file_name();
        let is_listed =
            name.to_str().is_some_and(|name| name == CHECKSUMS || bundle.checksum(name).is_some());
        if is_listed {
            fs::copy(entry.path(), target.join(&name)).with_context(|| at(&entry.path()))?;
        }
    }
    Ok(())
}
