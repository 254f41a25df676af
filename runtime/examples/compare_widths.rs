//! Greedy search beside beams, the encoder run once:
//! `cargo run -p glimpse-runtime --example compare_widths -- PHOTO [BUNDLE]`

use glimpse_runtime::{Captioner, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let photo = arguments.next().unwrap_or_else(|| "assets/photos/beach.jpg".into());
    let bundle = arguments.next().unwrap_or_else(|| "models/flickr8k-edge".into());
    let captioner = Captioner::from_bundle(bundle)?;
    let encoded = captioner.encode([photo.as_str()])?;
    for num_beams in [1, 3, 5] {
        let options = captioner.generation_config().clone().with_num_beams(num_beams);
        let best = &captioner.decode(&encoded, &options)?[0][0];
        println!("{num_beams} beams: {:.3}  {}", best.score, best.generated_text);
    }
    Ok(())
}
