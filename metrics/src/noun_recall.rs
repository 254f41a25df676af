//! Recall of nouns: people name things in a photo, and a caption names some of them too.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::{Caption, Error, Metric, ReferenceCaptions, Scorer};

/// `NounRecall`, in 0..=1: the share of the nouns of the references that a caption has.
///
/// The nouns of an image are those that at least two of its references have, or its only reference. Singular and
/// plural are the same noun, and a noun counts once however often a caption has it. The recall of an image is the
/// share of its nouns that the caption has; the score of a set is the mean over the images that have a noun. It is
/// not a number (NaN) where no image has one.
///
/// Only nouns that name what a photo can show count ("dog", "street", not "idea" or "front"). They come from a list
/// that was made from WordNet 3.0 and SCOWL by `metrics/scripts/make_nouns.py`, which documents the choice; both may be
/// passed on freely under the notices in `metrics/NOTICE`. No part-of-speech tagger looks at the caption, so a word
/// that is a noun in one caption and a verb in the next always counts, or never.
/// `metrics/scripts/check_nouns.py` compares the list with spaCy's tagger. On 1,000 photos each of Flickr8k and of
/// COCO, the tagger agrees that 97 % of the words found are nouns, and the list has 84 % and 82 % of the tagger's nouns;
/// most others are words that it leaves out on purpose. The recalls of single images by the list and by the tagger,
/// limited to the list, correlate with 0.98 and 0.95.
#[derive(Debug, Clone, Copy)]
pub struct NounRecall;

impl Metric for NounRecall {
    fn keys(&self) -> &'static [&'static str] {
        &["NounRecall"]
    }

    fn scorer(&self, references: &ReferenceCaptions) -> Result<Scorer, Error> {
        let wanted: Vec<Vec<&str>> = agreed_nouns(references);
        Ok(Box::new(move |image, caption| {
            let wanted = &wanted[image];
            if wanted.is_empty() {
                return Ok(vec![0.0, 0.0]);
            }
            let named: Vec<&str> = caption.tokens().filter_map(singular).collect();
            let found = wanted.iter().filter(|noun| named.contains(noun)).count();
            Ok(vec![found as f64 / wanted.len() as f64, 1.0])
        }))
    }

    fn scores(&self, sum: &[f64], _num_images: usize) -> Result<Vec<f64>, Error> {
        Ok(vec![sum[0] / sum[1]])
    }
}

/// References that must name a noun.
const MIN_REFERENCES: usize = 2;

/// The nouns that enough references of an image have, for every image.
fn agreed_nouns(references: &[Vec<Caption>]) -> Vec<Vec<&'static str>> {
    // The references of a set repeat the same few thousand tokens.
    let mut noun_of_token: FxHashMap<u32, Option<&str>> = FxHashMap::default();
    let mut agreed = Vec::with_capacity(references.len());
    for captions in references {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for caption in captions {
            let mut nouns: Vec<&str> = std::iter::zip(caption.ids(), caption.tokens())
                .filter_map(|(&id, token)| *noun_of_token.entry(id).or_insert_with(|| singular(token)))
                .collect();
            nouns.sort_unstable();
            nouns.dedup();
            for noun in nouns {
                match counts.iter_mut().find(|(counted, _)| *counted == noun) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((noun, 1)),
                }
            }
        }
        let enough = MIN_REFERENCES.min(captions.len());
        agreed.push(counts.into_iter().filter(|&(_, count)| count >= enough).map(|(noun, _)| noun).collect());
    }
    agreed
}

/// The singular of every noun of the list (itself) and of every irregular plural.
static NOUNS: LazyLock<FxHashMap<&str, &str>> = LazyLock::new(|| {
    let lines = include_str!("nouns.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap_or((line, line))).collect()
});

/// Endings of regular plurals and of their singulars, in the order of WordNet's rules of detachment.
const PLURALS: [(&str, &str); 8] = [
    ("ies", "y"),
    ("men", "man"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("s", ""),
];

/// Verbs and other frequent words that look like the plural of a noun of the list.
const NOT_PLURALS: [&str; 1] = ["does"];

/// The singular of a noun of the list, or nothing if a token is not one.
fn singular(token: &str) -> Option<&'static str> {
    if NOT_PLURALS.contains(&token) {
        return None;
    }
    let known = |form: &str| NOUNS.get(form).copied();
    known(token).or_else(|| {
        PLURALS.iter().find_map(|(plural, singular)| {
            let stem = token.strip_suffix(plural)?;
            known(&format!("{stem}{singular}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_have_the_noun_of_the_singular() {
        for (token, noun) in [
            ("dog", "dog"),
            ("dogs", "dog"),
            ("puppies", "puppy"),
            ("firemen", "fireman"),
            ("benches", "bench"),
            ("bushes", "bush"),
            ("glasses", "glass"),
            ("boxes", "box"),
            ("children", "child"),
            ("feet", "foot"),
            ("men", "man"),
            ("people", "people"),
            ("bus", "bus"),
        ] {
            assert_eq!(singular(token), Some(noun), "{token}");
        }
    }

    #[test]
    fn other_tokens_are_not_nouns() {
        for token in
            ["", "s", "does", "is", "running", "white", "front", "group", "idea", "a", "his", "xyzzy"]
        {
            assert_eq!(singular(token), None, "{token}");
        }
    }

    fn recall(images: &[(&str, &[&str])]) -> crate::Scored {
        let references = images
            .iter()
            .enumerate()
            .map(|(i, (_, captions))| (i.to_string(), captions.iter().map(|&c| c.to_owned()).collect()));
        let hypotheses = images.iter().enumerate().map(|(i, (caption, _))| (i.to_string(), caption));
        crate::evaluate(hypotheses, references).unwrap().score("NounRecall").unwrap().clone()
    }

    #[test]
    fn nouns_of_two_references_are_wanted() {
        // Two name a dog and grass, one a ball.
        let captions = ["A dog runs on grass.", "Two dogs on the grass.", "A ball."];
        assert_eq!(recall(&[("a dog and its dogs", &captions)]).corpus, 0.5);
        assert_eq!(recall(&[("dogs in grass", &captions)]).corpus, 1.0);
        assert_eq!(recall(&[("a ball", &captions)]).corpus, 0.0);
        // A single reference is enough where there is no other.
        assert_eq!(recall(&[("a cat", &["A cat on a mat"])]).corpus, 0.5);
    }

    #[test]
    fn images_without_an_agreed_noun_do_not_count() {
        let named: (&str, &[&str]) = ("a dog", &["a dog in snow", "a dog in the snow"]);
        let unnamed: (&str, &[&str]) = ("a dog", &["running fast", "it is white", "a dog"]);
        let scored = recall(&[named, unnamed]);
        assert_eq!((scored.corpus, scored.per_image[0]), (0.5, 0.5));
        assert!(scored.per_image[1].is_nan());
        assert!(recall(&[unnamed]).corpus.is_nan());
    }

    #[test]
    fn the_list_is_small_sorted_and_without_repeats() {
        let text = include_str!("nouns.txt");
        assert!(text.len() < 150_000, "{} bytes", text.len());
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.is_sorted_by(|one, next| one < next));
        assert_eq!(lines.len(), NOUNS.len());
        // Every irregular plural leads to a noun.
        assert!(NOUNS.values().all(|noun| NOUNS.get(noun) == Some(noun)));
    }
}
