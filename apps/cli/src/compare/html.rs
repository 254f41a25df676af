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
use glimpse_runtime::{Caption, Captioner};
use image::codecs::jpeg::JpegEncoder;
use std::fmt::Write;

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

/// The whole page. It holds the photos as small JPEGs, and the attention of each token of the best captions.
pub fn page(
    sweep: &Sweep,
    settings: &[Setting],
    names: &[String],
    table: Option<&Table>,
    captioner: &Captioner,
) -> Result<String> {
    let mut page = String::new();
    let model = escape(&captioner.bundle().dir().display().to_string());
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Greedy and beam search: {model}</title>\
         <style>{STYLE}</style>\n<h1>Greedy and beam search</h1>\n<p>Model {model}; {} photos.</p>\n",
        sweep.photos
    )?;
    if let Some(table) = table {
        scores(&mut page, table)?;
        page.push_str(&plot::svg(table)?);
    }
    for (&position, input) in &sweep.inputs {
        let name = escape(&names[position]);
        let picture = &restore_proportions(&input.pixels, input.original, captioner.preprocessor().config());
        let photo = data_uri(picture)?;
        write!(page, "\n<section>\n<h2>{name}</h2>\n<img class=\"photo\" alt=\"{name}\" src=\"{photo}\">\n")?;
        let mut first = None;
        for (setting, run) in settings.iter().zip(&sweep.runs) {
            let Some(captions) = run.examples.get(&position) else { continue };
            let Some(best) = captions.first() else { continue };
            let differs = first_difference(&first.get_or_insert(best).token_ids, &best.token_ids);
            caption(&mut page, &setting.name, best, differs, picture, captioner)?;
            if captions.len() > 1 {
                page.push_str("<ol>");
                for Caption { generated_text, score, .. } in captions {
                    write!(page, "<li>{} <small>{score:.3}</small></li>", escape(generated_text))?;
                }
                page.push_str("</ol>\n");
            }
        }
        page.push_str("</section>");
    }
    page.push_str("\n</html>\n");
    Ok(page)
}

fn scores(page: &mut String, table: &Table) -> Result<()> {
    page.push_str(
        "<table><tr><th></th><th>BLEU-1</th><th>BLEU-4</th><th>ROUGE-L</th><th>CIDEr</th><th>words</th>\
         <th>repeating</th><th>encoder ms</th><th>decoder ms</th></tr>\n",
    );
    for row in &table.rows {
        writeln!(
            page,
            "<tr><td>{}</td><td>{:.4}</td><td>{:.4}</td><td>{:.4}</td><td>{:.4}</td><td>{:.2}</td><td>{:.1}%</td>\
             <td>{:.2}</td><td>{:.2}</td></tr>",
            row.name,
            row.bleu_1,
            row.bleu_4,
            row.rouge_l,
            row.cider,
            row.words_per_caption,
            row.repeated_bigrams * 100.0,
            row.encoder_ms,
            row.decoder_ms
        )?;
    }
    page.push_str("</table>\n");
    Ok(())
}

/// The best caption of a setting, with a picture for each token.
fn caption(
    page: &mut String,
    setting: &str,
    best: &Caption,
    differs: Option<usize>,
    picture: &RgbImage,
    captioner: &Captioner,
) -> Result<()> {
    let sum: f32 = best.token_logprobs.iter().sum();
    write!(
        page,
        "<p class=\"best\"><b>{setting}</b>: {} <small>log-probability {sum:.3}, score {:.3}</small></p>\n\
         <div class=\"words\">",
        escape(&best.generated_text),
        best.score
    )?;
    if let Some(weights) = &best.attentions {
        let tokens = captioner.tokens(&best.token_ids);
        let map = AttentionMap::new(picture, &tokens, weights.view())?;
        for (index, token) in tokens.iter().enumerate() {
            let class = if differs == Some(index + 1) { " class=\"differs\"" } else { "" };
            let overlay = data_uri(&map.overlay(index))?;
            let token = escape(token);
            write!(
                page,
                "<figure{class}><img alt=\"{token}\" src=\"{overlay}\"><figcaption>{token}</figcaption></figure>"
            )?;
        }
    }
    page.push_str("</div>\n");
    Ok(())
}

fn data_uri(picture: &RgbImage) -> Result<String> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 80).encode_image(picture)?;
    Ok(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
