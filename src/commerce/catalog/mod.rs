//! The catalogue: what the shop sells.
//!
//! - `products`: products and the lists of them, `variants`: their forms, `bulk`: many changes in
//!   one request, `images`: what their pictures may be;
//! - `search`: products by words;
//! - `categories`: the tree that products stand in; `attributes`: what they can be told apart by;
//! - `slug`: names in URLs; `staff`: who changes it.

pub mod attributes;
pub mod bulk;
pub mod categories;
pub mod images;
pub mod products;
pub mod search;
pub mod slug;
pub mod staff;
pub mod variants;

#[cfg(test)]
mod scene;
#[cfg(test)]
mod tests;
