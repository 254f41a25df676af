//! Just enough of ONNX's operators to run what follows the backbone, written after the operator
//! documentation and as simply as it goes.

use glimpse_export::proto::{DataType, GraphProto, NodeProto, TensorProto};
use ndarray::{Array2, ArrayD, Axis, Ix2, IxDyn, concatenate};
use std::collections::HashMap;

#[derive(Clone, Debug)]
pub enum Tensor {
    Floats(ArrayD<f32>),
    Ints(ArrayD<i64>),
}

impl Tensor {
    fn floats(&self) -> &ArrayD<f32> {
        match self {
            Self::Floats(array) => array,
            Self::Ints(_) => panic!("floats wanted, got {self:?}"),
        }
    }

    fn ints(&self) -> &ArrayD<i64> {
        match self {
            Self::Ints(array) => array,
            Self::Floats(_) => panic!("ints wanted, got {self:?}"),
        }
    }

    pub fn to_floats(&self) -> ArrayD<f32> {
        match self {
            Self::Floats(array) => array.clone(),
            Self::Ints(array) => array.mapv(|number| number as f32),
        }
    }
}

/// Runs every node whose inputs are known, and returns all tensors by name.
pub fn run<const N: usize>(graph: &GraphProto, given: [(&str, Tensor); N]) -> HashMap<String, Tensor> {
    let mut tensors: HashMap<_, _> = given.map(|(name, tensor)| (name.to_string(), tensor)).into();
    for constant in &graph.initializer {
        tensors.insert(constant.name().into(), initializer(constant));
    }
    for node in &graph.node {
        if node.output.iter().all(|name| tensors.contains_key(name)) {
            continue;
        }
        let Some(inputs) = node.input.iter().map(|name| tensors.get(name)).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let outputs = apply(node, &inputs);
        assert_eq!(outputs.len(), node.output.len(), "{}", node.name());
        tensors.extend(node.output.iter().cloned().zip(outputs));
    }
    tensors
}

fn initializer(constant: &TensorProto) -> Tensor {
    let shape: Vec<_> = constant.dims.iter().map(|&size| size as usize).collect();
    let bytes = constant.raw_data();
    match constant.data_type() {
        DataType::Float => {
            let numbers = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            Tensor::Floats(ArrayD::from_shape_vec(shape, numbers.collect()).unwrap())
        }
        DataType::Int64 => {
            let numbers = bytes.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
            Tensor::Ints(ArrayD::from_shape_vec(shape, numbers.collect()).unwrap())
        }
        other => panic!("{} is {other:?}", constant.name()),
    }
}

fn apply(node: &NodeProto, inputs: &[&Tensor]) -> Vec<Tensor> {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name() == name);
    let int = |name: &str, default: i64| attribute(name).map_or(default, |attribute| attribute.i());
    let floats = |index: usize| inputs[index].floats();
    let one = |array: ArrayD<f32>| vec![Tensor::Floats(array)];
    match node.op_type() {
        "Add" => one(floats(0) + floats(1)),
        "Mul" => one(floats(0) * floats(1)),
        "Tanh" => one(floats(0).mapv(f32::tanh)),
        "Sigmoid" => one(floats(0).mapv(|x| 1.0 / (1.0 + (-x).exp()))),
        "MatMul" => one(matmul(floats(0), floats(1))),
        "Gemm" => {
            assert_eq!(int("transB", 0), 1);
            let matrix = |index| floats(index).view().into_dimensionality::<Ix2>().unwrap();
            one(&matrix(0).dot(&matrix(1).t()).into_dyn() + floats(2))
        }
        "Gather" => {
            let rows: Vec<_> = inputs[1].ints().iter().map(|&row| row as usize).collect();
            one(floats(0).select(Axis(int("axis", 0) as usize), &rows))
        }
        "Concat" => {
            let axis = Axis(int("axis", 0) as usize);
            match inputs[0] {
                Tensor::Floats(_) => {
                    let parts: Vec<_> = inputs.iter().map(|part| part.floats().view()).collect();
                    one(concatenate(axis, &parts).unwrap())
                }
                Tensor::Ints(_) => {
                    let parts: Vec<_> = inputs.iter().map(|part| part.ints().view()).collect();
                    vec![Tensor::Ints(concatenate(axis, &parts).unwrap())]
                }
            }
        }
        "Split" => {
            let axis = Axis(int("axis", 0) as usize);
            let mut rest = floats(0).view();
            let mut parts = Vec::new();
            for &size in inputs[1].ints() {
                let (part, others) = rest.split_at(axis, size as usize);
                parts.push(Tensor::Floats(part.to_owned()));
                rest = others;
            }
            assert_eq!(rest.len_of(axis), 0, "{} leaves a rest", node.name());
            parts
        }
        "Shape" => {
            let shape: Vec<_> = floats(0).shape().iter().map(|&size| size as i64).collect();
            let part = &shape[int("start", 0) as usize..int("end", shape.len() as i64) as usize];
            vec![Tensor::Ints(ArrayD::from_shape_vec(IxDyn(&[part.len()]), part.to_vec()).unwrap())]
        }
        "Reshape" => one(reshape(floats(0), inputs[1].ints().iter().copied().collect())),
        "Unsqueeze" => {
            let axis = Axis(inputs[1].ints()[[0]] as usize);
            vec![match inputs[0] {
                Tensor::Floats(array) => Tensor::Floats(array.clone().insert_axis(axis)),
                Tensor::Ints(array) => Tensor::Ints(array.clone().insert_axis(axis)),
            }]
        }
        "Squeeze" => {
            assert_eq!(inputs[1].ints()[[0]], -1);
            let array = floats(0).clone();
            let last = Axis(array.ndim() - 1);
            assert_eq!(array.len_of(last), 1);
            one(array.remove_axis(last))
        }
        "Softmax" => {
            assert_eq!(int("axis", -1), -1);
            one(by_row(floats(0), |row| {
                let exps: Vec<_> = row.iter().map(|x| x.exp()).collect();
                let total: f32 = exps.iter().sum();
                exps.iter().map(|exp| exp / total).collect()
            }))
        }
        "ReduceMean" => {
            let axis = Axis(attribute("axes").unwrap().ints[0] as usize);
            assert_eq!(int("keepdims", 1), 0);
            one(floats(0).mean_axis(axis).unwrap())
        }
        "LogSoftmax" => {
            assert_eq!(int("axis", -1), -1);
            one(by_row(floats(0), |row| {
                let total = row.iter().map(|x| x.exp()).sum::<f32>().ln();
                row.iter().map(|x| x - total).collect()
            }))
        }
        "LayerNormalization" => {
            let epsilon = attribute("epsilon").unwrap().f();
            let normal = by_row(floats(0), |row| {
                let mean = row.iter().sum::<f32>() / row.len() as f32;
                let var = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / row.len() as f32;
                row.iter().map(|x| (x - mean) / (var + epsilon).sqrt()).collect()
            });
            one(normal * floats(1) + floats(2))
        }
        "TopK" => {
            let k = inputs[1].ints()[[0]] as usize;
            let rows = floats(0).view().into_dimensionality::<Ix2>().unwrap();
            let mut ids = Array2::zeros((rows.nrows(), k));
            let mut best = Array2::zeros((rows.nrows(), k));
            for (index, row) in rows.rows().into_iter().enumerate() {
                let mut order: Vec<_> = (0..row.len()).collect();
                order.sort_by(|&left, &right| row[right].total_cmp(&row[left]));
                for rank in 0..k {
                    ids[[index, rank]] = order[rank] as i64;
                    best[[index, rank]] = row[order[rank]];
                }
            }
            vec![Tensor::Floats(best.into_dyn()), Tensor::Ints(ids.into_dyn())]
        }
        other => panic!("the interpreter does not know {other}"),
    }
}

/// The last two axes multiplied; the others are equal, or the left's alone.
fn matmul(left: &ArrayD<f32>, right: &ArrayD<f32>) -> ArrayD<f32> {
    let batched = right.ndim() == 3;
    let columns = right.len_of(Axis(right.ndim() - 1));
    let inner = left.len_of(Axis(left.ndim() - 1));
    let batches = if batched { right.len_of(Axis(0)) } else { 1 };
    let lefts = left.to_shape((batches, left.len() / batches / inner, inner)).unwrap();
    let rights = right.to_shape((batches, inner, columns)).unwrap();
    let products: Vec<f32> = lefts
        .outer_iter()
        .zip(rights.outer_iter())
        .flat_map(|(left, right)| left.dot(&right).into_iter().collect::<Vec<_>>())
        .collect();
    let mut shape = left.shape()[..left.ndim() - 1].to_vec();
    shape.push(columns);
    ArrayD::from_shape_vec(shape, products).unwrap()
}

fn reshape(array: &ArrayD<f32>, shape: Vec<i64>) -> ArrayD<f32> {
    let known: i64 = shape.iter().filter(|&&size| size > 0).product();
    let sizes: Vec<_> = shape
        .iter()
        .map(|&size| if size == -1 { array.len() / known as usize } else { size as usize })
        .collect();
    array.to_shape(sizes).unwrap().to_owned()
}

fn by_row(array: &ArrayD<f32>, apply: impl Fn(&[f32]) -> Vec<f32>) -> ArrayD<f32> {
    let width = array.len_of(Axis(array.ndim() - 1));
    let flat: Vec<_> = array.iter().copied().collect();
    let rows = flat.chunks_exact(width).flat_map(apply).collect();
    ArrayD::from_shape_vec(array.raw_dim(), rows).unwrap()
}
