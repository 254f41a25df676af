use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// When a beam search that has num_beams finished captions is done: `false`, `true` or `"never"` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum EarlyStopping {
    /// `false`: once the best running caption, scored at its present length, is no better than the worst
    /// of them.
    #[default]
    Heuristic,
    /// `true`: at once.
    FirstFinished,
    /// `"never"`: once no continuation could be better, whatever its length.
    Never,
}

impl EarlyStopping {
    /// As Hugging Face spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Heuristic => "false",
            Self::FirstFinished => "true",
            Self::Never => "never",
        }
    }
}

impl FromStr for EarlyStopping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Heuristic, Self::FirstFinished, Self::Never]
            .into_iter()
            .find(|stopping| stopping.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of false, true, never"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Json {
    Flag(bool),
    Text(String),
}

impl TryFrom<Json> for EarlyStopping {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        match json {
            Json::Flag(true) => Ok(Self::FirstFinished),
            Json::Flag(false) => Ok(Self::Heuristic),
            Json::Text(text) if text == "never" => Ok(Self::Never),
            Json::Text(text) => Err(format!("early_stopping {text:?} is none of false, true, \"never\"")),
        }
    }
}

impl From<EarlyStopping> for Json {
    fn from(stopping: EarlyStopping) -> Self {
        match stopping {
            EarlyStopping::Heuristic => Self::Flag(false),
            EarlyStopping::FirstFinished => Self::Flag(true),
            EarlyStopping::Never => Self::Text("never".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::EarlyStopping;

    #[test]
    fn early_stopping_is_a_flag_or_a_word() {
        for (stopping, json) in [
            (EarlyStopping::Heuristic, "false"),
            (EarlyStopping::FirstFinished, "true"),
            (EarlyStopping::Never, "\"never\""),
        ] {
            assert_eq!(serde_json::to_string(&stopping).unwrap(), json);
            assert_eq!(serde_json::from_str::<EarlyStopping>(json).unwrap(), stopping);
            assert_eq!(stopping.as_str().parse(), Ok(stopping));
        }
        let refusal = serde_json::from_str::<EarlyStopping>("\"always\"").unwrap_err().to_string();
        assert!(refusal.contains("never"), "{refusal}");
        assert!("maybe".parse::<EarlyStopping>().is_err());
    }
}
