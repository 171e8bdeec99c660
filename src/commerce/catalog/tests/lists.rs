//! Lists of products against a plain filter and sort, while products are added.

use proptest::prelude::*;

use crate::commerce::catalog::attributes::rules::Kind;
use crate::commerce::catalog::attributes::sql as attributes;
use crate::commerce::catalog::categories::change as tree;
use crate::commerce::catalog::categories::sql as categories;
use crate::commerce::catalog::products::listing::Bounds;
use crate::commerce::catalog::products::rules::{
    Filter, Order, Position, Sort, Sorting, Status, StockFilter,
};
use crate::commerce::catalog::products::sql::Product;
use crate::commerce::catalog::products::{asked, listing};
use crate::commerce::catalog::scene::{Scene, id, product};
use crate::id::Id;

/// A product as the oracle knows it.
#[derive(Clone, Debug)]
struct Known {
    product: Product,
    values: Vec<Id>,
    on_hand: i64,
}

/// Three categories (a root, one below it, another root) and two values of an attribute.
fn shop() -> (Scene, [Id; 3], [Id; 2]) {
    let scene = Scene::new();
    let made = scene.write(|tx| {
        let new = |name: &str, parent: Option<Id>| {
            let parent = parent
                .map(|id| format!(r#","parent_id":"{id}""#))
                .unwrap_or_default();
            let text = format!(r#"{{"name":"{name}"{parent}}}"#);
            crate::json::read_body(&mut text.into_bytes()).unwrap()
        };
        let root = tree::create(tx, new("Root", None))?.id;
        let below = tree::create(tx, new("Below", Some(root)))?.id;
        let other = tree::create(tx, new("Other", None))?.id;
        let attribute = attributes::Attribute {
            id: id(900),
            version: 1,
            name: "Colour".to_owned(),
            kind: Kind::Text,
            created_at: 0,
            updated_at: 0,
        };
        attributes::insert(tx, &attribute)?;
        for number in [901, 902] {
            let value = attributes::AttributeValue {
                id: id(number),
                value: number.to_string(),
                sort_order: 0,
            };
            attributes::insert_value(tx, attribute.id, &value)?;
        }
        Ok::<_, tree::ChangeFault>([root, below, other])
    });
    (scene, made.unwrap(), [id(901), id(902)])
}

fn known(
    number: u64,
    (place, price, rating, traits): (usize, i64, i64, u8),
    categories: &[Id; 3],
    values: &[Id; 2],
) -> Known {
    let mut product = product(number);
    product.category_id = categories.get(place).copied();
    product.price_amount = price;
    product.rating_average_centi = rating * 100;
    product.popularity = i64::from(traits % 3);
    product.vendor_id = (traits % 4 == 0).then(|| id(800));
    product.status = if traits % 7 == 6 {
        Status::Inactive
    } else {
        Status::Active
    };
    let values = values.iter().enumerate();
    let values = values
        .filter(|(index, _)| traits >> index & 1 == 1)
        .map(|(_, value)| *value);
    Known {
        values: values.collect(),
        on_hand: i64::from(traits % 5 != 0),
        product,
    }
}

fn meets(known: &Known, filter: &Filter) -> bool {
    let product = &known.product;
    let in_family = |family: &crate::commerce::catalog::products::rules::Family| {
        product
            .category_id
            .is_some_and(|id| family.ids.contains(&id))
    };
    filter.statuses.contains(&product.status)
        && filter.category.as_ref().is_none_or(in_family)
        && filter
            .vendor
            .is_none_or(|vendor| product.vendor_id == Some(vendor))
        && filter
            .price_min
            .is_none_or(|price| product.price_amount >= price)
        && filter
            .price_max
            .is_none_or(|price| product.price_amount <= price)
        && filter
            .rating_min_centi
            .is_none_or(|low| product.rating_average_centi >= low)
        && filter
            .values
            .iter()
            .all(|value| known.values.contains(value))
        && match filter.stock {
            StockFilter::Any => true,
            StockFilter::Available => known.on_hand > 0,
            StockFilter::SoldOut => known.on_hand == 0,
        }
}

fn position(number: i64, product: &Product, sort: Sort) -> Position {
    let key = match sort {
        Sort::Created => number,
        Sort::Price => product.price_amount,
        Sort::Rating => product.rating_average_centi,
        Sort::Popularity => product.popularity,
    };
    Position { key, number }
}

fn any_filter() -> impl Strategy<Value = (u8, usize, [bool; 5], i64, u8)> {
    (0..3_u8, 0..5_usize, any::<[bool; 5]>(), 0..8_i64, 0..3_u8)
}

fn filter_of(
    scene: &Scene,
    (statuses, place, conditions, low, stock): (u8, usize, [bool; 5], i64, u8),
    categories: &[Id; 3],
    values: &[Id; 2],
) -> Filter {
    let [vendor, price_min, price_max, rating, value] = conditions;
    let category = categories.get(place);
    Filter {
        statuses: match statuses {
            0 => vec![Status::Active],
            1 => vec![Status::Inactive],
            _ => Status::ALL.to_vec(),
        },
        category: category.map(|id| scene.read(|view| asked::family(view, *id)).unwrap()),
        vendor: vendor.then(|| id(800)),
        price_min: price_min.then_some(low),
        price_max: price_max.then_some(low + 4),
        rating_min_centi: rating.then_some(300),
        values: if value { vec![values[0]] } else { Vec::new() },
        stock: match stock {
            0 => StockFilter::Any,
            1 => StockFilter::Available,
            _ => StockFilter::SoldOut,
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Every product that was there at the beginning and meets the filter is shown once and in
    /// its place, by every sort, though others are added before each page; those may be shown or
    /// not.
    #[test]
    fn pages_show_everything_once_while_products_are_added(
        traits in prop::collection::vec((0..4_usize, 0..12_i64, 0..6_i64, any::<u8>()), 1..60),
        added in prop::collection::vec((0..4_usize, 0..12_i64, 0..6_i64, any::<u8>()), 8),
        filters in prop::collection::vec(any_filter(), 3),
        count in 1..9_usize,
        (rows_walked_max, set_rows_max, category_lanes_max) in (
            1..30_i64,
            prop::sample::select(vec![0, 5, 2000]),
            prop::sample::select(vec![0, 1, 32]),
        ),
    ) {
        let bounds = Bounds { rows_walked_max, set_rows_max, category_lanes_max };
        let (scene, categories, values) = shop();
        let all: Vec<Known> = traits.into_iter().zip(1..)
            .map(|(traits, number)| known(number, traits, &categories, &values)).collect();
        let row = |known: &Known| {
            (known.product.clone(), known.values.clone(), known.on_hand)
        };
        scene.add(all.iter().map(row).collect());
        let mut added = added.into_iter().zip(1000..).collect::<Vec<_>>();
        for asked in filters {
            let filter = filter_of(&scene, asked, &categories, &values);
            for (sort, order) in Sort::ALL.iter().flat_map(|sort| {
                Order::ALL.iter().map(move |order| (*sort, *order))
            }) {
                let sorting = Sorting { sort, order };
                let mut expected: Vec<Position> = all.iter().zip(1..)
                    .filter(|(known, _)| meets(known, &filter))
                    .map(|(known, number)| position(number, &known.product, sort)).collect();
                expected.sort();
                if order == Order::Descending {
                    expected.reverse();
                }
                let (mut shown, mut after) = (Vec::new(), None);
                loop {
                    let page = scene.read(|view| {
                        listing::page_within(view, &filter, sorting, after, count, bounds)
                    });
                    prop_assert!(page.found.len() <= count);
                    shown.extend(page.found);
                    let Some(next) = page.next else { break };
                    after = Some(next);
                    if let Some((traits, number)) = added.pop() {
                        scene.add(vec![row(&known(number, traits, &categories, &values))]);
                    }
                }
                prop_assert!(shown.is_sorted_by(|one, other| sorting.is_before(*one, *other)));
                shown.retain(|position| position.number <= all.len() as i64);
                prop_assert_eq!(&shown, &expected, "{:?} {:?}", sorting, filter);
                if filter.is_counted() && added.len() == 8 {
                    let counted = scene.read(|view| listing::counted(view, &filter));
                    prop_assert_eq!(counted, expected.len() as u64);
                }
                if added.len() == 8 {
                    let counted = scene.read(|view| listing::count_all(view, &filter));
                    prop_assert_eq!(counted, expected.len() as u64);
                }
            }
        }
    }
}

#[test]
fn a_walk_that_finds_little_gives_up_and_goes_on() {
    let scene = Scene::new();
    let count = 3 * Bounds::USUAL.rows_walked_max as u64;
    // Ratings are met by too many to collect them; stock is met by the last alone.
    let products = (1..=count).map(|number| (product(number), Vec::new(), i64::from(number == 1)));
    scene.add(products.collect());
    let filter = Filter {
        stock: StockFilter::Available,
        ..Filter::of_shop()
    };
    let sorting = Sorting {
        sort: Sort::Created,
        order: Order::Descending,
    };
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let page = scene.read(|view| listing::page(view, &filter, sorting, after, 20));
        pages.push(page.found.len());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages.iter().sum::<usize>(), 1);
    assert!((3..=4).contains(&pages.len()), "{pages:?}");
}

#[test]
fn a_category_with_hundreds_below_it_is_listed_whole() {
    let (scene, [root, below, other], _) = shop();
    let made = scene.write(move |tx| {
        let child = |number: u64| {
            let text = format!(r#"{{"name":"Child {number}","parent_id":"{root}"}}"#);
            crate::json::read_body(&mut text.into_bytes()).unwrap()
        };
        let made = (0..300).map(|number| tree::create(tx, child(number)).map(|made| made.id));
        made.collect::<Result<Vec<Id>, _>>()
    });
    let places = [made.unwrap(), vec![below, other]].concat();
    let products = (1..=1000_u64).map(|number| {
        let mut product = product(number);
        product.category_id = Some(places[number as usize % places.len()]);
        product.price_amount = (number % 17) as i64;
        (product, Vec::new(), i64::from(number % 3 == 0))
    });
    let products: Vec<_> = products.collect();
    let of_other = |product: &Product| product.category_id == Some(other);
    let family = scene.read(|view| asked::family(view, root)).unwrap();
    assert!(family.ids.len() > Bounds::USUAL.category_lanes_max && family.ids.len() < 100);
    for stock in [StockFilter::Any, StockFilter::Available] {
        let filter = Filter {
            category: Some(family.clone()),
            stock,
            ..Filter::of_shop()
        };
        if stock == StockFilter::Any {
            scene.add(products.clone());
        }
        let expected = products.iter().filter(|(product, _, on_hand)| {
            !of_other(product) && (stock == StockFilter::Any || *on_hand > 0)
        });
        for sort in Sort::ALL {
            let sorting = Sorting {
                sort: *sort,
                order: Order::Ascending,
            };
            let (mut shown, mut after) = (Vec::new(), None);
            loop {
                let page = scene.read(|view| listing::page(view, &filter, sorting, after, 90));
                shown.extend(page.found);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert!(shown.is_sorted_by(|one, next| sorting.is_before(*one, *next)));
            assert_eq!(shown.len(), expected.clone().count(), "{sort:?} {stock:?}");
        }
    }
}

#[test]
fn counts_follow_every_change() {
    let (scene, [root, below, other], _) = shop();
    let filter = |category: Id| Filter {
        category: scene.read(|view| asked::family(view, category)),
        ..Filter::of_shop()
    };
    let count = |category: Id| {
        let filter = filter(category);
        scene.read(|view| listing::counted(view, &filter))
    };
    let mut one = product(1);
    one.category_id = Some(below);
    scene.add(vec![(one.clone(), Vec::new(), 0)]);
    assert_eq!([count(root), count(below), count(other)], [1, 1, 0]);
    let moved = scene.write(move |tx| {
        use crate::commerce::catalog::products::sql;
        let before = sql::read(tx, one.id)?.unwrap();
        let after = Product {
            category_id: Some(other),
            ..before.clone()
        };
        sql::update(tx, &before, &after, None)?;
        Ok::<_, crate::store::SqlFault>(after)
    });
    assert_eq!([count(root), count(below), count(other)], [0, 0, 1]);
    let moved = moved.unwrap();
    let deleted =
        scene.write(move |tx| crate::commerce::catalog::products::sql::delete(tx, &moved));
    deleted.unwrap();
    assert_eq!([count(root), count(below), count(other)], [0, 0, 0]);
    assert!(scene.read(|view| categories::is_empty(view, other)));
}
