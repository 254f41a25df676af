use crate::parts::{Package, PackageId, Parts};
use glimpse_bundle::SHIPPED_BUNDLE;
use serde_json::{Value, json};

/// What is known of a release beside its crates.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// The target that it was built for.
    pub target: &'a str,
    /// When it was made, in the form of RFC 3339.
    pub timestamp: &'a str,
    /// The version of its ONNX Runtime.
    pub onnxruntime: &'a str,
    /// The version of its compiler.
    pub rustc: &'a str,
}

/// The parts of a release as a CycloneDX 1.6 document: the crates, with who uses whom, ONNX Runtime, the model, Rust's
/// standard library.
pub fn sbom(parts: &Parts, release: &Release<'_>) -> Value {
    let version = parts.programs.first().map_or("", |program| &program.version);
    let root = format!("glimpse-{version}-{}", release.target);
    let others = others(release, version);
    let crates = parts.packages.iter().map(|(id, package)| component(id, package));
    let components: Vec<_> = crates.chain(others.clone()).collect();

    let mut direct: Vec<_> = parts.programs.iter().map(reference).map(Value::String).collect();
    direct.extend(others.iter().map(|other| other["bom-ref"].clone()));
    let edges = parts.uses.iter().map(|(user, used)| {
        json!({"ref": reference(user), "dependsOn": used.iter().map(reference).collect::<Vec<_>>()})
    });
    let dependencies: Vec<_> = edges.chain([json!({"ref": root, "dependsOn": direct})]).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": release.timestamp,
            "component": {"type": "application", "bom-ref": root, "name": "glimpse", "version": version},
        },
        "components": components,
        "dependencies": dependencies,
    })
}

fn component(id: &PackageId, package: &Package) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(id),
        "name": id.name,
        "version": id.version,
        "licenses": [{"expression": package.license}],
    });
    // Crates of this project are in no registry.
    if package.is_published {
        component["purl"] = reference(id).into();
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

/// What is in a release and is no crate.
fn others(release: &Release<'_>, version: &str) -> [Value; 3] {
    let model = SHIPPED_BUNDLE.rsplit('/').next();
    let onnxruntime = format!("pkg:pypi/onnxruntime@{}", release.onnxruntime);
    [
        json!({
            "type": "library", "bom-ref": onnxruntime, "purl": onnxruntime, "name": "onnxruntime",
            "version": release.onnxruntime, "licenses": [{"expression": "MIT"}],
        }),
        json!({
            "type": "library", "bom-ref": "rust-std", "name": "rust-std", "version": release.rustc,
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        }),
        json!({
            "type": "machine-learning-model", "bom-ref": "model", "name": model, "version": version,
            "licenses": [{"expression": "MIT AND Apache-2.0"}],
        }),
    ]
}

fn reference(id: &PackageId) -> String {
    let (name, version) = (&id.name, &id.version);
    if name.starts_with("glimpse-") {
        format!("{name}@{version}")
    } else {
        format!("pkg:cargo/{name}@{version}")
    }
}
