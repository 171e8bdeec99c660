//! What the n-th category, attribute and product of the demo are: always the same.

use crate::commerce::catalog::attributes::rules::Kind;
use crate::commerce::catalog::attributes::sql::{Attribute, AttributeValue};
use crate::commerce::catalog::categories::rules::Path;
use crate::commerce::catalog::categories::sql::Category;
use crate::commerce::catalog::products::rules::Status;
use crate::commerce::catalog::products::sql::Product;
use crate::commerce::catalog::slug;
use crate::commerce::catalog::variants::sql::Variant;
use crate::id::Id;

use super::chance::Chance;
use super::words::{ATTRIBUTES, DEPARTMENTS, QUALITIES, SENTENCES, SIZES};

/// What all products of the demo draw on.
pub struct Frame {
    /// Each before those below it.
    pub categories: Vec<Category>,
    /// With their values.
    pub attributes: Vec<(Attribute, Vec<AttributeValue>)>,
}

/// A product of the demo with what belongs to it.
pub struct Made {
    /// The product.
    pub product: Product,
    /// The values of attributes that it has.
    pub values: Vec<Id>,
    /// How many there are of the product itself.
    pub on_hand: i64,
    /// Its variants, and how many there are of each.
    pub variants: Vec<(Variant, i64)>,
}

impl Frame {
    /// The demo's categories and attributes.
    pub fn new() -> Frame {
        let mut categories = Vec::new();
        for (index, department) in DEPARTMENTS.iter().enumerate() {
            let root = category(categories.len(), None, department.name, index);
            categories.push(root.clone());
            for (index, below) in department.categories.iter().enumerate() {
                categories.push(category(categories.len(), Some(&root), below.name, index));
            }
        }
        let attributes = ATTRIBUTES.iter().enumerate();
        Frame {
            categories,
            attributes: attributes
                .map(|(index, row)| attribute(index, row))
                .collect(),
        }
    }

    /// The product of a number, from 0.
    pub fn product(&self, number: u64) -> Made {
        let mut chance = Chance::of(KIND_PRODUCT, number);
        let created_at = BEGINNING_MS + number as i64 * BETWEEN_MS;
        let id = Id::of(created_at as u64, chance.bytes());
        let department = chance.below(DEPARTMENTS.len() as u64) as usize;
        let below = chance.below(4) as usize;
        let thing = chance.pick(DEPARTMENTS[department].categories[below].things);
        let name = format!("{} {thing}", chance.pick(&QUALITIES));
        let popularity = popularity(&mut chance);
        let rating_count = (popularity / 40).min(5000);
        let rating = 250 + chance.below(251) as i64;
        let slug = slug::of_name(&name).map(|slug| format!("{}-{number}", &*slug));
        let product = Product {
            number: 0,
            id,
            version: 1,
            status: match chance.below(50) {
                0 => Status::Inactive,
                1 => Status::Archived,
                _ => Status::Active,
            },
            category_id: Some(self.categories[department * 5 + 1 + below].id),
            vendor_id: None,
            price_amount: price(&mut chance),
            currency: "EUR".to_owned(),
            rating_average_centi: if rating_count == 0 { 0 } else { rating },
            rating_count,
            popularity,
            created_at,
            updated_at: created_at,
            slug: slug.unwrap_or_else(|| id.to_string()),
            sku: format!("DEMO-{number:07}"),
            description: description(&mut chance, thing),
            specifications: specifications(&mut chance),
            images: "[]".to_owned(),
            name,
        };
        let values = self.values(&mut chance);
        let variants = variants(&mut chance, &product);
        let on_hand = stock(&mut chance) * i64::from(variants.is_empty());
        Made {
            product,
            values,
            on_hand,
            variants,
        }
    }

    /// One value of each of three attributes, in the order of their ids.
    fn values(&self, chance: &mut Chance) -> Vec<Id> {
        let left_out = chance.below(self.attributes.len() as u64) as usize;
        let mut values: Vec<Id> = Vec::new();
        for (index, (_, of_attribute)) in self.attributes.iter().enumerate() {
            let value = &of_attribute[chance.below(of_attribute.len() as u64) as usize];
            if index != left_out {
                values.push(value.id);
            }
        }
        values.sort_unstable();
        values
    }
}

impl Default for Frame {
    fn default() -> Frame {
        Frame::new()
    }
}

fn category(number: usize, parent: Option<&Category>, name: &str, sort_order: usize) -> Category {
    let mut chance = Chance::of(KIND_CATEGORY, number as u64);
    let slug = slug::of_name(name)
        .expect("the demo's names have letters")
        .into_string();
    Category {
        id: Id::of(BEGINNING_MS as u64, chance.bytes()),
        version: 1,
        parent_id: parent.map(|parent| parent.id),
        name: name.to_owned(),
        path: Path::below(parent.map(|parent| &parent.path), &slug),
        slug,
        description: format!("{name} of all kinds."),
        image: None,
        sort_order: sort_order as i64,
        created_at: BEGINNING_MS,
        updated_at: BEGINNING_MS,
    }
}

fn attribute(
    index: usize,
    (name, kind, values): &(&str, &str, &[&str]),
) -> (Attribute, Vec<AttributeValue>) {
    let mut chance = Chance::of(KIND_ATTRIBUTE, index as u64);
    let mut id = || Id::of(BEGINNING_MS as u64, chance.bytes());
    let attribute = Attribute {
        id: id(),
        version: 1,
        name: (*name).to_owned(),
        kind: Kind::parse(kind).expect("the demo's kinds are kinds"),
        created_at: BEGINNING_MS,
        updated_at: BEGINNING_MS,
    };
    let values = values
        .iter()
        .enumerate()
        .map(|(position, value)| AttributeValue {
            id: id(),
            value: (*value).to_owned(),
            sort_order: position as i64,
        });
    (attribute, values.collect())
}

/// Few things are wanted often, and most now and then.
fn popularity(chance: &mut Chance) -> i64 {
    (100_000 / (1 + chance.below(2000))) as i64
}

/// 0.95 to 999.95, cheap things more often than dear ones.
fn price(chance: &mut Chance) -> i64 {
    let highest = [20, 50, 100, 250, 1000][chance.below(5) as usize];
    (1 + chance.below(highest)) as i64 * 100 - 5
}

/// One in ten is sold out.
fn stock(chance: &mut Chance) -> i64 {
    match chance.below(10) {
        0 => 0,
        _ => chance.below(200) as i64 + 1,
    }
}

fn description(chance: &mut Chance, thing: &str) -> String {
    let thing = thing.to_lowercase();
    let sentences = (0..3).map(|_| chance.pick(&SENTENCES).replace("{}", &thing));
    sentences.collect::<Vec<_>>().join(" ")
}

fn specifications(chance: &mut Chance) -> String {
    let (weight, width) = (50 + chance.below(4000), 5 + chance.below(150));
    format!(r#"{{"weight_g":{weight},"width_cm":{width}}}"#)
}

/// Three in ten products come in two to five sizes.
fn variants(chance: &mut Chance, product: &Product) -> Vec<(Variant, i64)> {
    let count = match chance.below(10) {
        0..3 => 2 + chance.below(4) as usize,
        _ => 0,
    };
    let mut made = Vec::with_capacity(count);
    for size in &SIZES[..count] {
        let variant = Variant {
            id: Id::of(product.created_at as u64, chance.bytes()),
            version: 1,
            product_id: product.id,
            sku: format!("{}-{size}", product.sku),
            options: format!(r#"{{"size":"{size}"}}"#),
            price_amount: (*size == "XL").then_some(product.price_amount + 200),
            created_at: product.created_at,
            updated_at: product.created_at,
        };
        made.push((variant, stock(chance)));
    }
    made
}

const KIND_PRODUCT: u64 = 1;
const KIND_CATEGORY: u64 = 2;
const KIND_ATTRIBUTE: u64 = 3;
/// 2025-01-01: the demo's shop opened then.
const BEGINNING_MS: i64 = 1_735_689_600_000;
/// Between two products.
const BETWEEN_MS: i64 = 30_000;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_frame_has_fifty_categories_whose_paths_are_their_places() {
        let frame = Frame::new();
        assert_eq!(frame.categories.len(), 50);
        let slugs: HashSet<&str> = frame
            .categories
            .iter()
            .map(|category| &*category.slug)
            .collect();
        assert_eq!(slugs.len(), 50, "slugs are unlike each other");
        for category in &frame.categories {
            let parent = frame
                .categories
                .iter()
                .find(|other| Some(other.id) == category.parent_id);
            let expected = Path::below(parent.map(|parent| &parent.path), &category.slug);
            assert_eq!(category.path, expected);
        }
    }

    #[test]
    fn products_repeat_and_are_unlike_each_other() {
        let frame = Frame::new();
        let mut ids = HashSet::new();
        let mut in_categories = HashSet::new();
        for number in 0..2000 {
            let made = frame.product(number);
            let again = Frame::new().product(number);
            assert_eq!(made.product, again.product);
            assert_eq!(made.values, again.values);
            assert!(ids.insert(made.product.id) && ids.insert(Id::of(number, [0; 10])));
            in_categories.insert(made.product.category_id);
            for (variant, _) in made.variants {
                assert!(ids.insert(variant.id));
            }
        }
        assert_eq!(
            in_categories.len(),
            40,
            "every category below a department has products"
        );
    }
}
