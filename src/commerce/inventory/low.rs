//! Tells that stock has become low, once its commit is on disk.
//!
//! It goes to the log and to a counter. No mail is sent for each item: a busy shop would send
//! hundreds, and who orders goods reads the list.

use crate::telemetry::{Counter, Local};

use super::rules::LowStock;

/// Tells of each item that a command has made low.
pub fn announce(telemetry: &Local, items: &[LowStock]) {
    for LowStock { item, stock } in items {
        telemetry.count(Counter::StockLow);
        let variant_id = item.variant_id.map(|id| id.to_string());
        tracing::warn!(
            target: "stock",
            product_id = %item.product_id,
            variant_id = variant_id.as_deref(),
            available = stock.available(),
            reorder_point = stock.reorder_point,
            "stock is low"
        );
    }
}
