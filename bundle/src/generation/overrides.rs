//! Options of one call over those of a bundle.

use super::{GenerationConfig, InvalidOption};
use serde_json::{Map, Value};

impl GenerationConfig {
    /// These options with others in their place: what a user asks for in one call, by key.
    ///
    /// - Turning sampling on or off drops what the bundle says of the other way.
    /// - `max_length` and `max_new_tokens` replace each other.
    /// - An option that has no effect together with the others is refused.
    ///
    /// The result still has to pass [`validate`](Self::validate).
    ///
    /// # Errors
    /// What [`from_object`](Self::from_object) refuses, and an option without effect.
    pub fn with_overrides(&self, overrides: &Map<String, Value>) -> Result<Self, InvalidOption> {
        self.with_overrides_and_defaults(overrides, &Map::new())
    }

    /// [`with_overrides`](Self::with_overrides), below which `defaults` lie: options that a user has set for all
    /// calls, such as variables of the environment. Those without effect in this call are passed over.
    ///
    /// # Errors
    /// Those of [`with_overrides`](Self::with_overrides).
    pub fn with_overrides_and_defaults(
        &self,
        overrides: &Map<String, Value>,
        defaults: &Map<String, Value>,
    ) -> Result<Self, InvalidOption> {
        // JSON, through which the options go, has no such numbers.
        for (option, number) in [
            ("length_penalty", self.length_penalty),
            ("repetition_penalty", self.repetition_penalty),
            ("diversity_penalty", self.diversity_penalty),
            ("temperature", self.temperature),
            ("top_p", self.top_p),
        ] {
            if !number.is_finite() {
                return Err(InvalidOption::new(option, format!("{number} is not a finite number")));
            }
        }
        let mut all = defaults.clone();
        for (key, other) in [("max_length", "max_new_tokens"), ("max_new_tokens", "max_length")] {
            if overrides.contains_key(key) {
                all.remove(other);
            }
        }
        all.extend(overrides.clone());
        let trial = self.merged(&all)?;
        all.retain(|key, _| overrides.contains_key(key) || trial.without_effect(key).is_none());
        let merged = self.merged(&all)?;
        if overrides.contains_key("max_length") && overrides.contains_key("max_new_tokens") {
            let reason = "contradicts max_new_tokens: give one of them".into();
            return Err(InvalidOption::new("max_length", reason));
        }
        match overrides.keys().find_map(|key| Some((key, merged.without_effect(key)?))) {
            Some((key, reason)) => Err(InvalidOption::new(key, reason.into())),
            None => Ok(merged),
        }
    }

    fn merged(&self, options: &Map<String, Value>) -> Result<Self, InvalidOption> {
        let mut base = self.clone();
        match options.get("do_sample") {
            Some(Value::Bool(true)) => {
                (base.num_beams, base.num_beam_groups, base.diversity_penalty) = (1, 1, 0.0);
            }
            Some(Value::Bool(false)) => base = base.search_only(),
            _ => {}
        }
        if options.contains_key("max_length") {
            base.max_new_tokens = None;
        }
        let mut merged = base.to_object();
        merged.extend(options.clone());
        Self::from_object(merged)
    }

    /// These options without what they say of sampling.
    #[must_use]
    pub fn search_only(self) -> Self {
        Self { do_sample: false, temperature: 1.0, top_k: Self::DEFAULT_TOP_K, top_p: 1.0, seed: 0, ..self }
    }

    /// Why the option under `key` changes nothing beside the others.
    fn without_effect(&self, key: &str) -> Option<&'static str> {
        match key {
            "temperature" | "top_k" | "top_p" | "seed" if !self.do_sample => {
                Some("changes how tokens are drawn, and do_sample is off")
            }
            "early_stopping" if self.do_sample => Some("stops beam search, and do_sample searches nothing"),
            "early_stopping" if self.num_beams == 1 => Some("stops beam search, and num_beams is 1"),
            "num_beams" if self.do_sample && self.num_beams > 1 => {
                Some("beams are searched, not drawn: do_sample needs num_beams = 1")
            }
            "num_beam_groups" if self.do_sample && self.num_beam_groups > 1 => {
                Some("beams are searched, not drawn: do_sample needs num_beam_groups = 1")
            }
            "diversity_penalty" if self.num_beam_groups == 1 && self.diversity_penalty != 0.0 => {
                Some("keeps groups of beams apart, and num_beam_groups is 1")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(json: Value) -> Map<String, Value> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn variables_without_effect_are_passed_over() {
        let bundle = GenerationConfig::default();
        let variables = object(json!({
            "top_p": 0.9, "temperature": 0.5, "seed": 3, "diversity_penalty": 0.4, "early_stopping": true
        }));
        let one_beam = object(json!({ "num_beams": 1 }));
        let config = bundle.with_overrides_and_defaults(&one_beam, &variables).unwrap();
        assert_eq!(config, bundle.clone().with_num_beams(1));
        let beams = object(json!({ "num_beams": 4 }));
        let config = bundle.with_overrides_and_defaults(&beams, &variables).unwrap();
        assert_eq!(config.early_stopping, crate::EarlyStopping::FirstFinished);
        let drawn = object(json!({ "do_sample": true }));
        let variables = object(json!({ "top_p": 0.9, "num_beams": 5, "num_beam_groups": 5 }));
        let config = bundle.with_overrides_and_defaults(&drawn, &variables).unwrap();
        assert_eq!((config.top_p, config.num_beams, config.num_beam_groups), (0.9, 1, 1));
    }

    #[test]
    fn options_without_effect_are_refused_by_name() {
        for options in [
            json!({ "top_p": 1.0 }),
            json!({ "seed": 1 }),
            json!({ "num_beams": 1, "early_stopping": true }),
            json!({ "do_sample": true, "early_stopping": true }),
            json!({ "diversity_penalty": 1.0 }),
            json!({ "max_length": 5, "max_new_tokens": 4 }),
            json!({ "do_sample": true, "num_beams": 2 }),
        ] {
            let refused = GenerationConfig::default().with_overrides(&object(options.clone())).unwrap_err();
            assert!(options.as_object().unwrap().contains_key(&refused.option), "{refused}");
        }
    }

    #[test]
    fn numbers_that_json_lacks_are_refused() {
        let bundle = GenerationConfig::default().with_length_penalty(f32::NAN);
        assert_eq!(bundle.with_overrides(&Map::new()).unwrap_err().option, "length_penalty");
    }

    #[test]
    fn one_length_takes_the_place_of_the_other() {
        let bundle = GenerationConfig::default().with_max_new_tokens(Some(9));
        let config = bundle.with_overrides(&object(json!({ "max_length": 5 }))).unwrap();
        assert_eq!(config.max_sequence_length(), 5);
        let config =
            GenerationConfig::default().with_overrides(&object(json!({ "max_new_tokens": 5 }))).unwrap();
        assert_eq!(config.max_sequence_length(), 6);
    }
}
