//! Counts and their history in a store on disk.

use super::rules::{Item, LEVEL_MAX, LevelFault, Stock};
use super::scene::Scene;
use super::sql::*;
use crate::id::Id;
use crate::store::{Constraint, SqlFault, Topic};

fn by(reason: &str, actor: Option<Id>) -> Cause<'_> {
    Cause { reason, actor }
}

fn counted(scene: &Scene, item: Item) -> Counted {
    scene.read(|view| read(view, item)).unwrap()
}

fn whole(scene: &Scene) -> HistoryFilter {
    // The newest rows are of this moment.
    let to_ms = scene.write(|tx| Ok::<_, SqlFault>(tx.now_ms()));
    HistoryFilter {
        product_id: None,
        variant_id: None,
        from_ms: 0,
        to_ms,
    }
}

#[test]
fn an_item_is_counted_once() {
    let scene = Scene::new(1);
    let shirt = scene.product(3);
    let small = scene.variant(shirt, 0);
    for item in [shirt, small] {
        let again = scene.try_write(move |tx| {
            open(
                tx,
                item,
                super::sql::Opening {
                    on_hand: 1,
                    actor: None,
                },
            )
        });
        assert!(
            matches!(
                again,
                Err(SqlFault::Constraint {
                    kind: Constraint::Unique,
                    ..
                })
            ),
            "{again:?}"
        );
    }
    let nothing = Item {
        product_id: Id::fresh(),
        variant_id: None,
    };
    let of_nothing = scene.try_write(move |tx| {
        open(
            tx,
            nothing,
            super::sql::Opening {
                on_hand: 1,
                actor: None,
            },
        )
    });
    assert!(
        matches!(
            of_nothing,
            Err(SqlFault::Constraint {
                kind: Constraint::ForeignKey,
                ..
            })
        ),
        "{of_nothing:?}"
    );
    assert_eq!(scene.read(|view| read(view, nothing)), None);
    assert_eq!(
        scene.read(|view| of_product(view, shirt.product_id)),
        Levels {
            on_hand: 3,
            available: 3
        }
    );
}

#[test]
fn the_stock_of_a_product_is_that_of_its_variants() {
    let scene = Scene::new(1);
    let shirt = scene.product(1);
    let small = scene.variant(shirt, 20);
    scene.variant(shirt, 300);
    let levels = |on_hand, available| Levels { on_hand, available };
    let product_id = shirt.product_id;
    assert_eq!(
        scene.read(|view| of_product(view, product_id)),
        levels(321, 321)
    );
    let small_id = small.variant_id.unwrap();
    let of_small = || scene.read(|view| of_variant(view, product_id, small_id));
    assert_eq!(of_small(), levels(20, 20));
    scene.write(move |tx| close_variant(tx, product_id, small_id));
    assert_eq!(of_small(), levels(0, 0));
    assert_eq!(
        scene.read(|view| of_product(view, product_id)),
        levels(301, 301)
    );
    scene.write(move |tx| close_product(tx, product_id));
    assert_eq!(
        scene.read(|view| of_product(view, product_id)),
        levels(0, 0)
    );
    let gone = scene.try_write(move |tx| adjust(tx, shirt, 1, by("found", None)));
    assert_eq!(gone, Err(ChangeFault::Unknown));
}

#[test]
fn a_level_is_adjusted_within_its_bounds() {
    let scene = Scene::new(1);
    let item = scene.product(5);
    let actor = Some(Id::fresh());
    let adjust_by = |delta| scene.try_write(move |tx| adjust(tx, item, delta, by("broken", actor)));
    let changed = adjust_by(-2).unwrap();
    assert_eq!(
        (changed.before.stock.on_hand, changed.after.stock.on_hand),
        (5, 3)
    );
    assert_eq!((changed.after.version, changed.low), (2, None));
    assert_eq!(counted(&scene, item), changed.after);
    for (delta, fault) in [
        (-4, LevelFault::BelowReserved { reserved: 0 }),
        (LEVEL_MAX, LevelFault::TooHigh),
    ] {
        assert_eq!(adjust_by(delta), Err(ChangeFault::Level(fault)));
    }
    assert_eq!(
        counted(&scene, item),
        changed.after,
        "nothing more was changed"
    );
    let low = adjust_by(-3).unwrap().low.unwrap();
    assert_eq!((low.item, low.stock.on_hand), (item, 0));
    let rows = scene.read(|view| history(view, &whole(&scene), None, 0, 10));
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.delta, row.on_hand_after, &*row.reason, row.actor))
        .collect();
    let expected = [
        (-3, 0, "broken", actor),
        (-2, 3, "broken", actor),
        (5, 5, REASON_OPENED, None),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn setting_a_level_keeps_what_is_not_given() {
    let scene = Scene::new(1);
    let item = scene.product(5);
    let set_to = |on_hand, reorder_point, expected: i64| {
        scene.try_write(move |tx| {
            let is_met = move |version| version == expected;
            set(
                tx,
                item,
                on_hand,
                reorder_point,
                is_met,
                by("counted", None),
            )
        })
    };
    let stock = |on_hand, reorder_point| Stock {
        on_hand,
        reserved: 0,
        reorder_point,
    };
    let changed = set_to(Some(9), None, 1).unwrap();
    assert_eq!(
        (changed.after.stock, changed.after.version),
        (stock(9, 0), 2)
    );
    assert_eq!(
        set_to(Some(7), None, 1),
        Err(ChangeFault::Stale { version: 2 })
    );
    let changed = set_to(None, Some(9), 2).unwrap();
    assert_eq!(
        (changed.after.stock, changed.after.version),
        (stock(9, 9), 3)
    );
    assert!(changed.low.is_some(), "the reorder point was raised to it");
    let same = set_to(Some(9), Some(9), 3).unwrap();
    assert_eq!((same.after, same.low), (changed.after, None));
    // A reorder point is no part of what history tells.
    let filter = whole(&scene);
    assert_eq!(scene.read(|view| count_history(view, &filter)), 2);
}

#[test]
fn a_change_moves_the_generation_of_its_product_and_of_lists() {
    let scene = Scene::new(1);
    let (item, other) = (scene.product(5), scene.product(5));
    let generations = || {
        let of = |item: Item| Topic::of(item.product_id.as_bytes());
        [of(item), of(other), Topic::CATALOG].map(|topic| scene.store.generation(topic))
    };
    let before = generations();
    scene.write(move |tx| adjust(tx, item, 1, by("found", None)));
    let after = generations();
    assert!(after[0] > before[0] && after[1] == before[1] && after[2] > before[2]);
    scene.write(move |tx| set(tx, item, Some(6), None, |_| true, by("counted", None)));
    assert_eq!(generations(), after, "nothing changed");
}

#[test]
fn lists_go_on_where_a_page_ends() {
    let scene = Scene::new(1);
    let mut items = Vec::new();
    for number in 0..4 {
        let product = scene.product(number);
        items.extend([
            product,
            scene.variant(product, 1),
            scene.variant(product, 0),
        ]);
    }
    items.sort_unstable();
    for which in [Which::All, Which::Product(items[3].product_id)] {
        let expected: Vec<Item> = match which {
            Which::All => items.clone(),
            Which::Product(_) => items[3..6].to_vec(),
        };
        let mut seen: Vec<Item> = Vec::new();
        loop {
            let after = seen.last().copied();
            let page = scene.read(|view| list(view, which, after, 0, 2));
            seen.extend(page.iter().map(|counted| counted.item));
            if page.len() < 2 {
                break;
            }
        }
        assert_eq!(seen, expected, "{which:?}");
        assert_eq!(scene.read(|view| count(view, which)), expected.len() as u64);
        let skipped = scene.read(|view| list(view, which, None, 1, 2));
        assert_eq!(skipped[0].item, expected[1]);
    }
}

#[test]
fn the_low_list_has_what_lacks_most_first() {
    let scene = Scene::new(1);
    let mut expected = Vec::new();
    for (on_hand, reorder_point) in [(5, 4), (5, 5), (2, 9), (0, 0), (3, 9), (9, 0), (2, 9)] {
        let item = scene.product(on_hand);
        scene.write(move |tx| set(tx, item, None, Some(reorder_point), |_| true, by("", None)));
        let id = counted(&scene, item).id;
        expected.push((on_hand - reorder_point, id));
    }
    let closed = scene.product(0);
    scene.write(move |tx| close_product(tx, closed.product_id));
    expected.retain(|(margin, _)| *margin <= 0);
    expected.sort_unstable();
    assert_eq!(expected.len(), 5);
    let mut seen: Vec<(i64, Id)> = Vec::new();
    loop {
        let after = seen.last().copied();
        let page = scene.read(|view| list_low(view, after, 0, 2));
        seen.extend(page.iter().map(|low| (low.stock.margin(), low.id)));
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(scene.read(count_low), 5);
}

#[test]
fn history_is_filtered_and_goes_on_where_a_page_ends() {
    let scene = Scene::new(1);
    let shirt = scene.product(1);
    let small = scene.variant(shirt, 2);
    let hat = scene.product(3);
    for delta in 1..=4 {
        for item in [shirt, small, hat] {
            scene.write(move |tx| adjust(tx, item, delta, by("found", None)));
        }
    }
    let all = whole(&scene);
    let of = |product: Option<Item>, variant: Option<Item>| HistoryFilter {
        product_id: product.map(|item| item.product_id),
        variant_id: variant.and_then(|item| item.variant_id),
        ..all
    };
    for (filter, expected) in [
        (of(None, None), 15),
        (of(Some(shirt), None), 10),
        (of(Some(hat), None), 5),
        (of(Some(shirt), Some(small)), 5),
        (of(None, Some(small)), 5),
        (of(Some(hat), Some(small)), 0),
        (HistoryFilter { to_ms: 0, ..all }, 0),
        (
            HistoryFilter {
                from_ms: all.to_ms + 1,
                to_ms: i64::MAX,
                ..all
            },
            0,
        ),
    ] {
        let mut seen: Vec<Entry> = Vec::new();
        loop {
            let after = seen.last().map(|entry| (entry.created_at, entry.id));
            let page = scene.read(|view| history(view, &filter, after, 0, 4));
            let is_last = page.len() < 4;
            seen.extend(page);
            if is_last {
                break;
            }
        }
        assert_eq!(seen.len(), expected, "{filter:?}");
        let keys: Vec<_> = seen.iter().map(|row| (row.created_at, row.id)).collect();
        assert!(keys.is_sorted_by(|one, next| one > next));
        let counted = scene.read(|view| count_history(view, &filter));
        assert_eq!(counted, expected as u64);
        let is_asked = |row: &Entry| {
            let matches = |asked: Option<Id>, found| asked.is_none() || asked == found;
            matches(filter.product_id, Some(row.item.product_id))
                && matches(filter.variant_id, row.item.variant_id)
        };
        assert!(seen.iter().all(is_asked));
    }
}
