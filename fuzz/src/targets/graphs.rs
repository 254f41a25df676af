use crate::{Target, check_error, mutate, scratch};
use glimpse_bundle::wire::{Fields, VARINT, put_bytes, put_varint};
use glimpse_bundle::{external_files, self_contained};
use glimpse_runtime::fuzzing::graph_without_weights;

/// An ONNX file: which files it names, and its graph without the weights.
pub(super) const GRAPH: Target =
    Target { name: "graph", seeds, mutate: mutate::wire, run, max_heap: 16 << 20 };

/// The same files, with the weights inside that lie beside them.
pub(super) const SELF_CONTAINED: Target = Target {
    name: "self_contained",
    seeds,
    mutate: mutate::wire,
    run: run_self_contained,
    max_heap: 64 << 20,
};

fn message(fields: &[(u64, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    fields.iter().for_each(|(number, content)| put_bytes(&mut message, *number, content));
    message
}

/// Models with a node that holds a graph, a small tensor, a large one, one that lies elsewhere, and a sparse one.
fn seeds() -> Vec<Vec<u8>> {
    let tensor = |name: &str, data: &[u8]| {
        let mut tensor = message(&[(8, name.as_bytes()), (9, data)]);
        put_varint(&mut tensor, 1 << 3 | VARINT);
        put_varint(&mut tensor, data.len() as u64);
        tensor
    };
    let entry = |key: &str, value: &str| message(&[(1, key.as_bytes()), (2, value.as_bytes())]);
    let (location, offset) = (entry("location", "weights.bin"), entry("offset", "4096"));
    let elsewhere = message(&[(8, b"elsewhere"), (13, &location), (13, &offset)]);
    let (small, large) = (tensor("small", &[7; 20]), tensor("large", &[1; 5000]));
    let inner = message(&[(2, b"body"), (5, &small)]);
    let attribute = message(&[(1, b"body"), (6, &inner)]);
    let node = message(&[(1, b"in"), (2, b"out"), (4, b"If"), (5, &attribute)]);
    let sparse = message(&[(1, &small), (2, &elsewhere)]);
    let graph =
        message(&[(1, &node), (2, b"graph"), (5, &small), (5, &large), (5, &elsewhere), (15, &sparse)]);
    let plain = message(&[(1, &node), (5, &small), (5, &elsewhere)]);
    let function = message(&[(1, b"f"), (7, &node)]);
    let training = message(&[(1, &graph), (2, &graph)]);
    vec![
        message(&[(2, b"a producer"), (7, &graph)]),
        // The only one that can be made self-contained.
        message(&[(7, &plain)]),
        message(&[(2, b"a producer"), (7, &graph), (20, &training), (25, &function)]),
    ]
}

fn run(input: &[u8]) {
    let path = scratch::file("model.onnx", input);
    let named = external_files(&path).unwrap_or_else(|error| panic!("{error}"));
    match graph_without_weights(&path) {
        // An empty file cannot be mapped.
        Err(error) => check_error(error),
        Ok(None) => {}
        Ok(Some(graph)) => {
            assert!(graph.len() < input.len());
            assert!(
                Fields::of(&graph, 0..graph.len()).all(|field| field.is_some()),
                "the graph is no message"
            );
            let path = scratch::file("graph.onnx", &graph);
            let mut again = external_files(&path).unwrap_or_else(|error| panic!("{error}"));
            again.remove("model.onnx");
            assert!(again.is_subset(&named), "{again:?} were not named before: {named:?}");
        }
    }
}

fn run_self_contained(input: &[u8]) {
    // What the seeds name: they may copy from it.
    scratch::file("weights.bin", &[3; 8192]);
    match self_contained(&scratch::file("model.onnx", input)) {
        Err(error) => check_error(error),
        Ok(model) => {
            let path = scratch::file("self-contained.onnx", &model);
            let named = external_files(&path).unwrap_or_else(|error| panic!("{error}"));
            assert!(named.is_empty(), "{named:?} are still outside");
            let again = self_contained(&path).unwrap_or_else(|error| panic!("{error}"));
            assert!(again == model, "what is inside was changed");
        }
    }
}
