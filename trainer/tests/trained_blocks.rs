//! Training of the backbone's last blocks: what is computed, learned, saved and resumed.

#![allow(clippy::unwrap_used, reason = "tests")]

use glimpse_bundle::{
    Architecture, CaptionTokenizer, Config, DecoderInterface, GenerationConfig, Provenance, Size,
};
use glimpse_captions::CaptionedImage;
use glimpse_export::backbone::{Activation, Block, ConvBn, Layer, Shortcut, backbone};
use glimpse_export::{Checkpoint, Weights, encoder_graph, seeded};
use glimpse_trainer::Silent;
use glimpse_trainer::backbone::{FeatureExtractor, StateDict, TrainedBlocks};
use glimpse_trainer::dataset::PreparedDataset;
use glimpse_trainer::exporting;
use glimpse_trainer::features::{
    Augmentation, CacheKey, CacheSpec, Entry, FeatureCache, FeatureSource, before_last,
};
use glimpse_trainer::model::{CaptionBatch, Captioner, Pass, TeacherForced};
use glimpse_trainer::training::{
    Card, Recipe, RunFolder, SelfCritical, StartFrom, TrainBackbone, Trainer, TrainerOptions, TrainingData,
};
use half::f16;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Device, Kind, Tensor};

const LITE0: &str = "efficientnet-lite0";

/// libtorch has one random generator a process: runs that must repeat take turns.
fn take_turns() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    tch::set_num_threads(1);
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seeded weights, as the exporter and as the trainer read them.
fn seeded_weights(name: &str) -> (Weights, StateDict) {
    let weights = seeded::backbone_weights(backbone(name).unwrap(), 3).unwrap();
    let tensors = weights.iter().map(|(name, tensor)| {
        let shape: Vec<i64> = tensor.shape().iter().map(|&size| size as i64).collect();
        (name.to_string(), Tensor::from_slice(tensor.data()).view(&shape[..]))
    });
    let dict = StateDict::new(tensors.collect::<Vec<_>>(), format!("the seeded {name}"));
    (weights, dict)
}

fn lite0() -> (Weights, StateDict) {
    seeded_weights(LITE0)
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

fn size_of(side: i64) -> Size {
    Size { height: side as u32, width: side as u32 }
}

#[test]
fn frozen_and_trained_blocks_together_are_the_whole_backbone() {
    let _turn = take_turns();
    for (name, side, counts) in [(LITE0, 224, &[1, 2, 6][..]), ("resnet50", 64, &[3][..])] {
        let dict = seeded_weights(name).1;
        let pixels = Tensor::rand([2, 3, side, side], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        let whole = FeatureExtractor::load(name, &dict, Device::Cpu).unwrap().forward(&pixels);
        for &count in counts {
            let frozen = FeatureExtractor::load_frozen(name, &dict, count, Device::Cpu).unwrap();
            let blocks = TrainedBlocks::new(name, count, size_of(side), &dict, Device::Cpu).unwrap();
            assert_eq!(blocks.count(), count);
            let weights: HashMap<_, _> =
                blocks.initial_weights().iter().map(|(name, weight)| (name.as_str(), weight)).collect();
            let maps = frozen.forward(&pixels);
            let grid = blocks.forward(&maps, |name| weights[name], Kind::Float);
            let difference = largest_difference(&grid, &whole);
            assert!(difference < 1e-4 * whole.abs().max().double_value(&[]), "{name}, {count}: {difference}");
            let coarse = blocks.forward(&maps, |name| weights[name], Kind::BFloat16);
            let error = (&coarse - &whole).abs().mean(Kind::Float) / whole.abs().mean(Kind::Float);
            assert!(error.double_value(&[]) < 0.05, "{name}, {count}, bf16: {error:?}");
        }
    }
}

/// The last blocks as PyTorch would run them: nothing folded, batch norms in evaluation mode.
fn plain(blocks: &[Block], input: &Tensor, dict: &StateDict, weights: &HashMap<String, Tensor>) -> Tensor {
    let activate = |activation, x: Tensor| match activation {
        Activation::Linear => x,
        Activation::Relu => x.relu(),
        Activation::Relu6 => x.clamp(0.0, 6.0),
    };
    let convolve = |conv: &ConvBn, x: &Tensor| {
        let pad = |size: i64| conv.padding.zeros(size as usize, conv.kernel, conv.stride);
        let ((top, bottom), (left, right)) = (pad(x.size()[2]), pad(x.size()[3]));
        let x = x.constant_pad_nd([left as i64, right as i64, top as i64, bottom as i64]);
        let stride = [conv.stride as i64; 2];
        let x = x.conv2d(
            &weights[&conv.weight_name()],
            None::<Tensor>,
            stride,
            [0, 0],
            [1, 1],
            conv.groups as i64,
        );
        let norm =
            |part: &str| dict.get(&format!("{}.{part}", conv.bn), &[conv.out_channels as i64]).unwrap();
        let (scale, shift) = (norm("weight"), norm("bias"));
        let (mean, var) = (norm("running_mean"), norm("running_var"));
        let normed =
            x.batch_norm(Some(scale), Some(shift), Some(mean), Some(var), false, 0.1, conv.eps, false);
        activate(conv.activation, normed)
    };
    blocks.iter().fold(input.shallow_clone(), |input, block| {
        let output = block.layers.iter().fold(input.shallow_clone(), |x, layer| match layer {
            Layer::Conv(conv) => convolve(conv, &x),
            Layer::MaxPool(_) => unreachable!("no stem is trained here"),
        });
        match &block.shortcut {
            Shortcut::None => output,
            Shortcut::Identity => activate(block.activation, output + input),
            Shortcut::Projection(conv) => activate(block.activation, output + convolve(conv, &input)),
        }
    })
}

/// Of a loss over captions of a batch in which two captions share a photo.
#[test]
fn gradients_equal_those_of_the_plain_network() {
    let _turn = take_turns();
    for (name, count, side) in [(LITE0, 6, 224), ("resnet50", 2, 64)] {
        let dict = seeded_weights(name).1;
        let described = backbone(name).unwrap();
        let first = described.first_of_last(count).unwrap();
        let shape = described.map_shape(first, side as usize, side as usize);
        let (rows, columns, channels) = (shape.rows as i64, shape.columns as i64, shape.channels as i64);
        let blocks = TrainedBlocks::new(name, count, size_of(side), &dict, Device::Cpu).unwrap();
        tch::manual_seed(1);
        let model =
            Captioner::new(DecoderInterface::ATTENTION_LSTM, architecture(name, 9), Device::Cpu).unwrap();
        let plain_weights: HashMap<String, Tensor> = blocks
            .initial_weights()
            .iter()
            .map(|(name, weight)| (name.clone(), weight.copy().set_requires_grad(true)))
            .collect();
        let model = model.with_trained_blocks(blocks);
        let maps = Tensor::rand([2, rows * columns, channels], (Kind::Float, Device::Cpu));
        let captions: [(usize, &[u32], bool); 3] =
            [(0, &[5, 6], true), (1, &[7], true), (1, &[8, 4, 5], true)];
        let batch = CaptionBatch::new(&captions, Device::Cpu);
        let loss = |logits: &Tensor| logits.cross_entropy_for_logits(&batch.targets);

        let forced = model.teacher_forced(&model.encode(&maps, &Pass::EXACT), &batch, &Pass::EXACT);
        let loss_of_pass = loss(&forced.logits);
        TeacherForced::backward(&[forced], &loss_of_pass);
        let gradients: HashMap<String, Tensor> = plain_weights
            .keys()
            .map(|name| (name.clone(), model.parameters().get(name).grad().copy()))
            .collect();

        let nchw = maps.view([2, rows, columns, channels]).permute([0, 3, 1, 2]).contiguous();
        let grid = plain(&described.blocks[first..], &nchw, &dict, &plain_weights);
        let grid = grid.adaptive_avg_pool2d([7, 7]).flatten(2, 3).transpose(1, 2);
        let forced = model.teacher_forced(&model.encode_grid(&grid, &Pass::EXACT), &batch, &Pass::EXACT);
        let loss_of_pass = loss(&forced.logits);
        TeacherForced::backward(&[forced], &loss_of_pass);
        for (name, weight) in &plain_weights {
            let (found, expected) = (&gradients[name], weight.grad());
            let scale = expected.abs().max().double_value(&[]);
            assert!(scale > 0.0, "{name} has a gradient");
            let difference = largest_difference(found, &expected);
            assert!(difference < 2e-3 * scale, "{name}: {difference} of {scale}");
        }
    }
}

const ANIMALS: [&str; 4] = ["dog", "cat", "bird", "horse"];

/// Photos whose features say which animal is there; two captions each.
fn images(count: usize) -> Vec<CaptionedImage> {
    let captions = |animal| vec![format!("a {animal} on grass ."), format!("one {animal} runs .")];
    (0..count)
        .map(|i| CaptionedImage {
            file_name: format!("{i}.jpg"),
            captions: captions(ANIMALS[i % 4]),
            ..CaptionedImage::default()
        })
        .collect()
}

fn key(trained_blocks: usize) -> CacheKey {
    CacheKey {
        backbone: LITE0.into(),
        backbone_sha256: "0".repeat(64),
        preprocessor: backbone(LITE0).unwrap().preprocessor(),
        augmentation: Augmentation::default(),
        view_seed: 0,
        before_block: before_last(LITE0, trained_blocks).unwrap(),
    }
}

fn tokenizer(words: &[&str]) -> CaptionTokenizer {
    CaptionTokenizer::build(words.iter().copied().chain(ANIMALS)).unwrap()
}

const WORDS: [&str; 6] = ["a", "one", "on", "grass", ".", "runs"];

/// Made-up maps before the last `trained_blocks` blocks.
fn data(dir: &Path, trained_blocks: usize) -> TrainingData {
    std::fs::create_dir_all(dir).unwrap();
    let (train, validation) = (images(16), images(4));
    let entries: Vec<_> =
        train.iter().map(|image| Entry { file_name: image.file_name.clone(), views: 1 }).collect();
    let spec = CacheSpec::new(key(trained_blocks), entries).unwrap();
    let mut grids = Vec::new();
    for i in 0..train.len() {
        for cell in 0..spec.cells {
            for channel in 0..spec.feature_dim {
                let on = channel % 4 == i % 4;
                let value = f32::from(on) + ((i + 3 * cell + 7 * channel) % 5) as f32 * 0.05;
                grids.extend_from_slice(&f16::from_f32(value).to_le_bytes());
            }
        }
    }
    std::fs::write(dir.join("index.json"), serde_json::to_string(&spec).unwrap()).unwrap();
    std::fs::write(dir.join("grids.f16"), grids).unwrap();
    let dataset = PreparedDataset {
        name: "made up".into(),
        images_dir: dir.into(),
        min_frequency: 1,
        train,
        validation,
        test: Vec::new(),
    };
    let features = FeatureSource::cached(FeatureCache::open(dir).unwrap());
    TrainingData::new(&dataset, tokenizer(&WORDS), features).unwrap()
}

fn architecture(backbone_name: &str, vocab_size: usize) -> Architecture {
    let grid = backbone(backbone_name).unwrap().grid();
    Architecture {
        backbone: backbone_name.into(),
        feature_dim: grid.channels,
        num_cells: grid.cells(),
        encoder_dim: 12,
        attention_dim: 8,
        decoder_dim: 16,
        embed_dim: 16,
        vocab_size,
        project_features: true,
        gated_context: true,
        deep_output: true,
        tie_word_embeddings: true,
    }
}

fn recipe(trained_blocks: usize) -> Recipe {
    Recipe {
        epochs: 2,
        batch_images: 4,
        learning_rate: 1e-2,
        backbone: (trained_blocks > 0)
            .then_some(TrainBackbone { blocks: trained_blocks, learning_rate: 1e-3 }),
        ema_decay: 0.8,
        max_length: 8,
        embed_dim: 16,
        decoder_dim: 16,
        attention_dim: 8,
        project_dim: Some(12),
        self_critical: Some(SelfCritical {
            epochs: 1,
            samples: 2,
            bleu_weight: 0.5,
            dropout: 0.1,
            learning_rate: 1e-3,
            batch_images: 4,
            cross_entropy_weight: 0.2,
            missing_token_weight: 0.5,
            min_vocabulary: 0.0,
        }),
        ..Recipe::best()
    }
}

fn options<'a>(data: &'a TrainingData, recipe: &Recipe, output: &Path, resume: bool) -> TrainerOptions<'a> {
    let provenance = Provenance { backbone_sha256: key(0).backbone_sha256, ..Provenance::default() };
    let architecture = architecture(LITE0, data.tokenizer.vocab_size());
    let card = Card {
        config: Config::new(DecoderInterface::attention_lstm(&architecture), architecture, provenance),
        preprocessor: key(0).preprocessor,
        generation: GenerationConfig::default().with_max_length(recipe.max_length),
        tokenizer: data.tokenizer.clone(),
    };
    let blocks = |settings: &TrainBackbone| {
        TrainedBlocks::new(LITE0, settings.blocks, size_of(224), &lite0().1, Device::Cpu).unwrap()
    };
    TrainerOptions {
        trained_blocks: recipe.backbone.as_ref().map(blocks),
        recipe: recipe.clone(),
        data,
        word_vectors: None,
        start_from: None,
        card,
        folder: RunFolder::create(output).unwrap(),
        resume,
        change_recipe: false,
        device: Device::Cpu,
        samples: 0,
        workers: 2,
        observer: &Silent,
    }
}

#[test]
fn a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path(), 2);
    let recipe = recipe(2);
    let [whole, parts] = ["whole", "parts"].map(|name| dir.path().join(name));
    let mut trainer = Trainer::new(options(&data, &recipe, &whole, false)).unwrap();
    trainer.train().unwrap();
    // Interrupted before, at and after the change to self-critical training.
    for epoch in 0..3 {
        let mut trainer = Trainer::new(options(&data, &recipe, &parts, epoch > 0)).unwrap();
        assert_eq!(trainer.train_epoch().unwrap().unwrap().epoch, epoch + 1);
    }
    for file in ["last.safetensors", "best.safetensors"] {
        let read = |dir: &Path| std::fs::read(dir.join(file)).unwrap();
        assert!(read(&whole) == read(&parts), "{file} differs");
    }

    // The checkpoint has what was trained under the original names, and nothing else of the backbone.
    let best = whole.join("best.safetensors");
    let checkpoint = Checkpoint::read(&best).unwrap();
    assert_eq!(checkpoint.config.provenance.trained_blocks, 2);
    let names: Vec<_> =
        checkpoint.weights.iter().map(|(name, _)| name).filter(|name| name.starts_with('_')).collect();
    let block = ["_depthwise_conv", "_expand_conv", "_project_conv"];
    let expected = block.map(|part| format!("_blocks.15.{part}.weight"));
    assert_eq!(names[..3], expected);
    assert_eq!(names[3..], ["_conv_head.weight"]);
    let (file, dict) = lite0();
    for name in names {
        let (_, before) = file.iter().find(|(known, _)| *known == name).unwrap();
        let after = checkpoint.weights.get(name, before.shape()).unwrap();
        let moved = after.iter().zip(before.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // 12 steps of at most 1e-3.
        assert!(moved > 1e-5 && moved < 2e-2, "{name} moved by {moved}");
    }

    // What reads a checkpoint runs the trained blocks.
    let (frozen, model) = exporting::open(&checkpoint, &best, &dict, Device::Cpu).unwrap();
    let pixels = Tensor::rand([1, 3, 224, 224], (Kind::Float, Device::Cpu));
    let grid = model.run_trained_blocks(&frozen.forward(&pixels), &Pass::EXACT);
    let merged = checkpoint.backbone_weights(&file).unwrap();
    let merged = merged.iter().map(|(name, tensor)| {
        let shape: Vec<i64> = tensor.shape().iter().map(|&size| size as i64).collect();
        (name.to_string(), Tensor::from_slice(tensor.data()).view(&shape[..]))
    });
    let merged = StateDict::new(merged.collect::<Vec<_>>(), "merged");
    let whole = FeatureExtractor::load(LITE0, &merged, Device::Cpu).unwrap().forward(&pixels);
    let original = FeatureExtractor::load(LITE0, &dict, Device::Cpu).unwrap().forward(&pixels);
    let scale = whole.abs().max().double_value(&[]);
    assert!(largest_difference(&grid, &whole) < 1e-5 * scale);
    assert!(largest_difference(&grid, &original) > 1e-3 * scale);
    encoder_graph(&checkpoint, &file).unwrap();
}

#[test]
fn a_run_begins_with_the_weights_of_another() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let frozen = data(&dir.path().join("frozen"), 0);
    let first = Recipe { epochs: 1, self_critical: None, ..recipe(0) };
    let folder = |name: &str| dir.path().join(name);
    Trainer::new(options(&frozen, &first, &folder("first"), false)).unwrap().train().unwrap();
    let start = folder("first").join("best.safetensors");

    // The second stage trains the head too.
    let maps = data(&dir.path().join("maps"), 1);
    let second = Recipe { epochs: 1, self_critical: None, ..recipe(1) };
    let begin = |data, recipe: &Recipe, name: &str, resume| {
        let mut options = options(data, recipe, &folder(name), resume);
        options.start_from = Some(StartFrom::read(&start).unwrap());
        Trainer::new(options)
    };
    let mut trainer = begin(&maps, &second, "second", false).unwrap();
    let weights = StateDict::read(&start).unwrap();
    for (name, parameter) in trainer.model().parameters().iter() {
        let from = if name == "_conv_head.weight" { &lite0().1 } else { &weights };
        assert_eq!(*parameter, from.get(name, &parameter.size()).unwrap(), "{name}");
    }
    trainer.train().unwrap();
    // A run has one writer.
    drop(trainer);
    let best = folder("second").join("best.safetensors");
    let provenance = Checkpoint::read(&best).unwrap().config.provenance;
    let from = provenance.started_from.unwrap();
    assert_eq!(from.sha256, glimpse_bundle::sha256_of_file(&start).unwrap());
    assert_eq!((from.provenance.epochs, from.provenance.trained_blocks), (1, 0));

    // A resumed run reads its own weights, and is the same run only with the same start.
    let resumed = begin(&maps, &second, "second", true).unwrap();
    let last = StateDict::read(&folder("second").join("last.safetensors")).unwrap();
    for (name, parameter) in resumed.model().parameters().iter() {
        assert_eq!(*parameter, last.get(name, &parameter.size()).unwrap(), "{name}");
    }
    drop(resumed);
    let error = Trainer::new(options(&maps, &second, &folder("second"), true)).unwrap_err().to_string();
    assert!(error.contains("another checkpoint to start from"), "{error}");

    // Blocks that were trained cannot be frozen again: features come from the backbone's file.
    let refuse = |mut options: TrainerOptions, start: &Path| {
        options.start_from = Some(StartFrom::read(start).unwrap());
        Trainer::new(options).unwrap_err().to_string()
    };
    let error = refuse(options(&frozen, &first, &folder("third"), false), &best);
    assert!(error.contains("has 1 trained blocks of the backbone, this run trains 0"), "{error}");
    let mut other = options(&frozen, &first, &folder("third"), false);
    other.card.tokenizer = tokenizer(&["a", "two", "on", "grass", ".", "runs"]);
    assert!(refuse(other, &start).contains("another vocabulary"));
    let mut other = options(&frozen, &first, &folder("third"), false);
    other.card.config.architecture.decoder_dim = 8;
    assert!(refuse(other, &start).contains("other sizes"));
}

#[test]
fn features_before_another_block_are_another_cache() {
    let keys = [0, 1, 6].map(key);
    let dirs = keys.each_ref().map(|key| glimpse_trainer::features::cache_dir(Path::new("data"), key));
    assert!(dirs[0] != dirs[1] && dirs[1] != dirs[2] && dirs[0] != dirs[2]);
    let spec = CacheSpec::new(keys[2].clone(), Vec::new()).unwrap();
    assert_eq!((spec.cells, spec.feature_dim, spec.grid_bytes()), (14 * 14, 112, 43_904));
    // A cache of the grid is found where earlier versions left it.
    let text = serde_json::to_string(&keys[0]).unwrap();
    assert!(!text.contains("before_block"), "{text}");
    assert!(keys[2].to_string().contains("efficientnet-lite0 before _blocks.11"), "{}", keys[2]);
}
