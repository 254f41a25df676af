//! The graphs keep their contract: names, types, axes, versions, plain operators.

use crate::common;
use glimpse_bundle::{Architecture, tensors};
use glimpse_export::backbone::backbone;
use glimpse_export::graph::{IR_VERSION, Model, OPSET_VERSION};
use glimpse_export::proto::{DataType, Dim, GraphProto, ModelProto, ValueInfoProto};
use glimpse_export::{Error, Weights, decoder_graph, encoder_graph};
use prost::Message;
use std::collections::{BTreeMap, HashSet};

/// `name: type [axes]`
fn describe(values: &[ValueInfoProto]) -> Vec<String> {
    let axis = |dim: &Option<Dim>| match dim {
        Some(Dim::Value(size)) => size.to_string(),
        Some(Dim::Param(name)) => name.clone(),
        None => "?".into(),
    };
    let describe = |value: &ValueInfoProto| {
        let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
        let axes: Vec<_> = tensor.shape.as_ref().unwrap().dim.iter().map(|dim| axis(&dim.value)).collect();
        let kind = match tensor.elem_type() {
            DataType::Float => "f32",
            DataType::Int64 => "i64",
            _ => "?",
        };
        format!("{}: {kind} [{}]", value.name(), axes.join(", "))
    };
    values.iter().map(describe).collect()
}

/// How often each operator occurs.
fn operators(graph: &GraphProto) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for node in &graph.node {
        *counts.entry(node.op_type()).or_default() += 1;
    }
    counts
}

/// Every name is made once, before it is read, and read at least once.
fn assert_sound(graph: &GraphProto) {
    let mut known = HashSet::new();
    let mut read = HashSet::new();
    let inputs = graph.input.iter().map(|value| value.name());
    for name in inputs.chain(graph.initializer.iter().map(|tensor| tensor.name())) {
        assert!(known.insert(name), "{name} occurs twice");
    }
    let mut nodes = HashSet::new();
    for node in &graph.node {
        assert!(nodes.insert(node.name()), "two nodes are called {}", node.name());
        for name in &node.input {
            assert!(known.contains(name.as_str()), "{} reads {name} before it exists", node.name());
            read.insert(name.as_str());
        }
        for name in &node.output {
            assert!(known.insert(name), "{name} occurs twice");
        }
    }
    for output in &graph.output {
        assert!(known.contains(output.name()), "nothing makes {}", output.name());
        read.insert(output.name());
    }
    let unused: Vec<_> = known.difference(&read).collect();
    assert!(unused.is_empty(), "never read: {unused:?}");
    for tensor in &graph.initializer {
        let count: i64 = tensor.dims.iter().product();
        let width = tensor.data_type().size() as i64;
        assert_eq!(tensor.raw_data().len() as i64, count * width, "{}", tensor.name());
    }
}

fn architectures() -> Vec<Architecture> {
    let full = common::full();
    vec![
        common::report(),
        Architecture { gated_context: false, ..full.clone() },
        Architecture { deep_output: false, tie_word_embeddings: false, ..full.clone() },
        Architecture { tie_word_embeddings: false, ..full.clone() },
        full,
    ]
}

#[test]
fn every_architecture_gives_sound_graphs_of_plain_operators() {
    let plain: HashSet<_> =
        "Add Clip Concat Conv Gather Gemm LayerNormalization LogSoftmax MatMul MaxPool Mul \
        ReduceMean Relu Reshape Shape Sigmoid Softmax Split Squeeze Tanh TopK Transpose Unsqueeze"
            .split_whitespace()
            .collect();
    for architecture in architectures() {
        let weights = common::weights_for(&architecture);
        let checkpoint = common::checkpoint(architecture);
        let encoder = encoder_graph(&checkpoint, weights).unwrap();
        let decoder = decoder_graph(&checkpoint).unwrap();
        for graph in [encoder, decoder] {
            assert_sound(&graph);
            let used: HashSet<_> = operators(&graph).into_keys().collect();
            assert!(used.is_subset(&plain), "{:?}", used.difference(&plain));
        }
    }
}

#[test]
fn encoder_has_the_contracts_names_and_axes() {
    let graph = encoder_graph(&common::checkpoint(common::full()), common::backbone_weights()).unwrap();
    assert_eq!(describe(&graph.input), ["pixel_values: f32 [batch_size, 3, 224, 224]"]);
    let outputs = [
        "last_hidden_state: f32 [batch_size, 49, 24]",
        "encoder_keys: f32 [batch_size, 49, 20]",
        "initial_h: f32 [batch_size, 16]",
        "initial_c: f32 [batch_size, 16]",
    ];
    assert_eq!(describe(&graph.output), outputs);
}

#[test]
fn decoder_has_the_contracts_names_and_axes() {
    let graph = decoder_graph(&common::checkpoint(common::full())).unwrap();
    let inputs = [
        "input_ids: i64 [rows]",
        "beam_idx: i64 [rows]",
        "past_h: f32 [past_rows, 16]",
        "past_c: f32 [past_rows, 16]",
        "encoder_hidden_states: f32 [batch_size, 49, 24]",
        "encoder_keys: f32 [batch_size, 49, 20]",
        "k: i64 []",
    ];
    let outputs = [
        "top_log_probs: f32 [rows, k]",
        "top_token_ids: i64 [rows, k]",
        "present_h: f32 [rows, 16]",
        "present_c: f32 [rows, 16]",
        "attentions: f32 [rows, 49]",
    ];
    assert_eq!(describe(&graph.input), inputs);
    assert_eq!(describe(&graph.output), outputs);
}

#[test]
fn backbones_are_their_convolutions_and_nothing_of_the_batch_norms() {
    let cases = [(common::report(), 53, "Relu", 49), (common::full(), 49, "Clip", 33)];
    for (architecture, convolutions, activation, activations) in cases {
        let name = architecture.backbone.clone();
        assert_eq!(backbone(&name).unwrap().layers().len(), convolutions);
        let weights = common::weights_for(&architecture);
        let graph = encoder_graph(&common::checkpoint(architecture), weights).unwrap();
        let operators = operators(&graph);
        assert_eq!(operators["Conv"], convolutions, "{name}");
        assert_eq!(operators[activation], activations, "{name}");
        assert!(!graph.initializer.iter().any(|tensor| tensor.name().contains("running")));
    }
}

#[test]
fn decoder_reads_each_weight_by_one_product_and_shares_the_tied_embedding() {
    let graph = decoder_graph(&common::checkpoint(common::full())).unwrap();
    // h with query, gate and the recurrent half; the LSTM's other half; deep output; vocabulary.
    assert_eq!(operators(&graph)["Gemm"], 4);
    // Scores and context: the products of attention, neither over a weight matrix.
    assert_eq!(operators(&graph)["MatMul"], 2);
    let numbers: i64 = graph
        .initializer
        .iter()
        .filter(|tensor| tensor.data_type() == DataType::Float)
        .map(|tensor| tensor.dims.iter().product::<i64>())
        .sum();
    let (attention, encoder, decoder, embed, vocab) = (20, 24, 16, 12, 30);
    let hidden = (decoder + 1) * (attention + encoder + 4 * decoder);
    let lstm = 4 * decoder * (embed + encoder);
    let deep = embed * (decoder + encoder + 1);
    assert_eq!(numbers, hidden + attention + lstm + deep + vocab * (embed + 1));
}

#[test]
fn a_file_says_who_wrote_it_and_what_it_needs() {
    let graph = decoder_graph(&common::checkpoint(common::full())).unwrap();
    let metadata = vec![("config".to_string(), "{}".to_string())];
    let bytes = Model { graph: graph.clone(), doc: "one step".into(), metadata }.encode();
    let model = ModelProto::decode(bytes.as_slice()).unwrap();
    assert_eq!((model.ir_version(), model.opset_import[0].version()), (IR_VERSION, OPSET_VERSION));
    assert_eq!((model.opset_import.len(), model.opset_import[0].domain()), (1, ""));
    assert_eq!((model.producer_name(), model.producer_version()), ("glimpse-export", "0.1.0"));
    assert_eq!((model.metadata_props[0].key(), model.metadata_props[0].value()), ("config", "{}"));
    assert_eq!(model.doc_string(), "one step");
    assert_eq!(model.graph, Some(graph));
}

#[test]
fn scalar_input_has_a_shape_of_no_axes() {
    let graph = decoder_graph(&common::checkpoint(common::full())).unwrap();
    let k = graph.input.iter().find(|value| value.name() == tensors::K).unwrap();
    let shape = &k.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap().shape;
    assert_eq!(shape.as_ref().map(|shape| shape.dim.len()), Some(0));
}

#[test]
fn unknown_backbones_are_refused_with_the_known_ones() {
    let error = backbone("vgg16").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no backbone `vgg16`; known are resnet50, efficientnet-lite0, efficientnet-lite1, efficientnet-lite2"
    );
}

#[test]
fn weights_of_another_backbone_are_refused_by_name() {
    let error = encoder_graph(&common::checkpoint(common::report()), common::backbone_weights()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the seeded efficientnet-lite0 lacks the weight `conv1.weight` of shape [64, 3, 7, 7]"
    );
}

#[test]
fn a_backbone_with_other_sizes_is_refused_with_both_shapes() {
    let mut weights = common::backbone_weights().clone();
    weights.insert("_conv_head.weight", &[640, 320, 1, 1], vec![0.0; 640 * 320]).unwrap();
    let error = encoder_graph(&common::checkpoint(common::full()), &weights).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the seeded efficientnet-lite0: the weight `_conv_head.weight` has shape [640, 320, 1, 1], \
         expected [1280, 320, 1, 1]"
    );
}

#[test]
fn a_config_with_another_grid_is_refused() {
    let mut checkpoint = common::checkpoint(common::full());
    checkpoint.config.architecture.feature_dim = 2048;
    let error = encoder_graph(&checkpoint, &Weights::in_memory("none")).unwrap_err();
    assert!(matches!(error, Error::Contradiction { what: "feature_dim", .. }), "{error}");
}
