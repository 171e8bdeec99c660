//! One page out of several lists that are sorted alike.
//!
//! A list of a category is the lists of its descendants, merged. Each is asked for a piece at a
//! time, so a page costs one look per list and the rows that it shows.

use std::collections::VecDeque;

use super::rules::{Position, Sorting};

/// A piece of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What was found, in order.
    pub found: Vec<Position>,
    /// How far was looked.
    pub reached: Reached,
}

/// How far a list was looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// To its end.
    End,
    /// To this position, which need not have been found.
    Position(Position),
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What it shows, in order.
    pub found: Vec<Position>,
    /// Where the next page goes on; nothing at the end. A page may be short and still have one:
    /// when so many products were looked at in vain that the client is told first.
    pub next: Option<Position>,
}

/// Collects up to `count` positions after `after` out of `lanes` lists.
///
/// `fetch` takes the number of a list, where to go on in it, and how many are wanted; a piece
/// with fewer that has not reached the end has looked as far as one request may.
pub fn merge<E>(
    sorting: Sorting,
    lanes: usize,
    after: Option<Position>,
    count: usize,
    mut fetch: impl FnMut(usize, Option<Position>, usize) -> Result<Piece, E>,
) -> Result<Page, E> {
    // One more than is shown tells whether there is a next page.
    let wanted = count + 1;
    let piece_count = (2 * wanted)
        .div_ceil(lanes.max(1))
        .clamp(PIECE_MIN, wanted.max(PIECE_MIN));
    let mut lanes: Vec<Lane> = (0..lanes).map(|_| Lane::starting(after)).collect();
    let mut found = Vec::with_capacity(wanted);
    let mut horizon = None;
    while found.len() < wanted {
        for (number, lane) in lanes.iter_mut().enumerate() {
            if lane.found.is_empty() && lane.state == State::Going {
                lane.take(fetch(number, lane.reached, piece_count)?, piece_count);
            }
        }
        // What an exhausted look has not seen may come before what others have found.
        horizon = lanes.iter().filter_map(Lane::horizon).reduce(|one, other| {
            if sorting.is_before(one, other) {
                one
            } else {
                other
            }
        });
        let first = lanes.iter_mut().filter(|lane| !lane.found.is_empty());
        let first = first.reduce(|one, other| {
            if sorting.is_before(one.found[0], other.found[0]) {
                one
            } else {
                other
            }
        });
        let Some(first) = first else { break };
        if horizon.is_some_and(|horizon| sorting.is_before(horizon, first.found[0])) {
            break;
        }
        found.extend(first.found.pop_front());
    }
    let next = if found.len() == wanted {
        found.truncate(count);
        found.last().copied().or(after)
    } else {
        horizon
    };
    Ok(Page { found, next })
}

/// One of the lists while they are merged.
struct Lane {
    found: VecDeque<Position>,
    reached: Option<Position>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// There may be more.
    Going,
    /// There may be more, but not in this request.
    Spent,
    Ended,
}

impl Lane {
    fn starting(after: Option<Position>) -> Lane {
        Lane {
            found: VecDeque::new(),
            reached: after,
            state: State::Going,
        }
    }

    fn take(&mut self, piece: Piece, wanted: usize) {
        let is_full = piece.found.len() >= wanted;
        self.found = piece.found.into();
        match piece.reached {
            Reached::End => self.state = State::Ended,
            Reached::Position(position) => {
                self.reached = Some(position);
                if !is_full {
                    self.state = State::Spent;
                }
            }
        }
    }

    /// How far it was looked through, where it cannot be looked through further.
    fn horizon(&self) -> Option<Position> {
        self.reached.filter(|_| self.state == State::Spent)
    }
}

/// Fewer at a time would cost more looks than they save rows.
const PIECE_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::super::rules::{Order, Sort};
    use super::*;

    /// Walks all pages over lists in memory, each of which looks at `budget` rows at most and
    /// shows those with an even number.
    fn walked(lists: &[Vec<Position>], sorting: Sorting, count: usize, budget: usize) -> Vec<i64> {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let fetch = |lane: usize, after: Option<Position>, wanted: usize| {
                let rest = lists[lane].iter().filter(|position| {
                    after.is_none_or(|after| sorting.is_before(after, **position))
                });
                let (mut found, mut reached) = (Vec::new(), Reached::End);
                for (looked, position) in rest.enumerate() {
                    if found.len() == wanted || looked == budget {
                        return Ok::<_, Infallible>(Piece { found, reached });
                    }
                    reached = Reached::Position(*position);
                    if position.number % 2 == 0 {
                        found.push(*position);
                    }
                }
                Ok(Piece {
                    found,
                    reached: Reached::End,
                })
            };
            let page = merge(sorting, lists.len(), after, count, fetch).unwrap();
            assert!(page.found.len() <= count);
            seen.extend(page.found.iter().map(|position| position.number));
            match page.next {
                None => return seen,
                Some(next) => {
                    assert!(
                        after.is_none_or(|after| sorting.is_before(after, next)),
                        "it goes on"
                    );
                    after = Some(next);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pages_show_everything_once_and_in_order(
            keys in prop::collection::vec((0_i64..6, 0_usize..5), 0..80),
            count in 1_usize..12,
            budget in 1_usize..20,
            is_ascending in any::<bool>(),
        ) {
            let order = if is_ascending { Order::Ascending } else { Order::Descending };
            let sorting = Sorting { sort: Sort::Price, order };
            let mut lists = vec![Vec::new(); 5];
            let mut all = Vec::new();
            for (number, (key, lane)) in keys.into_iter().enumerate() {
                let position = Position { key, number: number as i64 };
                lists[lane].push(position);
                all.push(position);
            }
            let sort = |list: &mut Vec<Position>| {
                list.sort();
                if order == Order::Descending { list.reverse(); }
            };
            lists.iter_mut().for_each(sort);
            sort(&mut all);
            let expected: Vec<i64> = all.iter().map(|position| position.number)
                .filter(|number| number % 2 == 0).collect();
            prop_assert_eq!(walked(&lists, sorting, count, budget), expected);
        }
    }

    #[test]
    fn no_list_is_an_empty_page() {
        let sorting = Sorting {
            sort: Sort::Created,
            order: Order::Descending,
        };
        let page = merge(
            sorting,
            0,
            None,
            20,
            |_, _, _| -> Result<Piece, Infallible> { unreachable!("there is no list") },
        );
        assert_eq!(
            page,
            Ok(Page {
                found: Vec::new(),
                next: None
            })
        );
    }
}
