use crate::files::{Files, Written};
use crate::onnxruntime::OnnxRuntime;
use crate::{Error, Result};
use glimpse_bundle::{
    Bundle, CHECKSUMS, DECODER, ENCODER, Precision, TOKENIZER, WholeFolder, model_file, sha256,
    sha256_of_file,
};
use glimpse_page::{EXAMPLES, Engine, Page};
use serde_json::{Value, json};
use std::path::Path;

/// What caches of the page begin with in a browser's storage.
const CACHE: &str = "glimpse ";
/// By this file a folder is known as one that may be replaced.
const SERVICE_WORKER: &str = "service-worker.js";
const MODULES: [(&str, &str); 7] = [
    ("captioner.js", include_str!("../page/captioner.js")),
    ("detokenizer.js", include_str!("../page/detokenizer.js")),
    ("download.js", include_str!("../page/download.js")),
    ("photo.js", include_str!("../page/photo.js")),
    ("resample.js", include_str!("../page/resample.js")),
    ("search.js", include_str!("../page/search.js")),
    ("worker.js", include_str!("../page/worker.js")),
];
const CONTROLS: &str = include_str!("../page/controls.html");
const FOOTER: &str = "Photos stay in this browser. <span id=\"offline\" role=\"status\"></span>";
/// Most beams of a photo: one number of beams for greedy search, and those of the page's slider.
const MAX_BEAMS: usize = 11;

/// What is written where.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The folder of the bundle.
    pub bundle: &'a Path,
    /// Whether the page runs the bundle's f32, f16 or int8 graphs.
    pub precision: Precision,
    /// The folder of the npm package onnxruntime-web.
    pub onnxruntime: &'a Path,
    /// The folder to write; one that was written before is replaced as a whole.
    pub output: &'a Path,
}

/// Writes the site. Its version, by which browsers know that it has changed, is made of the checksums of its files.
///
/// # Errors
/// A bundle that cannot be opened, lacks the graphs, or asks for what the page does not do; another onnxruntime-web
/// than [`ONNXRUNTIME_WEB_VERSION`](crate::ONNXRUNTIME_WEB_VERSION); a folder that holds other files.
pub fn build(site: &Site<'_>) -> Result<Vec<Written>> {
    let bundle = Bundle::open(site.bundle)?;
    check(&bundle)?;
    let runtime = OnnxRuntime::read(site.onnxruntime)?;
    let is_new = std::fs::read_dir(site.output).map_or(true, |mut entries| entries.next().is_none());
    if !is_new && !site.output.join(SERVICE_WORKER).is_file() {
        return Err(Error::Occupied { path: site.output.into() });
    }
    let folder = WholeFolder::beside(site.output)?;
    let mut files = Files::new(folder.path());
    let model = model_files(&mut files, &bundle, site, &runtime)?;
    page_files(&mut files, &bundle, site, &runtime, &model)?;
    let written = files.written;
    folder.publish()?;
    Ok(written)
}

/// Refuses what the loop in JavaScript was not written for.
fn check(bundle: &Bundle) -> Result<()> {
    let unsuited = |reason: &str| Err(Error::Unsuited { path: bundle.dir().into(), reason: reason.into() });
    match &bundle.config.decoder {
        Some(decoder) if decoder.gathers_state && decoder.ranks_tokens && decoder.has_attentions => {}
        _ => {
            return unsuited("its decoder has to continue rows, rank tokens and return attentions by itself");
        }
    }
    if bundle.generation.do_sample || bundle.generation.num_beam_groups > 1 {
        return unsuited("its generation_config.json asks for sampling or groups of beams");
    }
    Ok(())
}

/// Writes the files that the worker downloads, and returns what it has to know of them.
fn model_files(
    files: &mut Files<'_>,
    bundle: &Bundle,
    site: &Site<'_>,
    runtime: &OnnxRuntime,
) -> Result<Value> {
    let read = |path: &Path| std::fs::read(path).map_err(glimpse_bundle::Error::io(path));
    let mut model = json!({ "wasm": files.compressed("model/ort-wasm-simd-threaded.wasm", &runtime.wasm)? });
    let tokenizer = read(&bundle.dir().join(TOKENIZER))?;
    model["tokenizer"] = files.compressed("model/tokenizer.json", &tokenizer)?;
    for (name, stem) in [("encoder", ENCODER), ("decoder", DECODER)] {
        let path = bundle.model_path(stem, site.precision)?;
        let file = model_file(stem, site.precision);
        model[name] = files.compressed(&format!("model/{file}"), &read(&path)?)?;
    }
    Ok(model)
}

/// Writes the page, its modules, the example photos and the service worker that keeps them.
fn page_files(
    files: &mut Files<'_>,
    bundle: &Bundle,
    site: &Site<'_>,
    runtime: &OnnxRuntime,
    model: &Value,
) -> Result<()> {
    let configs = json!({
        "config": bundle.config, "preprocessor": bundle.preprocessor, "generation": bundle.generation,
    });
    let info = info(bundle, site);
    let list = format!(
        "// Written by glimpse-web.\nexport const CACHE = {CACHE:?};\nexport const FILES = {model};\nexport const CONFIGS = \
         {configs};\nexport const INFO = {info};\n"
    );
    let modules = MODULES.map(|(name, script)| (name, script.as_bytes()));
    let modules: Vec<(&str, &[u8])> =
        modules.into_iter().chain([("files.js", list.as_bytes()), ("ort.js", &runtime.module)]).collect();
    let version = version(&modules);
    for (name, script) in &modules {
        files.plain(format!("{version}/{name}"), script)?;
    }
    for (name, photo) in EXAMPLES {
        files.plain(format!("examples/{name}"), photo)?;
    }
    files.plain("examples/README.md".into(), include_bytes!("../../../assets/photos/README.md"))?;
    let page = Page::new(&Engine {
        script: &format!("const WORKER = \"{version}/worker.js\";\n{}", include_str!("../page/engine.js")),
        controls: CONTROLS,
        footer: FOOTER,
    });
    let policy = format!("{}; worker-src 'self' blob:", page.policy(" 'self' 'wasm-unsafe-eval'"));
    files.plain("index.html".into(), page.into_html(Some(&policy)).as_bytes())?;
    let worker = service_worker(&files.written);
    files.plain(SERVICE_WORKER.into(), worker.as_bytes())
}

/// A folder's name that changes with the content of the files.
fn version(modules: &[(&str, &[u8])]) -> String {
    let sums: String = modules.iter().map(|(name, script)| format!("{}  {name}\n", sha256(script))).collect();
    format!("app-{}", &sha256(sums.as_bytes())[..16])
}

fn service_worker(written: &[Written]) -> String {
    let shell: serde_json::Map<_, _> = written
        .iter()
        .filter(|file| !file.is_model)
        .map(|file| (file.path.clone(), file.sha256.clone().into()))
        .collect();
    let model: Vec<_> = written
        .iter()
        .filter(|file| file.is_model)
        .map(|file| format!("{}?{}", file.path, file.sha256))
        .collect();
    let mut list = json!({ "CACHE": CACHE, "SHELL": shell, "MODEL": model });
    list["VERSION"] = sha256(list.to_string().as_bytes())[..16].into();
    include_str!("../page/service-worker.js").replace("/*FILES*/ null", &list.to_string())
}

/// What `GET /info` of `glimpse-serve` has, as far as the page shows it.
fn info(bundle: &Bundle, site: &Site<'_>) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": {
            "name": bundle.dir().file_name().map(|name| name.to_string_lossy()),
            "sha256": sha256_of_file(&bundle.dir().join(CHECKSUMS)).ok(),
            "provenance": bundle.config.provenance,
        },
        "device": "WebAssembly in this browser",
        "precision": site.precision.as_str(),
        "preprocessor": bundle.preprocessor,
        "examples": EXAMPLES.map(|(name, _)| name),
        "generation_config": bundle.generation,
        "limits": { "max_beams": MAX_BEAMS },
    })
}
