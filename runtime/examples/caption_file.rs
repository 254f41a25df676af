//! Captions a photo: `cargo run -p glimpse-runtime --example caption_file -- PHOTO [BUNDLE]`

use glimpse_runtime::{Captioner, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let photo = arguments.next().unwrap_or_else(|| "assets/photos/beach.jpg".into());
    let bundle = arguments.next().unwrap_or_else(|| "models/flickr8k-edge".into());
    let captioner = Captioner::from_bundle(bundle)?;
    for caption in captioner.caption(photo.as_str(), captioner.generation_config())? {
        println!("{}", caption.generated_text);
    }
    Ok(())
}
