//! The tree of categories against a plain one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::commerce::catalog::categories::change::{self, ChangeFault};
use crate::commerce::catalog::categories::rules::{DEPTH_MAX, PlaceFault};
use crate::commerce::catalog::categories::sql;
use crate::commerce::catalog::scene::Scene;
use crate::http::Expected;
use crate::id::Id;
use crate::limits::CATEGORIES_MAX;

/// Something done to the tree; numbers choose among the categories that there are.
#[derive(Clone, Debug)]
enum Step {
    Create(Option<usize>),
    Move(usize, Option<usize>),
    Rename(usize),
    Delete(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    let place = prop::option::weighted(0.8, 0..40_usize);
    prop_oneof![
        3 => place.clone().prop_map(Step::Create),
        3 => (0..40_usize, place).prop_map(|(what, to)| Step::Move(what, to)),
        1 => (0..40_usize).prop_map(Step::Rename),
        1 => (0..40_usize).prop_map(Step::Delete),
    ]
}

/// What the oracle knows of a category.
#[derive(Clone, Debug)]
struct Node {
    parent: Option<Id>,
    slug: String,
}

type Tree = BTreeMap<Id, Node>;

fn path(tree: &Tree, id: Id) -> String {
    let node = &tree[&id];
    let above = node
        .parent
        .map_or("/".to_owned(), |parent| path(tree, parent));
    format!("{above}{}/", node.slug)
}

fn depth(tree: &Tree, id: Id) -> i64 {
    path(tree, id).matches('/').count() as i64 - 2
}

fn is_below(tree: &Tree, id: Id, above: Id) -> bool {
    id == above
        || tree[&id]
            .parent
            .is_some_and(|parent| is_below(tree, parent, above))
}

fn height(tree: &Tree, id: Id) -> i64 {
    let below = tree.keys().filter(|other| is_below(tree, **other, id));
    below
        .map(|other| depth(tree, *other) - depth(tree, id))
        .max()
        .unwrap_or(0)
}

fn picked(tree: &Tree, number: usize) -> Option<Id> {
    tree.keys().nth(number % tree.len().max(1)).copied()
}

/// What the change has to come to by the oracle.
fn expected(tree: &Tree, step: &Step) -> Option<PlaceFault> {
    let room = |parent: Option<Id>, height: i64| {
        let level = parent.map_or(0, |parent| depth(tree, parent) + 1);
        (level + height > DEPTH_MAX).then_some(PlaceFault::TooDeep)
    };
    match step {
        Step::Create(parent) => room(parent.and_then(|number| picked(tree, number)), 0),
        Step::Move(what, to) => {
            let (what, to) = (
                picked(tree, *what)?,
                to.and_then(|number| picked(tree, number)),
            );
            if tree[&what].parent == to {
                None
            } else if to.is_some_and(|to| is_below(tree, to, what)) {
                Some(PlaceFault::Cycle)
            } else {
                room(to, height(tree, what))
            }
        }
        Step::Rename(_) | Step::Delete(_) => None,
    }
}

fn body<T: crate::json::Read>(value: serde_json::Value) -> T {
    crate::json::read_body(&mut value.to_string().into_bytes()).unwrap()
}

fn perform(scene: &Scene, tree: &mut Tree, step: &Step, fresh: usize) -> Result<(), ChangeFault> {
    match step {
        Step::Create(parent) => {
            let parent = parent.and_then(|number| picked(tree, number));
            let slug = format!("c{fresh}");
            let new = serde_json::json!({ "name": "x", "slug": slug, "parent_id": parent });
            let made = scene.write(move |tx| change::create(tx, body(new)))?;
            tree.insert(made.id, Node { parent, slug });
        }
        Step::Move(what, to) => {
            let Some(what) = picked(tree, *what) else {
                return Ok(());
            };
            let to = to.and_then(|number| picked(tree, number));
            let update = serde_json::json!({ "parent_id": to });
            scene.write(move |tx| change::update(tx, what, &Expected::Any, body(update)))?;
            tree.get_mut(&what).unwrap().parent = to;
        }
        Step::Rename(what) => {
            let Some(what) = picked(tree, *what) else {
                return Ok(());
            };
            let slug = format!("r{fresh}");
            let update = serde_json::json!({ "slug": slug });
            scene.write(move |tx| change::update(tx, what, &Expected::Any, body(update)))?;
            tree.get_mut(&what).unwrap().slug = slug;
        }
        Step::Delete(what) => {
            let Some(what) = picked(tree, *what) else {
                return Ok(());
            };
            let is_leaf = !tree.values().any(|node| node.parent == Some(what));
            let outcome = scene.write(move |tx| change::delete(tx, what, &Expected::Any));
            let outcome = outcome.map(|_| ());
            assert_eq!(
                outcome,
                if is_leaf {
                    Ok(())
                } else {
                    Err(ChangeFault::NotEmpty)
                }
            );
            if is_leaf {
                tree.remove(&what);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn paths_are_right_after_every_change(steps in prop::collection::vec(any_step(), 1..60)) {
        let (scene, mut tree) = (Scene::new(), Tree::new());
        for (fresh, step) in steps.iter().enumerate() {
            let expected = expected(&tree, step);
            let outcome = perform(&scene, &mut tree, step, fresh);
            prop_assert_eq!(outcome, match expected {
                None => Ok(()),
                Some(fault) => Err(ChangeFault::Place(fault)),
            });
        }
        let rows = scene.read(|view| sql::list(view, "", 0, 1000));
        prop_assert_eq!(rows.len(), tree.len());
        prop_assert!(rows.is_sorted_by(|one, other| one.path.as_str() < other.path.as_str()));
        for row in rows {
            prop_assert_eq!(row.path.as_str(), path(&tree, row.id));
            let family = scene.read(|view| sql::family(view, &row, i64::MAX));
            let below = tree.keys().filter(|other| is_below(&tree, **other, row.id)).count();
            prop_assert_eq!(family.len(), below);
        }
    }
}

#[test]
fn a_shop_has_so_many_categories() {
    let scene = Scene::new();
    let new = |number: u64| {
        let text = format!(r#"{{"name":"Category {number}"}}"#);
        crate::json::read_body(&mut text.into_bytes()).unwrap()
    };
    let filled = scene.write(move |tx| {
        (1..CATEGORIES_MAX).try_for_each(|number| change::create(tx, new(number)).map(|_| ()))
    });
    filled.unwrap();
    let last = scene.write(move |tx| change::create(tx, new(0))).unwrap();
    let another = scene.write(move |tx| change::create(tx, new(CATEGORIES_MAX)));
    assert_eq!(another.unwrap_err(), ChangeFault::TooMany);
    let room = scene.write(move |tx| {
        change::delete(tx, last.id, &Expected::Any)?;
        change::create(tx, new(CATEGORIES_MAX))
    });
    assert!(room.is_ok());
}
