//! What a search takes.

use crate::commerce::catalog::products::shapes::ProductFilter;
use crate::json::Text;

crate::shape! {
    /// The query of `GET /api/v1/products/search`.
    pub struct SearchQuery reads {
        /// Words, each as it is or the beginning of a longer one; all of them are to be found.
        pub q: Text<1, 200>,
        ..pub filter: ProductFilter,
    }
}
