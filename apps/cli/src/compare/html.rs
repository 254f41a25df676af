//! The report: one HTML file that needs no other file.

use super::plot;
use super::settings::Setting;
use super::side_by_side::first_difference;
use super::sweep::Sweep;
use super::table::Table;
use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use glimpse_attention::{AttentionMap, restore_proportions};
use glimpse_bundle::image::RgbImage;
use glimpse_runtime::{Caption, Captioner, NetworkInput};
use image::codecs::jpeg::JpegEncoder;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .75rem; text-align: right }
th { border-bottom: 2px solid #222 } td { border-bottom: 1px solid #ddd } td:first-child { text-align: left }
svg { max-width: 100%; height: auto } section { border-top: 2px solid #222; margin-top: 2.5rem }
.photo { height: 14rem } .best { font-size: 1.15rem; margin: 1rem 0 .25rem } .best small { color: #666 }
.differs { background: #ffe3c2 } .words { display: flex; flex-wrap: wrap; gap: .4rem }
figure { margin: 0; width: 7rem } figure img { width: 100%; display: block }
figcaption { font-size: .8rem; text-align: center } li { color: #444 }
";

/// What the page shows.
pub struct Page<'a> {
    pub sweep: &'a Sweep,
    pub settings: &'a [Setting],
    /// Of all photos.
    pub names: &'a [String],
    pub table: Option<&'a Table>,
    pub captioner: &'a Captioner,
}

impl Page<'_> {
    /// The whole page. Photos are part of it as small JPEGs, with the attention of each token of the best caption.
    pub fn render(&self) -> Result<String> {
        let model = self.captioner.bundle().dir().display();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                meta charset="utf-8";
                title { "Greedy and beam search: " (model) }
                style { (PreEscaped(STYLE)) }
                h1 { "Greedy and beam search" }
                p { "Model " (model) "; " (self.sweep.photos) " photos." }
                @if let Some(table) = self.table {
                    (scores(table))
                    (PreEscaped(plot::svg(table)?))
                }
                @for (&position, input) in &self.sweep.inputs { (self.photo(position, input)?) }
            }
        };
        Ok(page.into_string())
    }

    /// A photo with the captions of every setting.
    fn photo(&self, position: usize, input: &NetworkInput) -> Result<Markup> {
        let name = &self.names[position];
        let picture =
            &restore_proportions(&input.pixels, input.original, self.captioner.preprocessor().config());
        let found = self.settings.iter().zip(&self.sweep.runs).filter_map(|(setting, run)| {
            let captions = run.examples.get(&position)?;
            Some((&setting.name, captions, captions.first()?))
        });
        let mut first = None;
        Ok(html! {
            section {
                h2 { (name) }
                img.photo alt=(name) src=(data_uri(picture)?);
                @for (setting, captions, best) in found {
                    @let differs = first_difference(&first.get_or_insert(best).token_ids, &best.token_ids);
                    (self.best_caption(setting, best, differs, picture)?)
                    @if captions.len() > 1 {
                        ol {
                            @for Caption { generated_text, score, .. } in captions {
                                li { (generated_text) " " small { (format!("{score:.3}")) } }
                            }
                        }
                    }
                }
            }
        })
    }

    /// The best caption of a setting, with a picture for each token.
    fn best_caption(
        &self,
        setting: &str,
        best: &Caption,
        differs: Option<usize>,
        picture: &RgbImage,
    ) -> Result<Markup> {
        let sum: f32 = best.token_logprobs.iter().sum();
        let tokens = self.captioner.tokens(&best.token_ids);
        let map = best.attentions.as_ref().map(|weights| AttentionMap::new(picture, &tokens, weights.view()));
        let map = map.transpose()?;
        Ok(html! {
            p.best {
                b { (setting) } ": " (best.generated_text) " "
                small { (format!("log-probability {sum:.3}, score {:.3}", best.score)) }
            }
            div.words {
                @if let Some(map) = map {
                    @for (index, token) in tokens.iter().enumerate() {
                        figure.differs[differs == Some(index + 1)] {
                            img alt=(token) src=(data_uri(&map.overlay(index))?);
                            figcaption { (token) }
                        }
                    }
                }
            }
        })
    }
}

fn scores(table: &Table) -> Markup {
    html! {
        table {
            tr { th {} @for title in table.titles() { th { (title) } } }
            @for row in &table.rows {
                tr { td { (row.name) } @for (_, value) in row.cells() { td { (value) } } }
            }
        }
    }
}

fn data_uri(picture: &RgbImage) -> Result<String> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(picture)?;
    Ok(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg)))
}
