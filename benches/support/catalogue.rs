//! A page of products as the catalogue writes it.

use serde::Serialize;
use serde_json::{Value, json};

/// A page of so many products, whose ids, prices and words differ; the same each time.
pub(crate) fn page(items: u32) -> Page {
    let mut numbers = Numbers(13);
    Page {
        items: (0..items).map(|_| product(&mut numbers)).collect(),
        next: None,
    }
}

#[derive(Serialize)]
pub(crate) struct Page {
    items: Vec<Value>,
    next: Option<String>,
}

fn product(numbers: &mut Numbers) -> Value {
    let words: Vec<&str> = (0..12)
        .map(|_| WORDS[numbers.below(WORDS.len() as u64) as usize])
        .collect();
    let name = words[..3].join(" ");
    json!({
        "id": format!(
            "0193e5c2-7b{:02x}-7{:03x}-8{:03x}-{:012x}",
            numbers.below(1 << 8),
            numbers.below(1 << 12),
            numbers.below(1 << 12),
            numbers.below(1 << 40),
        ),
        "version": numbers.below(40),
        "slug": name.replace(' ', "-"),
        "name": name,
        "sku": format!("SKU-{:06}", numbers.below(1_000_000)),
        "description": words.join(" "),
        "price_amount": numbers.below(100_000),
        "currency": "EUR",
        "status": "active",
        "rating_average": numbers.below(50) as f64 / 10.0,
        "rating_count": numbers.below(500),
        "stock": { "on_hand": numbers.below(900), "available": numbers.below(900) },
        "created_at": format!("2026-11-20T13:07:07.{:03}Z", numbers.below(999)),
    })
}

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 20) % end
    }
}

const WORDS: [&str; 24] = [
    "chair", "oak", "linen", "lamp", "brass", "folding", "garden", "outdoor", "cushion", "blue",
    "handmade", "solid", "shelf", "small", "storage", "with", "drawer", "and", "for", "kitchen",
    "ceramic", "mug", "set", "of",
];
