//! What the trainer reads besides photos and captions.

use super::{project_file, project_folder};
use crate::{Target, check_error, mutate, scratch};
use flate2::Compression;
use flate2::write::GzEncoder;
use glimpse_bundle::CaptionTokenizer;
use glimpse_trainer::backbone::StateDict;
use glimpse_trainer::word_vectors::WordVectors;
use std::io::Write;
use std::sync::LazyLock;

/// Word vectors in word2vec's binary and text layouts, plain or packed.
pub(super) const WORD_VECTORS: Target = Target {
    name: "word_vectors",
    seeds: || {
        let name = |end: &str| format!("trainer/tests/word_vectors/{end}");
        let mut files: Vec<_> = ["golden.bin", "golden.txt", "text-header-first-word-with-blank.txt"]
            .map(|end| project_file(&name(end)))
            .into();
        let packed = |file: &Vec<u8>| {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(file).and_then(|()| packer.finish()).unwrap_or_else(|error| panic!("{error}"))
        };
        let with_packed: Vec<_> = files.iter().map(packed).collect();
        files.extend(with_packed);
        files
    },
    mutate: mutate::packed,
    run: read_word_vectors,
    max_heap: 64 << 20,
};

fn read_word_vectors(input: &[u8]) {
    static TOKENIZER: LazyLock<CaptionTokenizer> = LazyLock::new(|| {
        let words = ["frisbee", "dog", "café", "7", ".", "in", "new_york"];
        CaptionTokenizer::build(words).unwrap_or_else(|error| panic!("{error}"))
    });
    let path = scratch::file("vectors", input);
    match WordVectors::read(&path, &TOKENIZER) {
        Err(error) => check_error(error),
        Ok(found) => {
            let numbers = found.vectors.iter().flatten().flatten();
            assert!(numbers.clone().all(|number| number.is_finite()));
            assert_eq!(numbers.count(), found.covered() * found.dimension);
        }
    }
}

/// A state dict: `.safetensors`, or what `torch.save` wrote.
pub(super) const STATE_DICT: Target = Target {
    name: "state_dict",
    seeds: || project_folder("trainer/tests/backbone/state_dicts"),
    mutate: |input, random| match input.get(8) {
        Some(b'{') => mutate::safetensors(input, random),
        _ => mutate::packed(input, random),
    },
    run: read_state_dict,
    max_heap: 64 << 20,
};

fn read_state_dict(input: &[u8]) {
    let is_safetensors = input.get(8) == Some(&b'{');
    let path = scratch::file(if is_safetensors { "weights.safetensors" } else { "weights.pth" }, input);
    match StateDict::read(&path) {
        Err(error) => check_error(error),
        Ok(dict) => drop(dict.iter().map(|(_, tensor)| tensor.numel()).sum::<usize>()),
    }
}

/// A checkpoint of the trainer.
pub(super) const CHECKPOINT: Target = Target {
    name: "checkpoint",
    seeds: || vec![checkpoint()],
    mutate: mutate::safetensors,
    run: read_checkpoint,
    max_heap: 64 << 20,
};

/// One with seeded weights, as small as it may be.
fn checkpoint() -> Vec<u8> {
    let architecture = glimpse_bundle::Architecture {
        backbone: "efficientnet-lite0".into(),
        feature_dim: 1280,
        num_cells: 49,
        encoder_dim: 2,
        attention_dim: 2,
        decoder_dim: 2,
        embed_dim: 2,
        vocab_size: 9,
        project_features: true,
        gated_context: true,
        deep_output: true,
        tie_word_embeddings: true,
    };
    let made = glimpse_export::seeded::tokenizer(9)
        .and_then(|tokenizer| glimpse_export::Checkpoint::seeded(architecture, tokenizer, 1));
    let path = scratch::file("seed.safetensors", b"");
    made.and_then(|checkpoint| checkpoint.write(&path)).unwrap_or_else(|error| panic!("{error}"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

fn read_checkpoint(input: &[u8]) {
    let path = scratch::file("checkpoint.safetensors", input);
    if let Err(error) = glimpse_export::Checkpoint::read(&path) {
        check_error(glimpse_bundle::with_causes(&error));
    }
}
