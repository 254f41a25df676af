use crate::{ImageId, Split};
use serde::{Deserialize, Serialize};

/// A photo and what people wrote about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionedImage {
    /// File name below the folder of photos, or the whole path of a photo that lies elsewhere.
    pub file_name: String,
    /// Cleaned captions, in the order of the file; at least one.
    pub captions: Vec<String>,
    /// The part that the file itself puts the photo in: Karpathy's layout, or a column `split`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// What the file calls the photo in COCO's and Karpathy's layouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ImageId>,
}

impl CaptionedImage {
    /// What results files call this image.
    pub fn image_id(&self) -> ImageId {
        self.id.clone().unwrap_or_else(|| ImageId::Name(self.file_name.clone()))
    }
}
