//! Pictures of products and categories: uploads of an image type, named by their paths.

use crate::json::Fault;
use crate::store::{SqlFault, View};
use crate::vault::uploads;

use super::products::shapes::Image;

/// Notes the pictures that are no uploaded images.
pub fn check(view: &View<'_>, images: &[Image], unknown: &mut Vec<Fault>) -> Result<(), SqlFault> {
    for (index, image) in images.iter().enumerate() {
        if !is_image(view, &image.url)? {
            unknown.push(fault_at(format!("/images/{index}/url")));
        }
    }
    Ok(())
}

/// Whether a path is that of an uploaded image.
pub fn is_image(view: &View<'_>, path: &str) -> Result<bool, SqlFault> {
    let Some(id) = uploads::rules::id_of_path(path) else {
        return Ok(false);
    };
    let upload = uploads::sql::read(view, id)?;
    Ok(upload.is_some_and(|upload| {
        upload.stored_at.is_some() && uploads::rules::is_image(&upload.content_type)
    }))
}

/// What is wrong with a picture that is none.
pub fn fault_at(pointer: String) -> Fault {
    Fault {
        pointer,
        code: "unknown",
        detail: "must be the path of an uploaded image, /v1/uploads/…".to_owned(),
    }
}

/// Pictures as they are stored.
pub fn stored(images: &[Image]) -> String {
    let images: Vec<_> = images
        .iter()
        .map(|image| {
            let alt = image.alt.as_deref().unwrap_or_default();
            serde_json::json!({ "url": &*image.url, "alt": alt })
        })
        .collect();
    serde_json::Value::from(images).to_string()
}
