//! Search on a real index.

use crate::commerce::catalog::products::rules::Filter;
use crate::commerce::catalog::products::sql::{self as products, Product};
use crate::commerce::catalog::scene::{Scene, id, product};
use crate::commerce::catalog::search::rules::expression;
use crate::commerce::catalog::search::sql::{RANKED_MAX, ceiling, ranked};
use crate::store::SqlFault;

fn named(number: u64, name: &str, description: &str) -> Product {
    Product {
        name: name.to_owned(),
        description: description.to_owned(),
        ..product(number)
    }
}

/// The numbers of what is found, best first.
fn found(scene: &Scene, text: &str, filter: &Filter) -> Vec<i64> {
    let expression = expression(text, filter).unwrap();
    let rest = Filter {
        vendor: None,
        values: Vec::new(),
        ..filter.clone()
    };
    let ranked = scene.read(|view| ranked(view, &expression, &rest, ceiling(view)?));
    ranked.into_iter().map(|found| found.number).collect()
}

#[test]
fn words_and_their_beginnings_are_found_and_names_come_first() {
    let scene = Scene::new();
    scene.add(vec![
        (named(1, "Desk", "Goes with a blue lamp."), Vec::new(), 0),
        (named(2, "Blue Lamp", "Shines."), Vec::new(), 0),
        (named(3, "Crème brûlée dish", ""), Vec::new(), 0),
    ]);
    let shop = Filter::of_shop();
    assert_eq!(found(&scene, "blue lamp", &shop), [2, 1]);
    assert_eq!(found(&scene, "LAM blu", &shop), [2, 1]);
    assert_eq!(found(&scene, "creme", &shop), [3]);
    assert_eq!(found(&scene, "sku-2", &shop), [2]);
    assert_eq!(found(&scene, "lamps", &shop), [0; 0]);
    assert_eq!(found(&scene, "blue desk", &shop), [1]);
}

#[test]
fn no_text_breaks_the_index() {
    let scene = Scene::new();
    scene.add(vec![(named(1, "Desk", ""), Vec::new(), 0)]);
    for text in [
        "\"",
        "a\"b",
        "* OR *",
        "NEAR(",
        "name:desk",
        "{x}:",
        "a AND",
        "\0a",
        "ﬀ",
        "²",
        "한글",
    ] {
        if let Ok(expression) = expression(text, &Filter::of_shop()) {
            scene.read(|view| ranked(view, &expression, &Filter::of_shop(), 9));
        }
    }
}

#[test]
fn facets_and_other_conditions_hold() {
    let scene = Scene::new();
    let mut own = named(1, "Lamp", "");
    own.vendor_id = Some(id(800));
    own.price_amount = 500;
    scene.add(vec![
        (own, Vec::new(), 0),
        (named(2, "Lamp", ""), Vec::new(), 0),
    ]);
    let shop = Filter::of_shop();
    assert_eq!(found(&scene, "lamp", &shop), [2, 1]);
    let of_vendor = Filter {
        vendor: Some(id(800)),
        ..shop.clone()
    };
    assert_eq!(found(&scene, "lamp", &of_vendor), [1]);
    let cheap = Filter {
        price_max: Some(100),
        ..shop.clone()
    };
    assert_eq!(found(&scene, "lamp", &cheap), [2]);
    assert_eq!(
        found(&scene, "sactive", &shop),
        [0; 0],
        "facets are no words"
    );
}

#[test]
fn the_index_follows_changes() {
    let scene = Scene::new();
    scene.add(vec![(named(1, "Lamp", ""), Vec::new(), 0)]);
    let shop = Filter::of_shop();
    let changed = scene.write(|tx| {
        let before = products::read(tx, id(1))?.unwrap();
        let after = Product {
            name: "Chair".to_owned(),
            ..before.clone()
        };
        products::update(tx, &before, &after, None)?;
        Ok::<_, SqlFault>(())
    });
    changed.unwrap();
    assert_eq!(found(&scene, "lamp", &shop), [0; 0]);
    assert_eq!(found(&scene, "chair", &shop), [1]);
    let deleted = scene.write(|tx| {
        let product = products::read(tx, id(1))?.unwrap();
        products::delete(tx, &product)
    });
    deleted.unwrap();
    assert_eq!(found(&scene, "chair", &shop), [0; 0]);
}

#[test]
fn of_a_common_word_those_who_have_it_in_their_names_are_ranked() {
    let scene = Scene::new();
    let many = RANKED_MAX as u64 + 50;
    let first = (named(1, "Common Thing", ""), Vec::new(), 0);
    let others = (2..=many).map(|number| (named(number, "Thing", "common"), Vec::new(), 0));
    scene.add(std::iter::once(first).chain(others).collect());
    let numbers = found(&scene, "common", &Filter::of_shop());
    assert_eq!((numbers.len(), numbers[0]), (RANKED_MAX, 1));
}
