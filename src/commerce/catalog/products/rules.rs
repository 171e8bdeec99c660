//! States of products, and the model of their lists.

use crate::id::Id;

crate::choice! {
    /// Whether customers see a product.
    pub enum Status { Active = "active", Inactive = "inactive", Archived = "archived" }
}

crate::choice! {
    /// What a list is sorted by.
    pub enum Sort {
        Created = "created",
        Price = "price",
        Rating = "rating",
        Popularity = "popularity",
    }
}

crate::choice! {
    /// Which end of a sort comes first.
    pub enum Order { Ascending = "asc", Descending = "desc" }
}

impl Status {
    /// The states that may follow.
    pub fn transitions(self) -> &'static [Status] {
        match self {
            Status::Active => &[Status::Inactive, Status::Archived],
            Status::Inactive => &[Status::Active, Status::Archived],
            // What was taken out of the shop is looked at before customers see it again.
            Status::Archived => &[Status::Inactive],
        }
    }

    /// Whether a product of this state may be put into another; into its own it always may.
    pub fn may_become(self, next: Status) -> bool {
        self == next || self.transitions().contains(&next)
    }
}

impl Sort {
    /// The end that comes first where none is asked for: cheap things, else the most of it.
    pub fn usual_order(self) -> Order {
        match self {
            Sort::Price => Order::Ascending,
            Sort::Created | Sort::Rating | Sort::Popularity => Order::Descending,
        }
    }
}

/// How a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorting {
    /// By what.
    pub sort: Sort,
    /// From which end.
    pub order: Order,
}

/// Where a product stands in a sorted list. The sort by creation has the number as its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// What it is sorted by.
    pub key: i64,
    /// What comes next among equal keys: the count of products before it.
    pub number: i64,
}

impl Sorting {
    /// Whether `one` stands before `other`.
    pub fn is_before(self, one: Position, other: Position) -> bool {
        match self.order {
            Order::Ascending => one < other,
            Order::Descending => one > other,
        }
    }
}

/// Which products a list has. All conditions hold at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states.
    pub statuses: Vec<Status>,
    /// In a category or below it.
    pub category: Option<Family>,
    /// Of a vendor.
    pub vendor: Option<Id>,
    /// At least this price.
    pub price_min: Option<i64>,
    /// At most this price.
    pub price_max: Option<i64>,
    /// At least this average of ratings, in hundredths of a star.
    pub rating_min_centi: Option<i64>,
    /// With all of these values of attributes.
    pub values: Vec<Id>,
    /// Only what can be bought.
    pub stock: StockFilter,
}

/// A category with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The ids, the category's own first; no more than it takes to see that they are too many for
    /// a list each.
    pub ids: Vec<Id>,
    /// The category's path.
    pub path: String,
    /// The first text after all paths below.
    pub path_end: String,
}

/// Whether a list leaves out what is sold out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockFilter {
    /// It does not.
    Any,
    /// It does.
    Available,
    /// It has only that.
    SoldOut,
}

impl Filter {
    /// All products that customers see.
    pub fn of_shop() -> Filter {
        Filter {
            statuses: vec![Status::Active],
            category: None,
            vendor: None,
            price_min: None,
            price_max: None,
            rating_min_centi: None,
            values: Vec::new(),
            stock: StockFilter::Any,
        }
    }

    /// Whether states and categories alone decide, which are counted as products change.
    pub fn is_counted(&self) -> bool {
        self.vendor.is_none()
            && self.price_min.is_none()
            && self.price_max.is_none()
            && self.rating_min_centi.is_none()
            && self.values.is_empty()
            && self.stock == StockFilter::Any
    }

    /// The keys that a list of this sort can have.
    pub fn keys(&self, sort: Sort) -> (i64, i64) {
        match sort {
            Sort::Price => (
                self.price_min.unwrap_or(0),
                self.price_max.unwrap_or(i64::MAX),
            ),
            Sort::Rating => (self.rating_min_centi.unwrap_or(0), i64::MAX),
            Sort::Created | Sort::Popularity => (i64::MIN, i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_archived_comes_back_inactive() {
        for (from, to, expected) in [
            (Status::Active, Status::Inactive, true),
            (Status::Active, Status::Archived, true),
            (Status::Inactive, Status::Active, true),
            (Status::Archived, Status::Inactive, true),
            (Status::Archived, Status::Active, false),
            (Status::Archived, Status::Archived, true),
        ] {
            assert_eq!(from.may_become(to), expected, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn positions_follow_the_order() {
        let (low, high) = (
            Position { key: 1, number: 9 },
            Position { key: 2, number: 1 },
        );
        let sorting = |order| Sorting {
            sort: Sort::Price,
            order,
        };
        assert!(sorting(Order::Ascending).is_before(low, high));
        assert!(sorting(Order::Descending).is_before(high, low));
        let tie = Position { key: 1, number: 10 };
        assert!(sorting(Order::Ascending).is_before(low, tie));
        assert!(sorting(Order::Descending).is_before(tie, low));
    }
}
