use serde::{Deserialize, Serialize};

/// The ids that end a caption: in JSON a number, or a list of numbers. There is always one at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct EosTokenIds(Vec<u32>);

impl EosTokenIds {
    /// Whether this id ends a caption.
    pub fn contains(&self, id: u32) -> bool {
        self.0.contains(&id)
    }

    /// The first of them.
    pub fn first(&self) -> u32 {
        self.0[0]
    }

    /// All of them, in the order in which they were given.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

impl From<u32> for EosTokenIds {
    fn from(id: u32) -> Self {
        Self(vec![id])
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Json {
    One(u32),
    Many(Vec<u32>),
}

impl TryFrom<Vec<u32>> for EosTokenIds {
    type Error = String;

    fn try_from(mut ids: Vec<u32>) -> Result<Self, String> {
        let mut seen = std::collections::HashSet::new();
        ids.retain(|id| seen.insert(*id));
        if ids.is_empty() { Err("eos_token_id: the list is empty".into()) } else { Ok(Self(ids)) }
    }
}

impl TryFrom<Json> for EosTokenIds {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        match json {
            Json::One(id) => Ok(id.into()),
            Json::Many(ids) => ids.try_into(),
        }
    }
}

impl From<EosTokenIds> for Json {
    fn from(ids: EosTokenIds) -> Self {
        match ids.0.as_slice() {
            &[id] => Self::One(id),
            _ => Self::Many(ids.0),
        }
    }
}
