//! Captions a folder of any size in batches, in order:
//! `cargo run -p glimpse-runtime --example stream_folder -- FOLDER [BUNDLE]`

use glimpse_runtime::{Captioner, StreamOptions};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "assets/photos".into());
    let bundle = arguments.next().unwrap_or_else(|| "models/flickr8k-edge".into());
    let captioner = Captioner::from_bundle(bundle)?;
    let photos: Vec<PathBuf> = glimpse_bundle::image::pictures_in(folder.as_ref())?;
    let options = StreamOptions::default().with_batch_size(4).with_threads(2);
    let answers = captioner.stream(photos.clone(), captioner.generation_config(), options)?;
    for (photo, answer) in photos.iter().zip(answers) {
        match answer {
            Ok(answer) => println!("{}: {}", photo.display(), answer.captions[0].generated_text),
            Err(error) => eprintln!("{}: {error}", photo.display()),
        }
    }
    Ok(())
}
