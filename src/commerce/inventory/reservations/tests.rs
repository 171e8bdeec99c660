//! Reservations in a store on disk, one at a time.

use super::super::rules::{Item, Line, Stock};
use super::super::scene::Scene;
use super::super::sql::{HistoryFilter, REASON_OPENED, close_product, history, read};
use super::sql::*;
use super::*;
use crate::store::SqlFault;

const HOUR_MS: i64 = 3_600_000;

fn stock(scene: &Scene, item: Item) -> (i64, i64) {
    let Stock {
        on_hand, reserved, ..
    } = scene.read(|view| read(view, item)).unwrap().stock;
    (on_hand, reserved)
}

fn hold(scene: &Scene, lines: &[(Item, i64)], ttl_ms: i64) -> Result<Id, ReserveFault> {
    let id = Id::fresh();
    try_hold(scene, id, lines, ttl_ms).map(|_| id)
}

fn try_hold(
    scene: &Scene,
    id: Id,
    lines: &[(Item, i64)],
    ttl_ms: i64,
) -> Result<usize, ReserveFault> {
    let lines = lines_of(lines);
    let reserved = scene.try_write(move |tx| reserve(tx, id, order(), &lines, ttl_ms));
    reserved.map(|low| low.len())
}

fn lines_of(lines: &[(Item, i64)]) -> Vec<Line> {
    let line = |&(item, quantity): &(Item, i64)| Line { item, quantity };
    lines.iter().map(line).collect()
}

fn order() -> Holder {
    Holder {
        kind: HolderKind::Order,
        id: Id::fresh(),
    }
}

fn state(scene: &Scene, id: Id) -> Option<State> {
    scene.read(|view| state_of(view, id))
}

#[test]
fn what_is_reserved_comes_back_or_is_sold_once() {
    let scene = Scene::new(1);
    let (shirt, hat) = (scene.product(10), scene.product(5));
    let lines = [(hat, 1), (shirt, 2), (hat, 2)];
    let (first, second) = (
        hold(&scene, &lines, HOUR_MS).unwrap(),
        hold(&scene, &[(hat, 2)], HOUR_MS).unwrap(),
    );
    assert_eq!(
        (stock(&scene, shirt), stock(&scene, hat)),
        ((10, 2), (5, 5))
    );
    for expected in [Settled::Now, Settled::Before] {
        let sold = scene.try_write(move |tx| consume(tx, first, None));
        assert_eq!(sold, Ok(expected));
        assert_eq!((stock(&scene, shirt), stock(&scene, hat)), ((8, 0), (2, 2)));
    }
    for expected in [Settled::Now, Settled::Before] {
        assert_eq!(scene.try_write(move |tx| release(tx, second)), Ok(expected));
        assert_eq!(stock(&scene, hat), (2, 0));
    }
    let ended = |state| Err(SettleFault::Ended(state));
    assert_eq!(
        scene.try_write(move |tx| release(tx, first)),
        ended(State::Consumed)
    );
    assert_eq!(
        scene.try_write(move |tx| consume(tx, second, None)),
        ended(State::Released)
    );
    let nobody = Id::fresh();
    let unknown = scene.try_write(move |tx| release(tx, nobody));
    assert_eq!(unknown, Err(SettleFault::Unknown));
    let filter = HistoryFilter {
        product_id: Some(hat.product_id),
        variant_id: None,
        from_ms: 0,
        to_ms: i64::MAX,
    };
    let rows = scene.read(|view| history(view, &filter, None, 0, 9));
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.delta,
                row.on_hand_after,
                &*row.reason,
                row.reservation_id,
            )
        })
        .collect();
    let expected = [
        (-3, 2, REASON_SOLD, Some(first)),
        (5, 5, REASON_OPENED, None),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn everything_that_lacks_is_told_and_nothing_is_held() {
    let scene = Scene::new(1);
    let (shirt, hat, scarf) = (scene.product(3), scene.product(2), scene.product(9));
    let nothing = Item {
        product_id: Id::fresh(),
        variant_id: None,
    };
    let closed = scene.product(7);
    scene.write(move |tx| close_product(tx, closed.product_id));
    let wanted = [
        (hat, 2),
        (scarf, 9),
        (shirt, 4),
        (nothing, 1),
        (hat, 1),
        (closed, 1),
    ];
    let mut expected = [
        (shirt, 4, Some(3)),
        (hat, 3, Some(2)),
        (nothing, 1, None),
        (closed, 1, None),
    ]
    .map(|(item, wanted, available)| Lack {
        item,
        wanted,
        available,
    });
    expected.sort_unstable_by_key(|lack| lack.item);
    // Also for a caller that goes on: what was taken before the first lack is given back.
    let lines = lines_of(&wanted);
    let id = Id::fresh();
    let fault = scene
        .write(move |tx| Ok::<_, SqlFault>(reserve(tx, id, order(), &lines, HOUR_MS).unwrap_err()));
    assert_eq!(fault, ReserveFault::Short(expected.to_vec()));
    assert_eq!(state(&scene, id), None);
    for (item, on_hand) in [(shirt, 3), (hat, 2), (scarf, 9)] {
        assert_eq!(stock(&scene, item), (on_hand, 0));
    }
}

#[test]
fn an_id_holds_once() {
    let scene = Scene::new(1);
    let hat = scene.product(5);
    let id = hold(&scene, &[(hat, 2)], HOUR_MS).unwrap();
    let again = try_hold(&scene, id, &[(hat, 1)], HOUR_MS);
    assert_eq!(again, Err(ReserveFault::Taken));
    assert_eq!(stock(&scene, hat), (5, 2));
}

#[test]
fn only_the_reservation_that_makes_it_low_tells() {
    let scene = Scene::new(1);
    let hat = scene.product(2);
    for (quantity, told) in [(1, 0), (1, 1)] {
        let low = try_hold(&scene, Id::fresh(), &[(hat, quantity)], HOUR_MS);
        assert_eq!(low, Ok(told));
    }
}

#[test]
fn the_sweeper_releases_what_expired_in_bounded_batches() {
    let scene = Scene::new(1);
    let hat = scene.product(10);
    let expired: Vec<Id> = (0..3)
        .map(|_| hold(&scene, &[(hat, 1)], 0).unwrap())
        .collect();
    let longer = hold(&scene, &[(hat, 1)], 0).unwrap();
    let held = hold(&scene, &[(hat, 2)], HOUR_MS).unwrap();
    let paid = hold(&scene, &[(hat, 1)], 0).unwrap();
    // Past its time and not swept, it still holds what it is paid for.
    assert_eq!(
        scene.try_write(move |tx| consume(tx, paid, None)),
        Ok(Settled::Now)
    );
    let until = scene.write(move |tx| extend(tx, longer, HOUR_MS));
    let sooner = scene.write(move |tx| extend(tx, longer, HOUR_MS / 2));
    assert_eq!(sooner, until, "it is never cut short");
    for expected in [2, 1, 0] {
        assert_eq!(scene.write(|tx| sweep(tx, 2)), expected);
    }
    assert_eq!(stock(&scene, hat), (9, 3));
    for id in expired {
        assert_eq!(state(&scene, id), Some(State::Released));
        let cancelled = scene.try_write(move |tx| release(tx, id));
        assert_eq!(cancelled, Ok(Settled::Before));
        let extended = scene.try_write(move |tx| extend(tx, id, HOUR_MS));
        assert_eq!(extended, Err(SettleFault::Ended(State::Released)));
    }
    assert_eq!(stock(&scene, hat), (9, 3));
    assert_eq!(
        [held, longer].map(|id| state(&scene, id)),
        [Some(State::Held); 2]
    );
}

#[test]
fn what_was_settled_long_ago_is_forgotten() {
    let scene = Scene::new(1);
    let hat = scene.product(10);
    let [held, released, sold] =
        std::array::from_fn(|_| hold(&scene, &[(hat, 1)], HOUR_MS).unwrap());
    scene.write(move |tx| release(tx, released));
    scene.write(move |tx| consume(tx, sold, None));
    let now_ms = scene.write(|tx| Ok::<_, SqlFault>(tx.now_ms()));
    assert!(!scene.read(|view| has_settled(view, now_ms - HOUR_MS)));
    assert!(scene.read(|view| has_settled(view, now_ms + 1)));
    for expected in [1, 1, 0] {
        assert_eq!(scene.write(move |tx| forget(tx, now_ms + 1, 1)), expected);
    }
    let states = [held, released, sold].map(|id| state(&scene, id));
    assert_eq!(states, [Some(State::Held), None, None]);
    assert_eq!(stock(&scene, hat), (9, 1));
}
