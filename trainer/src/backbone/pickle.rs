use crate::{Error, Result};
use glimpse_bundle::printable;
use pytorch_reader::{DType, PytorchReader};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use tch::{Kind, Tensor};

/// What training scripts put around a network's own names, from the outside in: the dictionary's
/// key beside an optimizer and an epoch, Lightning's attribute, `DataParallel`'s attribute.
const WRAPPERS: [&str; 4] = ["state_dict.", "model_state_dict.", "model.", "module."];

/// Reads the tensors of a file that `torch.save` wrote, in any layout that it ever had: the zip
/// archive since PyTorch 1.6, the plain pickles and the tar archive before. No pickled code runs.
///
/// Names are the network's own: what training scripts wrap around them is taken off, and what lies
/// beside them (an optimizer) is left out unread.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Tensor)>> {
    let unreadable = |reason: String| Error::WeightsUnreadable { path: path.to_path_buf(), reason };
    let reader = PytorchReader::new(path).map_err(|error| match is_torchscript(path) {
        true => unreadable(format!("it is a TorchScript archive; {CONVERT}")),
        // It quotes what it could not read, which may be all of the file.
        false => {
            let error = error.to_string();
            let error = printable(&error);
            unreadable(format!("{error:.200}; it may be cut short: if PyTorch reads it, {CONVERT}"))
        }
    })?;
    let tensors = own_names(reader.into_tensors());
    if tensors.is_empty() {
        return Err(unreadable(format!("it holds no tensors under names; {CONVERT}")));
    }
    tensors
        .into_iter()
        .map(|(name, tensor)| {
            let kind = kind(tensor.dtype())
                .ok_or_else(|| unreadable(format!("{name} has numbers of type {:?}", tensor.dtype())))?;
            let bytes = tensor.read().map_err(|error| unreadable(error.to_string()))?;
            let shape: Vec<i64> = tensor.shape().iter().map(|&n| n as i64).collect();
            Ok((name, Tensor::f_from_data_size(&bytes, &shape, kind)?))
        })
        .collect()
}

/// More than the directory of any archive of weights.
const DIRECTORY_BYTES: u64 = 1 << 20;

/// What to do with a file that is not a state dict.
const CONVERT: &str =
    "convert it in Python: safetensors.torch.save_file(model.state_dict(), \"weights.safetensors\")";

/// Whether a file looks like what `torch.jit.save` wrote: a zip archive with a file of constants. libtorch is not asked, as it
/// would begin to build the program that the archive holds.
fn is_torchscript(path: &Path) -> bool {
    let end = || {
        let mut file = File::open(path)?;
        // Where the names of the files are listed.
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(DIRECTORY_BYTES)))?;
        let mut end = Vec::new();
        file.take(DIRECTORY_BYTES).read_to_end(&mut end)?;
        Ok::<_, std::io::Error>(end)
    };
    let name = b"/constants.pkl";
    end().is_ok_and(|end| end.windows(name.len()).any(|window| window == name))
}

/// Removes the wrappers, and leaves out weights that are not under them.
fn own_names<T>(mut tensors: HashMap<String, T>) -> HashMap<String, T> {
    for wrapper in WRAPPERS {
        if tensors.keys().any(|name| name.starts_with(wrapper)) {
            tensors = tensors
                .into_iter()
                .filter_map(|(name, tensor)| Some((name.strip_prefix(wrapper)?.to_string(), tensor)))
                .collect();
        }
    }
    tensors
}

/// libtorch's name for a type, where tch has one.
fn kind(dtype: DType) -> Option<Kind> {
    Some(match dtype {
        DType::F64 => Kind::Double,
        DType::F32 => Kind::Float,
        DType::F16 => Kind::Half,
        DType::BF16 => Kind::BFloat16,
        DType::I64 => Kind::Int64,
        DType::I32 => Kind::Int,
        DType::I16 => Kind::Int16,
        DType::I8 => Kind::Int8,
        DType::U8 => Kind::Uint8,
        DType::Bool => Kind::Bool,
        DType::U16 | DType::U32 | DType::U64 => return None,
    })
}
