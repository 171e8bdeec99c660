//! What may become of stock: sums of lines, bounds of levels, when it is low.

use crate::id::Id;

/// What is counted: a product, or one of its variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// The product.
    pub product_id: Id,
    /// The variant; `None` where the product itself is counted.
    pub variant_id: Option<Id>,
}

/// So many of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub item: Item,
    /// How many; at least 1.
    pub quantity: i64,
}

/// How much there is of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// In the house.
    pub on_hand: i64,
    /// Of that, what is promised to somebody.
    pub reserved: i64,
    /// What is available is low from here down.
    pub reorder_point: i64,
}

/// An item whose stock a change has made low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowStock {
    /// What is low.
    pub item: Item,
    /// How it stands.
    pub stock: Stock,
}

/// Why a level cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelFault {
    /// Less than what is promised, or than nothing.
    BelowReserved {
        /// What is promised.
        reserved: i64,
    },
    /// Above [`LEVEL_MAX`].
    TooHigh,
}

/// The highest level and the largest change of one, so that no sum of a few overflows.
pub const LEVEL_MAX: i64 = 1_000_000_000;

impl Stock {
    /// What nobody has reserved.
    pub fn available(self) -> i64 {
        self.on_hand - self.reserved
    }

    /// By how much more is available than the reorder point; what is low has none.
    pub fn margin(self) -> i64 {
        self.available() - self.reorder_point
    }

    /// Whether it is time to order more.
    pub fn is_low(self) -> bool {
        self.margin() <= 0
    }

    /// With another level.
    ///
    /// # Errors
    /// Why it cannot have it.
    pub fn with_on_hand(self, on_hand: i64) -> Result<Stock, LevelFault> {
        if on_hand < self.reserved {
            let reserved = self.reserved;
            return Err(LevelFault::BelowReserved { reserved });
        }
        if on_hand > LEVEL_MAX {
            return Err(LevelFault::TooHigh);
        }
        Ok(Stock { on_hand, ..self })
    }

    /// With so much more, or less.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn adjusted(self, delta: i64) -> Result<Stock, LevelFault> {
        self.with_on_hand(self.on_hand.saturating_add(delta))
    }
}

/// The item, if the change from `before` to `after` made it low.
pub fn crossing(item: Item, before: Stock, after: Stock) -> Option<LowStock> {
    let has_become_low = !before.is_low() && after.is_low();
    has_become_low.then_some(LowStock { item, stock: after })
}

/// The lines with one for each item, sorted: whoever takes several items takes them in this order,
/// so that no two wait for each other on an engine that locks rows.
pub fn aggregate(lines: &[Line]) -> Vec<Line> {
    let mut lines = lines.to_vec();
    lines.sort_unstable_by_key(|line| line.item);
    lines.dedup_by(|next, kept| {
        let is_same = next.item == kept.item;
        if is_same {
            kept.quantity = kept.quantity.saturating_add(next.quantity);
        }
        is_same
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(product: u8, variant: Option<u8>) -> Item {
        let id = |number: u8| Id::of(1, [number; 10]);
        Item {
            product_id: id(product),
            variant_id: variant.map(id),
        }
    }

    fn stock(on_hand: i64, reserved: i64, reorder_point: i64) -> Stock {
        Stock {
            on_hand,
            reserved,
            reorder_point,
        }
    }

    #[test]
    fn lines_of_an_item_are_summed_and_items_sorted() {
        let line = |item, quantity| Line { item, quantity };
        let (whole, small, other) = (item(1, None), item(1, Some(7)), item(2, None));
        let lines = [
            line(other, 3),
            line(small, 1),
            line(whole, 2),
            line(small, 4),
            line(other, i64::MAX),
        ];
        let expected = [line(whole, 2), line(small, 5), line(other, i64::MAX)];
        assert_eq!(aggregate(&lines), expected);
        assert_eq!(aggregate(&[]), []);
    }

    #[test]
    fn levels_keep_their_bounds() {
        let present = stock(5, 2, 0);
        let below = Err(LevelFault::BelowReserved { reserved: 2 });
        for (delta, expected) in [
            (-3, Ok(stock(2, 2, 0))),
            (-4, below),
            (-6, below),
            (i64::MIN, below),
            (LEVEL_MAX - 5, Ok(stock(LEVEL_MAX, 2, 0))),
            (LEVEL_MAX - 4, Err(LevelFault::TooHigh)),
            (i64::MAX, Err(LevelFault::TooHigh)),
        ] {
            assert_eq!(present.adjusted(delta), expected, "{delta}");
        }
        assert_eq!(present.with_on_hand(2), Ok(stock(2, 2, 0)));
        assert_eq!(present.with_on_hand(1), below);
    }

    #[test]
    fn stock_is_low_at_its_reorder_point() {
        for (on_hand, reserved, reorder_point, is_low) in [
            (5, 0, 4, false),
            (5, 1, 4, true),
            (5, 5, 0, true),
            (0, 0, 0, true),
            (1, 0, 0, false),
        ] {
            let stock = stock(on_hand, reserved, reorder_point);
            assert_eq!(stock.is_low(), is_low, "{stock:?}");
        }
    }

    #[test]
    fn only_the_change_that_makes_it_low_is_told() {
        let item = item(1, None);
        let (plenty, low, lower) = (stock(9, 0, 3), stock(3, 0, 3), stock(1, 0, 3));
        let told = Some(LowStock { item, stock: low });
        assert_eq!(crossing(item, plenty, low), told);
        assert_eq!(crossing(item, low, lower), None);
        assert_eq!(crossing(item, lower, plenty), None);
        assert_eq!(crossing(item, plenty, plenty), None);
        let raised = stock(9, 0, 9);
        assert_eq!(
            crossing(item, plenty, raised),
            Some(LowStock {
                item,
                stock: raised
            })
        );
    }
}
