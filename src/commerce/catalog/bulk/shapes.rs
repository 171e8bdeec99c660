//! What a request of many changes takes and gives.

use crate::commerce::catalog::products::shapes::UpdateProduct;
use crate::id::Id;
use crate::json::{Int, List};
use crate::limits::BULK_OPERATIONS_MAX;

crate::choice! {
    /// What one operation does.
    pub enum Verb { Create = "create", Update = "update", Delete = "delete" }
}

crate::shape! {
    /// What `POST /api/v1/products/bulk` takes.
    pub struct BulkRequest reads {
        pub operations: List<Operation, 1, { BULK_OPERATIONS_MAX }>,
        /// Whether nothing is done where one operation cannot be done; each is on its own where
        /// it is not given. At most 200 operations are done so, since all other changes wait.
        pub all_or_nothing: Option<bool>,
    }
}

crate::shape! {
    /// One change.
    pub struct Operation reads {
        pub op: Verb,
        /// Of the product to update or delete.
        pub id: Option<Id>,
        /// The version that the product is expected to have, as `If-Match` says it.
        pub version: Option<Int<1, { i64::MAX }>>,
        /// What to create, as `POST /api/v1/products` takes it, or what to change.
        pub product: Option<UpdateProduct>,
    }
}

crate::shape! {
    /// What became of the operations.
    pub struct BulkReply writes {
        pub succeeded: i64,
        pub failed: i64,
        /// One for each operation, in their order.
        pub results: Vec<OperationResult>,
    }
}

crate::shape! {
    /// What became of one operation.
    pub struct OperationResult writes {
        /// Its place in the request, from 0.
        pub index: i64,
        pub op: Verb,
        /// The status that it would have had as a request of its own.
        pub status: i64,
        /// Of the product, where there is one.
        pub id: Option<Id>,
        /// The product's version afterwards.
        pub version: Option<i64>,
        /// Why it was not done.
        pub error: Option<OperationError>,
    }
}

crate::shape! {
    /// Why an operation was not done.
    pub struct OperationError writes {
        pub code: String,
        pub detail: String,
        /// The values at fault.
        pub errors: Vec<OperationFault>,
    }
}

crate::shape! {
    /// A value at fault.
    pub struct OperationFault writes {
        pub pointer: String,
        pub code: String,
        pub detail: String,
    }
}
