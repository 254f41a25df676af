//! For each token of a caption, the cell of the feature grid with the most attention:
//! `cargo run -p glimpse-runtime --example attention -- PHOTO [BUNDLE]`

use glimpse_runtime::{Captioner, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let photo = arguments.next().unwrap_or_else(|| "assets/photos/beach.jpg".into());
    let bundle = arguments.next().unwrap_or_else(|| "models/flickr8k-edge".into());
    let captioner = Captioner::from_bundle(bundle)?;
    let options = captioner.generation_config().clone().with_output_attentions(true);
    let caption = captioner.caption(photo.as_str(), &options)?.swap_remove(0);
    let Some(attentions) = caption.attentions else { return Ok(()) };
    let side = attentions.ncols().isqrt();
    for (token, weights) in captioner.tokens(&caption.token_ids).iter().zip(attentions.rows()) {
        let best = (0..weights.len()).max_by(|&a, &b| weights[a].total_cmp(&weights[b])).unwrap_or(0);
        println!("{token:12} row {} column {}: {:.2}", best / side, best % side, weights[best]);
    }
    Ok(())
}
