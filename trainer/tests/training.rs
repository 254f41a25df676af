//! Training runs on a made-up data set: what is learned, saved and resumed.

#![allow(clippy::unwrap_used, reason = "tests")]

use glimpse_bundle::{
    Architecture, CaptionTokenizer, Config, DecoderInterface, GenerationConfig, PreprocessorConfig,
    Provenance,
};
use glimpse_captions::CaptionedImage;
use glimpse_export::Checkpoint;
use glimpse_trainer::Silent;
use glimpse_trainer::dataset::PreparedDataset;
use glimpse_trainer::evaluation::{Sample, evaluate};
use glimpse_trainer::features::{CacheKey, CacheSpec, Entry, FeatureCache, FeatureSource};
use glimpse_trainer::training::{
    CaptionsPerImage, Card, Criterion, EpochMetrics, Phase, Precision, Recipe, RunFolder, SelfCritical,
    StartFrom, Trainer, TrainerOptions, TrainingData,
};
use glimpse_trainer::word_vectors::WordVectors;
use half::f16;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::Device;

const FEATURE_DIM: usize = 8;
const NUM_CELLS: usize = 49;
const ANIMALS: [&str; 4] = ["dog", "cat", "bird", "horse"];
const PLACES: [&str; 2] = ["grass", "sand"];

/// libtorch has one random generator a process: runs that must repeat take turns.
static GENERATOR: Mutex<()> = Mutex::new(());

fn take_turns() -> MutexGuard<'static, ()> {
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Photos whose features say which animal is where; two captions each.
fn images(count: usize) -> Vec<CaptionedImage> {
    (0..count)
        .map(|i| {
            let (animal, place) = (ANIMALS[i % 4], PLACES[i / 4 % 2]);
            CaptionedImage {
                file_name: format!("{i}.jpg"),
                captions: vec![
                    format!("a {animal} on the {place} ."),
                    format!("one {animal} runs on {place} ."),
                ],
                ..CaptionedImage::default()
            }
        })
        .collect()
}

fn data(dir: &Path) -> TrainingData {
    std::fs::create_dir_all(dir).unwrap();
    let train = images(32);
    let validation = images(8);
    let dataset = PreparedDataset {
        name: "made up".into(),
        images_dir: dir.into(),
        min_frequency: 1,
        train: train.clone(),
        validation,
        test: Vec::new(),
    };
    let spec = CacheSpec { key: key(), cells: NUM_CELLS, feature_dim: FEATURE_DIM, entries: entries(&train) };
    let mut grids = Vec::new();
    for (i, _) in train.iter().enumerate() {
        for cell in 0..NUM_CELLS {
            for channel in 0..FEATURE_DIM {
                let on = channel == i % 4 || channel == 4 + i / 4 % 2;
                let value = f32::from(on) + ((i + 3 * cell + 7 * channel) % 5) as f32 * 0.02;
                grids.extend_from_slice(&f16::from_f32(value).to_le_bytes());
            }
        }
    }
    std::fs::write(dir.join("index.json"), serde_json::to_string(&spec).unwrap()).unwrap();
    std::fs::write(dir.join("grids.f16"), grids).unwrap();
    let words = ["a", "one", "on", "the", ".", "runs"].into_iter().chain(ANIMALS).chain(PLACES);
    let features = FeatureSource::cached(FeatureCache::open(dir).unwrap());
    TrainingData::new(&dataset, CaptionTokenizer::build(words).unwrap(), features).unwrap()
}

fn entries(images: &[CaptionedImage]) -> Vec<Entry> {
    images.iter().map(|image| Entry { file_name: image.file_name.clone(), views: 1 }).collect()
}

fn key() -> CacheKey {
    CacheKey {
        backbone: "efficientnet-lite0".into(),
        backbone_sha256: "0".repeat(64),
        preprocessor: PreprocessorConfig::squash(224, [0.5; 3], [0.5; 3]),
        augmentation: Default::default(),
        view_seed: 0,
        before_block: None,
    }
}

fn recipe() -> Recipe {
    Recipe {
        epochs: 12,
        batch_images: 4,
        captions_per_image: CaptionsPerImage::All,
        learning_rate: 1e-2,
        dropout: 0.1,
        label_smoothing: 0.05,
        ema_decay: 0.8,
        max_length: 12,
        embed_dim: 16,
        decoder_dim: 16,
        attention_dim: 8,
        project_dim: Some(12),
        self_critical: Some(SelfCritical {
            epochs: 2,
            samples: 3,
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

fn trainer<'a>(
    data: &'a TrainingData,
    recipe: &Recipe,
    output: &Path,
    resume: bool,
) -> glimpse_trainer::Result<Trainer<'a>> {
    Trainer::new(options(data, recipe, output, resume))
}

fn options<'a>(data: &'a TrainingData, recipe: &Recipe, output: &Path, resume: bool) -> TrainerOptions<'a> {
    let architecture = Architecture {
        backbone: "efficientnet-lite0".into(),
        feature_dim: FEATURE_DIM,
        num_cells: NUM_CELLS,
        encoder_dim: recipe.project_dim.unwrap_or(FEATURE_DIM),
        attention_dim: recipe.attention_dim,
        decoder_dim: recipe.decoder_dim,
        embed_dim: recipe.embed_dim,
        vocab_size: data.tokenizer.vocab_size(),
        project_features: recipe.project_dim.is_some(),
        gated_context: recipe.gated_context,
        deep_output: recipe.deep_output,
        tie_word_embeddings: recipe.tie_word_embeddings,
    };
    let card = Card {
        config: Config::new(
            DecoderInterface::attention_lstm(&architecture),
            architecture,
            Provenance { recipe: recipe.name.clone(), ..Provenance::default() },
        ),
        preprocessor: key().preprocessor,
        generation: GenerationConfig::default().with_max_length(recipe.max_length),
        tokenizer: data.tokenizer.clone(),
    };
    // Tensors this small gain nothing from threads, and a busy machine makes them wait for each other.
    tch::set_num_threads(1);
    let folder = RunFolder::create(output).unwrap();
    let device = Device::Cpu;
    TrainerOptions {
        recipe: recipe.clone(),
        data,
        word_vectors: None,
        start_from: None,
        trained_blocks: None,
        card,
        folder,
        resume,
        change_recipe: false,
        device,
        samples: 0,
        workers: 2,
        observer: &Silent,
    }
}

fn run(trainer: &mut Trainer) -> Vec<EpochMetrics> {
    std::iter::from_fn(|| trainer.train_epoch().unwrap()).collect()
}

#[test]
fn learns_what_the_features_say_and_writes_a_checkpoint_to_export() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let output = dir.path().join("run");
    let metrics = run(&mut trainer(&data, &recipe(), &output, false).unwrap());
    assert_eq!(metrics.len(), 14);
    assert_eq!(metrics.iter().filter(|line| line.phase == Phase::SelfCritical).count(), 2);
    let (first, last) = (&metrics[0], &metrics[13]);
    assert!(last.validation_loss < 0.6 * first.validation_loss, "{first:?} {last:?}");
    let best = metrics.iter().map(|line| line.validation_cider).fold(0.0, f64::max);
    assert!(
        best > 2.0 && best > 2.0 * first.validation_cider,
        "animal and place can be known: {first:?} {best}"
    );

    let checkpoint = Checkpoint::read(&output.join("best.safetensors")).unwrap();
    assert_eq!(checkpoint.config.architecture.vocab_size, data.tokenizer.vocab_size());
    assert!(checkpoint.config.provenance.epochs >= 1);
    let lines = std::fs::read_to_string(output.join("metrics.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 14);

    let svg = std::fs::read_to_string(output.join("curves.svg")).unwrap();
    let circles = svg.matches("<circle").count();
    assert_eq!(circles, 2 * 14 + 12 + 2, "a dot for each validation, loss and reward");
    for text in ["cross-entropy of a word", "validation CIDEr-D", "reward in training"] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(std::fs::read(output.join("curves.png")).unwrap().starts_with(b"\x89PNG"));
}

/// A model that reads its own words strays from the references, and pays for it.
#[test]
fn an_evaluation_reads_own_words_and_true_ones() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let recipe = Recipe { self_critical: None, precision: Precision::Bf16, ..recipe() };
    let mut trainer = trainer(&data, &recipe, &dir.path().join("run"), false).unwrap();
    let samples: Vec<_> = data
        .validation
        .iter()
        .map(|image| Sample { grid: image.plain_grid(), token_ids: image.captions[0].clone() })
        .collect();
    let generation = GenerationConfig::default().with_max_length(12);
    let measure = |trainer: &Trainer| {
        evaluate(trainer.model(), &data.features, &samples, &generation, 2, Device::Cpu).unwrap()
    };
    let before = measure(&trainer);
    assert_eq!((before.samples, before.words), (8, 8 * 7), "six words and <eos>");
    let blind = (data.tokenizer.vocab_size() as f64).ln();
    assert!((before.cross_entropy - blind).abs() < 0.3, "fresh weights know nothing: {before:?}, {blind}");
    run(&mut trainer);
    let after = measure(&trainer);
    assert!(after.teacher_forced_cross_entropy < 0.7 * before.teacher_forced_cross_entropy, "{after:?}");
    assert!(after.cross_entropy >= after.teacher_forced_cross_entropy, "{after:?}");
    assert_eq!(after.captions.len(), 8);
}

#[test]
fn word_vectors_are_where_the_embedding_begins_and_stay_when_frozen() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let file = dir.path().join("vectors.txt");
    std::fs::write(&file, "dog 1 2 3 4\nunknown 9 9 9 9\nCat -1 0 0 0.5\n").unwrap();
    let word_vectors = WordVectors::read(&file, &data.tokenizer).unwrap();
    assert_eq!((word_vectors.covered(), word_vectors.other_case), (2, 1));
    let embedding = |trainer: &Trainer, word: &str| {
        let id = data.tokenizer.encode(word).unwrap()[0];
        let weights = trainer.model().parameters().get("decoder.embedding.weight");
        Vec::<f32>::try_from(weights.get(i64::from(id)).contiguous()).unwrap()
    };
    for frozen in [true, false] {
        let recipe = Recipe {
            epochs: 2,
            self_critical: None,
            embed_dim: 4,
            weight_decay: 0.1,
            embeddings: Some(file.clone()),
            freeze_embeddings: frozen,
            ..recipe()
        };
        let output = dir.path().join(format!("run-{frozen}"));
        let begin = |resume| {
            let mut options = options(&data, &recipe, &output, resume);
            options.word_vectors = Some(word_vectors.clone());
            Trainer::new(options).unwrap()
        };
        let mut trainer = begin(false);
        assert_eq!(embedding(&trainer, "dog"), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(embedding(&trainer, "cat"), [-1.0, 0.0, 0.0, 0.5]);
        let bird = embedding(&trainer, "bird");
        trainer.train_epoch().unwrap();
        let after = ["dog", "bird"].map(|word| embedding(&trainer, word));
        assert_eq!(after == [vec![1.0, 2.0, 3.0, 4.0], bird], frozen);
        drop(trainer);
        // What a resumed run reads from its checkpoint is not written over.
        assert_eq!(["dog", "bird"].map(|word| embedding(&begin(true), word)), after);
    }
    std::fs::write(&file, "elephant 1 2\n").unwrap();
    let error = WordVectors::read(&file, &data.tokenizer).unwrap_err().to_string();
    assert!(error.contains("none of the vocabulary's words"), "{error}");
}

#[test]
fn a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    for precision in [Precision::F32, Precision::Bf16] {
        let recipe = Recipe { epochs: 3, precision, ..recipe() };
        let whole = dir.path().join(format!("whole-{precision:?}"));
        run(&mut trainer(&data, &recipe, &whole, false).unwrap());

        // Interrupted after every epoch, before, at and after the change to self-critical training.
        let parts = dir.path().join(format!("parts-{precision:?}"));
        for epoch in 0..5 {
            let mut trainer = trainer(&data, &recipe, &parts, epoch > 0).unwrap();
            assert_eq!(trainer.train_epoch().unwrap().unwrap().epoch, epoch + 1);
        }
        for file in ["last.safetensors", "best.safetensors"] {
            let read = |dir: &Path| std::fs::read(dir.join(file)).unwrap();
            assert!(read(&whole) == read(&parts), "{precision:?}: {file} differs");
        }
        let epochs = |dir: &Path| std::fs::read_to_string(dir.join("metrics.jsonl")).unwrap().lines().count();
        assert_eq!((epochs(&whole), epochs(&parts)), (5, 5));
    }
}

#[test]
fn a_run_is_neither_overwritten_nor_resumed_with_other_settings() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let output = dir.path().join("run");
    let recipe = Recipe { epochs: 1, self_critical: None, ..recipe() };
    run(&mut trainer(&data, &recipe, &output, false).unwrap());
    let error = trainer(&data, &recipe, &output, false).unwrap_err().to_string();
    assert!(error.contains("`resume`"), "{error}");
    let other = Recipe { dropout: 0.2, ..recipe.clone() };
    let error = trainer(&data, &other, &output, true).unwrap_err().to_string();
    assert!(error.contains("other settings (dropout 0.1, now 0.2)"), "{error}");
    let cases = [
        (Recipe { epochs: 0, ..recipe.clone() }, "`epochs`: is 0, but 1 are done"),
        (Recipe { epochs: 2, ema_decay: 0.0, ..recipe.clone() }, ""),
    ];
    let best = std::fs::read(output.join("best.safetensors")).unwrap();
    for (other, refusal) in cases {
        let mut changed = options(&data, &other, &output, true);
        changed.change_recipe = true;
        let error = Trainer::new(changed).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error, refusal);
        assert!(std::fs::read(output.join("best.safetensors")).unwrap() == best);
    }
    let mut fewer = self::data(&dir.path().join("fewer"));
    fewer.train.pop();
    let error = trainer(&fewer, &recipe, &output, true).unwrap_err().to_string();
    assert!(error.contains("other photos"), "{error}");
    let mut another = options(&data, &recipe, &output, true);
    let words = ["a", "two", "on", "the", ".", "runs"].into_iter().chain(ANIMALS).chain(PLACES);
    another.card.tokenizer = CaptionTokenizer::build(words).unwrap();
    let error = Trainer::new(another).unwrap_err().to_string();
    assert!(error.contains("another vocabulary"), "{error}");
    let mut another = options(&data, &recipe, &output, true);
    another.card.config.provenance.backbone_sha256 = "1".repeat(64);
    let error = Trainer::new(another).unwrap_err().to_string();
    assert!(error.contains("another backbone"), "{error}");
    assert!(run(&mut trainer(&data, &recipe, &output, true).unwrap()).is_empty());
    std::fs::remove_file(output.join("last.safetensors")).unwrap();
    let error = trainer(&data, &recipe, &output, false).unwrap_err().to_string();
    assert!(error.contains("best.safetensors exists"), "{error}");
}

/// `best.safetensors` is written after `last.safetensors`: a run may be stopped between them.
#[test]
fn a_run_that_was_stopped_between_its_checkpoints_writes_the_second() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let recipe = Recipe { epochs: 2, ema_decay: 0.0, ..recipe() };
    let [whole, parts] = ["whole", "parts"].map(|name| dir.path().join(name));
    run(&mut trainer(&data, &recipe, &whole, false).unwrap());
    for epoch in 0..4 {
        let mut trainer = trainer(&data, &recipe, &parts, epoch > 0).unwrap();
        let best = parts.join("best.safetensors");
        let before = std::fs::read(&best).ok();
        trainer.train_epoch().unwrap().unwrap();
        match before {
            Some(before) => std::fs::write(best, before).unwrap(),
            None => std::fs::remove_file(best).unwrap(),
        }
    }
    trainer(&data, &recipe, &parts, true).unwrap();
    for file in ["last.safetensors", "best.safetensors"] {
        let read = |dir: &Path| std::fs::read(dir.join(file)).unwrap();
        assert!(read(&whole) == read(&parts), "{file} differs");
    }
}

#[test]
fn a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let output = dir.path().join("run");
    let recipe = Recipe { epochs: 4, self_critical: None, ..recipe() };
    let mut first = trainer(&data, &recipe, &output, false).unwrap();
    first.train_epoch().unwrap();
    let before = std::fs::read(output.join("last.safetensors")).unwrap();
    let weights = first.model().parameters().get("decoder.vocab.bias");
    tch::no_grad(|| drop(weights.shallow_clone().fill_(f64::NAN)));
    let error = first.train_epoch().unwrap_err().to_string();
    assert!(
        error.contains("NaN") && error.contains("epoch 2") && error.contains("last.safetensors"),
        "{error}"
    );
    assert_eq!(std::fs::read(output.join("last.safetensors")).unwrap(), before);
}

#[test]
fn an_unfinished_or_foreign_cache_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = FeatureCache::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("glimpse-train features"), "{error}");

    data(dir.path());
    let cache = FeatureCache::open(dir.path()).unwrap();
    let other = CacheKey { backbone: "resnet50".into(), ..key() };
    let error = cache.check(&other, dir.path()).unwrap_err().to_string();
    assert!(error.contains("efficientnet-lite0") && error.contains("resnet50"), "{error}");

    let grids = dir.path().join("grids.f16");
    let bytes = std::fs::read(&grids).unwrap();
    std::fs::write(&grids, &bytes[..bytes.len() / 2]).unwrap();
    let error = FeatureCache::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("16 of 32"), "{error}");
}

#[test]
fn a_run_folder_has_one_trainer() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let output = dir.path().join("run");
    let first = trainer(&data, &recipe(), &output, false).unwrap();
    let error = RunFolder::create(&output).unwrap_err().to_string();
    assert!(error.contains("is in use by another glimpse-train"), "{error}");
    drop(first);
    RunFolder::create(&output).unwrap();
}

#[test]
fn the_criterion_says_which_epoch_is_kept() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let kept = |criterion| {
        let output = dir.path().join(format!("{criterion:?}"));
        let recipe = Recipe { criterion, epochs: 6, self_critical: None, ..recipe() };
        let metrics = run(&mut trainer(&data, &recipe, &output, false).unwrap());
        let kept = Checkpoint::read(&output.join("best.safetensors")).unwrap().config.provenance.epochs;
        (metrics, kept)
    };
    let first_best = |metrics: &[EpochMetrics], value: fn(&EpochMetrics) -> f64| {
        let best = metrics.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
        metrics.iter().find(|line| value(line) >= best).unwrap().epoch
    };
    let (metrics, epoch) = kept(Criterion::Cider);
    assert_eq!(epoch, first_best(&metrics, |line| line.validation_cider), "{metrics:?}");
    let (metrics, epoch) = kept(Criterion::Loss);
    assert_eq!(epoch, first_best(&metrics, |line| -line.validation_loss), "{metrics:?}");
    let (_, epoch) = kept(Criterion::Last);
    assert_eq!(epoch, 6);

    // Resumed with another criterion, the run does not compare with the epoch's number.
    let output = dir.path().join("Last");
    let recipe = Recipe { criterion: Criterion::Cider, epochs: 7, self_critical: None, ..recipe() };
    let options = TrainerOptions { change_recipe: true, ..options(&data, &recipe, &output, true) };
    let metrics = run(&mut Trainer::new(options).unwrap());
    assert!(metrics.len() == 1 && metrics[0].validation_cider < 6.0, "{metrics:?}");
    assert_eq!(Checkpoint::read(&output.join("best.safetensors")).unwrap().config.provenance.epochs, 7);
}

#[test]
fn self_critical_training_ends_where_it_costs_too_many_tokens() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let output = dir.path().join("run");
    let mut recipe = Recipe { epochs: 3, ..recipe() };
    // No run has twice the tokens that it had before.
    recipe.self_critical.as_mut().unwrap().min_vocabulary = 2.0;
    let metrics = run(&mut trainer(&data, &recipe, &output, false).unwrap());
    assert_eq!(metrics.len(), 4, "{metrics:?}");
    assert!(metrics.iter().all(|line| line.validation_vocabulary > 0), "{metrics:?}");
    let best = Checkpoint::read(&output.join("best.safetensors")).unwrap();
    assert!(best.config.provenance.epochs <= 3, "the poor weights are not kept");
    assert_eq!(run(&mut trainer(&data, &recipe, &output, true).unwrap()).len(), 0, "it does not go on");
}

#[test]
fn self_critical_training_of_another_run_keeps_what_is_better() {
    let _turn = take_turns();
    let dir = tempfile::tempdir().unwrap();
    let data = data(dir.path());
    let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
    let before =
        run(&mut trainer(&data, &Recipe { self_critical: None, ..recipe() }, &first, false).unwrap());
    let recipe = Recipe { epochs: 0, ..recipe() };
    let error = trainer(&data, &recipe, &second, false).unwrap_err().to_string();
    assert!(error.contains("`start_from`"), "{error}");

    let mut options = options(&data, &recipe, &second, false);
    options.start_from = Some(StartFrom::read(&first.join("best.safetensors")).unwrap());
    let after = run(&mut Trainer::new(options).unwrap());
    assert!(after.iter().all(|line| line.phase == Phase::SelfCritical) && after.len() == 2, "{after:?}");
    let best = |lines: &[EpochMetrics]| lines.iter().map(|line| line.validation_cider).fold(0.0, f64::max);
    let kept = Checkpoint::read(&second.join("best.safetensors")).unwrap().config.provenance.epochs;
    assert_eq!(kept > 0, best(&after) > best(&before), "{before:?} {after:?}");
}
