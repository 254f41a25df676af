//! The page: greedy search beside beams, attention, the beam tree, a folder of photos. It is one HTML file without a
//! build step.
//!
//! What captions the photos is an [`Engine`]: a server behind HTTP, or the browser itself. `settings.js` says what an
//! engine offers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(
    include_str!("settings.js"),
    include_str!("captions.js"),
    include_str!("parting.js"),
    include_str!("tree.js"),
    include_str!("folder.js"),
    include_str!("camera.js"),
);
/// Begins; everything else is defined before.
const START: &str = include_str!("start.js");

/// The example photos with their names. The page asks for them at `examples/NAME`.
pub const EXAMPLES: [(&str, &[u8]); 5] = [
    ("beach.jpg", include_bytes!("../../../assets/photos/beach.jpg")),
    ("canyon.jpg", include_bytes!("../../../assets/photos/canyon.jpg")),
    ("dog-in-woods.jpg", include_bytes!("../../../assets/photos/dog-in-woods.jpg")),
    ("photographer.jpg", include_bytes!("../../../assets/photos/photographer.jpg")),
    ("two-dogs.jpg", include_bytes!("../../../assets/photos/two-dogs.jpg")),
];

/// What captions the photos of a page.
#[derive(Debug, Clone, Copy)]
pub struct Engine<'a> {
    /// Defines `engine`.
    pub script: &'a str,
    /// HTML of what the engine shows of itself, below the example photos.
    pub controls: &'a str,
    /// HTML of the last line: where photos go.
    pub footer: &'a str,
}

/// The page of an engine.
#[derive(Debug, Clone)]
pub struct Page {
    html: String,
    script: String,
}

impl Page {
    /// The page around an engine.
    pub fn new(engine: &Engine<'_>) -> Self {
        let script = ["\"use strict\";\n", SCRIPT, engine.script, START].concat();
        let html = HTML.replace("<!--CONTROLS-->\n", engine.controls).replace("<!--FOOTER-->", engine.footer);
        Self { html, script }
    }

    /// The value of a `Content-Security-Policy`: the page's own style and script run, photos are shown, and the page's
    /// own host is reached. `scripts` are further sources of scripts.
    pub fn policy(&self, scripts: &str) -> String {
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
        format!(
            "default-src 'none'; script-src 'sha256-{}'{scripts}; style-src 'sha256-{}'; img-src 'self' blob: data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'",
            hash(&self.script),
            hash(STYLE)
        )
    }

    /// The file. A page that no server sends headers for has its policy in itself.
    pub fn into_html(self, policy: Option<&str>) -> String {
        let policy = policy.map_or_else(String::new, |policy| {
            format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n")
        });
        let html = self.html.replace("<!--POLICY-->\n", &policy);
        html.replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", &self.script)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_engine_and_no_placeholder() {
        let engine =
            Engine { script: "const engine = 7;\n", controls: "<p>controls</p>\n", footer: "the end" };
        let page = Page::new(&engine);
        let policy = page.policy(" 'self'");
        let html = page.clone().into_html(Some(&policy));
        for part in
            ["const engine = 7;", "<p>controls</p>", "<footer class=\"quiet\">the end</footer>", &policy]
        {
            assert_eq!(html.matches(part).count(), 1, "{part}");
        }
        for placeholder in ["<!--", "/*STYLE*/", "/*SCRIPT*/"] {
            assert!(!html.contains(placeholder), "{placeholder}");
        }
        assert!(!page.into_html(None).contains("Content-Security-Policy"));
        assert!(policy.contains(" 'self'; style-src"));
    }

    /// Each element that a script asks for by its name is on the page.
    #[test]
    fn scripts_and_page_agree_on_names() {
        let scripts = [SCRIPT, START].concat();
        let asked = scripts.split("$(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut count = 0;
        for name in asked {
            count += 1;
            assert!(HTML.contains(&format!("id=\"{name}\"")), "{name}");
        }
        assert!(count > 40, "{count}");
    }
}
