//! Buyers on every shard reserve, cancel, pay and let expire, while staff counts and the sweeper
//! sweeps: nothing is ever oversold, and everything that was held comes back.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::super::rules::{Item, LevelFault, Line, aggregate};
use super::super::scene::Scene;
use super::super::sql::{Cause, ChangeFault, Which, adjust, list};
use super::sql::{consume, extend, release, reserve};
use super::sweeper::round;
use super::{Holder, HolderKind, ReserveFault, SettleFault, Settled, State};
use crate::id::Id;
use crate::shard::{Flag, ShardOptions, launch, spawn};
use crate::store::{SqlFault, Store, View};

const SHARDS: usize = 4;
const BUYERS_PER_SHARD: usize = 8;
const STEPS: usize = 40;
/// Seeds that are tried each time; one more is drawn, and printed where the test fails.
const SEEDS: [u64; 2] = [1, 0x5eed];
const LONG_MS: i64 = 3_600_000;

#[test]
fn nothing_is_oversold_and_everything_held_comes_back() {
    let drawn = Id::fresh().as_bytes()[8..].try_into().unwrap();
    for seed in SEEDS.into_iter().chain([u64::from_le_bytes(drawn)]) {
        println!("seed {seed}");
        let world = World::new();
        shop(&world, seed);
        world.settle_up();
    }
}

/// What all buyers share.
struct World {
    scene: Scene,
    items: Vec<Item>,
    /// Every reservation that was acknowledged.
    reservations: Mutex<HashMap<Id, Known>>,
    swept: AtomicU64,
    short: AtomicU64,
    low: AtomicU64,
    has_failed: AtomicBool,
}

/// What a buyer was told of a reservation.
struct Known {
    lines: Vec<Line>,
    ended: Option<State>,
}

impl World {
    /// Little of a few items, so that buyers meet.
    fn new() -> Arc<World> {
        let scene = Scene::new(SHARDS);
        let shirt = scene.product(40);
        let (small, large) = (scene.variant(shirt, 25), scene.variant(shirt, 60));
        let items = vec![shirt, small, large, scene.product(15)];
        Arc::new(World {
            scene,
            items,
            reservations: Mutex::default(),
            swept: AtomicU64::new(0),
            short: AtomicU64::new(0),
            low: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
        })
    }

    fn note_end(&self, id: Id, state: State) {
        let mut reservations = self.reservations.lock().unwrap();
        let known = reservations.get_mut(&id).unwrap();
        assert_eq!(known.ended, None, "{id} ends twice, again as {state:?}");
        known.ended = Some(state);
    }

    /// Cancels what is held, and compares with what buyers were told.
    fn settle_up(&self) {
        assert!(!self.has_failed.load(Ordering::Relaxed), "a buyer failed");
        let mut sold: HashMap<Item, i64> = HashMap::new();
        let (mut released, mut count) = (self.swept.load(Ordering::Relaxed), 0);
        for (id, known) in self.reservations.lock().unwrap().drain() {
            let ended = match known.ended {
                Some(ended) => ended,
                // Still held, or the sweeper had it, of which no buyer was told.
                None => match self.scene.try_write(move |tx| release(tx, id)) {
                    Ok(Settled::Now) => State::Released,
                    Ok(Settled::Before) => State::Held,
                    Err(fault) => panic!("{id}: {fault:?}"),
                },
            };
            count += 1;
            match ended {
                State::Held => {}
                State::Released => released += 1,
                State::Consumed => {
                    released += 1;
                    for line in known.lines {
                        *sold.entry(line.item).or_default() += line.quantity;
                    }
                }
            }
        }
        assert_eq!(released, count, "each reservation has one end");
        assert!(count > 0 && !sold.is_empty());
        assert!(self.short.load(Ordering::Relaxed) > 0, "buyers met");
        assert!(self.swept.load(Ordering::Relaxed) > 0 && self.low.load(Ordering::Relaxed) > 0);
        let accounts = self.scene.read(accounts);
        for item in &self.items {
            let account = &accounts[item];
            assert_eq!(account.reserved, 0, "{item:?}");
            let sold = sold.get(item).copied().unwrap_or_default();
            assert_eq!(account.sold, sold, "{item:?}");
            assert_eq!(account.on_hand, account.supplied - sold, "{item:?}");
        }
    }
}

/// Runs the buyers of all shards to their end.
fn shop(world: &Arc<World>, seed: u64) {
    let world = world.clone();
    let main = move |shard: Rc<crate::shard::Shard>| {
        let world = world.clone();
        async move {
            let done = Rc::new(Done::default());
            for number in 0..BUYERS_PER_SHARD {
                let number = (shard.index * BUYERS_PER_SHARD + number) as u64;
                let buyer = Buyer {
                    world: world.clone(),
                    random: Random(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                    done: done.clone(),
                };
                spawn(buyer.shop());
            }
            done.all.raised().await;
        }
    };
    launch(&ShardOptions::new(SHARDS), main, |_| {})
        .unwrap()
        .join()
        .unwrap();
}

#[derive(Default)]
struct Done {
    count: std::cell::Cell<usize>,
    all: Flag,
}

struct Buyer {
    world: Arc<World>,
    random: Random,
    done: Rc<Done>,
}

/// Also where a buyer fails, so that the test ends.
impl Drop for Buyer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.world.has_failed.store(true, Ordering::Relaxed);
        }
        self.done.count.set(self.done.count.get() + 1);
        if self.done.count.get() == BUYERS_PER_SHARD {
            self.done.all.raise();
        }
    }
}

impl Buyer {
    async fn shop(mut self) {
        let world = self.world.clone();
        let store = &*world.scene.store;
        for _ in 0..STEPS {
            match self.random.below(20) {
                0..8 => self.reserve(store).await,
                8..11 => self.cancel(store).await,
                11..14 => self.pay(store).await,
                14..16 => self.wait_longer(store).await,
                16..18 => {
                    let released = round(store).await.unwrap();
                    self.world.swept.fetch_add(released, Ordering::Relaxed);
                }
                _ => self.count(store).await,
            }
            store.read(accounts).unwrap();
        }
    }

    async fn reserve(&mut self, store: &Store) {
        let (id, ttl_ms) = (Id::fresh(), [0, LONG_MS][self.random.below(2)]);
        let lines: Vec<Line> = (0..=self.random.below(4)).map(|_| self.line()).collect();
        let holder = Holder {
            kind: HolderKind::Order,
            id,
        };
        let of_command = lines.clone();
        let reserved = store
            .write(move |tx| reserve(tx, id, holder, &of_command, ttl_ms))
            .await;
        match reserved.unwrap() {
            Ok(low) => {
                self.world
                    .low
                    .fetch_add(low.len() as u64, Ordering::Relaxed);
                let lines = aggregate(&lines);
                let known = Known { lines, ended: None };
                self.world.reservations.lock().unwrap().insert(id, known);
            }
            Err(ReserveFault::Short(lacks)) => {
                assert!(!lacks.is_empty());
                for lack in &lacks {
                    assert!(lack.available.unwrap() < lack.wanted, "{lack:?}");
                }
                self.world.short.fetch_add(1, Ordering::Relaxed);
            }
            Err(fault @ (ReserveFault::Taken | ReserveFault::Sql(_))) => panic!("{fault:?}"),
        }
    }

    async fn cancel(&mut self, store: &Store) {
        let Some(id) = self.any_reservation() else {
            return;
        };
        match store.write(move |tx| release(tx, id)).await.unwrap() {
            Ok(Settled::Now) => self.world.note_end(id, State::Released),
            Ok(Settled::Before) | Err(SettleFault::Ended(State::Consumed)) => {}
            Err(fault) => panic!("{fault:?}"),
        }
    }

    async fn pay(&mut self, store: &Store) {
        let Some(id) = self.any_reservation() else {
            return;
        };
        match store.write(move |tx| consume(tx, id, None)).await.unwrap() {
            Ok(Settled::Now) => self.world.note_end(id, State::Consumed),
            Ok(Settled::Before) | Err(SettleFault::Ended(State::Released)) => {}
            Err(fault) => panic!("{fault:?}"),
        }
    }

    async fn wait_longer(&mut self, store: &Store) {
        let Some(id) = self.any_reservation() else {
            return;
        };
        match store
            .write(move |tx| extend(tx, id, LONG_MS))
            .await
            .unwrap()
        {
            Ok(_) | Err(SettleFault::Ended(State::Released | State::Consumed)) => {}
            Err(fault) => panic!("{fault:?}"),
        }
    }

    /// As staff that unpacks goods, or finds some broken.
    async fn count(&mut self, store: &Store) {
        let (item, delta) = (self.line().item, self.random.below(9) as i64 - 4);
        let cause = Cause {
            reason: "counted",
            actor: None,
        };
        let adjusted = store
            .write(move |tx| adjust(tx, item, delta, cause))
            .await
            .unwrap();
        match adjusted {
            Ok(_) | Err(ChangeFault::Level(LevelFault::BelowReserved { .. })) => {}
            Err(fault) => panic!("{fault:?}"),
        }
    }

    fn line(&mut self) -> Line {
        let item = self.world.items[self.random.below(self.world.items.len())];
        let quantity = 1 + self.random.below(5) as i64;
        Line { item, quantity }
    }

    /// One of any buyer, as a customer who clicks twice and a payment that comes late.
    fn any_reservation(&mut self) -> Option<Id> {
        let reservations = self.world.reservations.lock().unwrap();
        let mut ids: Vec<Id> = reservations.keys().copied().collect();
        ids.sort_unstable();
        (!ids.is_empty()).then(|| ids[self.random.below(ids.len())])
    }
}

/// What the store says of an item.
#[derive(Default)]
struct Account {
    on_hand: i64,
    reserved: i64,
    /// Lines of held reservations.
    held: i64,
    sold: i64,
    /// What came in, less what went otherwise than by being sold.
    supplied: i64,
}

/// The accounts of all items, in one snapshot, in which everything fits.
fn accounts(view: &View<'_>) -> Result<HashMap<Item, Account>, SqlFault> {
    let mut accounts: HashMap<Item, Account> = HashMap::new();
    for counted in list(view, Which::All, None, 0, 100)? {
        let account = accounts.entry(counted.item).or_default();
        account.on_hand = counted.stock.on_hand;
        account.reserved = counted.stock.reserved;
    }
    for (item, account) in &mut accounts {
        let product = item.product_id.to_string();
        let variant = item.variant_id.map(|id| id.to_string()).unwrap_or_default();
        let sums = view.one(HISTORY_SUMS, &[&product, &variant], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        (account.sold, account.supplied) = sums.unwrap();
        let held = view.one(HELD_SUM, &[&product, &variant], |row| row.get(0))?;
        account.held = held.unwrap();
        let (on_hand, reserved) = (account.on_hand, account.reserved);
        assert!(0 <= reserved && reserved <= on_hand, "{item:?}");
        assert_eq!(reserved, account.held, "{item:?}");
        assert_eq!(on_hand, account.supplied - account.sold, "{item:?}");
        assert!(reserved + account.sold <= account.supplied, "{item:?}");
    }
    Ok(accounts)
}

const HISTORY_SUMS: &str = "SELECT \
     COALESCE(SUM(CASE WHEN reservation_id IS NULL THEN 0 ELSE -delta END), 0), \
     COALESCE(SUM(CASE WHEN reservation_id IS NULL THEN delta ELSE 0 END), 0) \
     FROM inventory_history WHERE product_id = ?1 AND COALESCE(variant_id, '') = ?2";
const HELD_SUM: &str = "SELECT COALESCE(SUM(quantity), 0) FROM stock_reservation_lines \
     JOIN stock_reservations ON stock_reservations.id = reservation_id \
     JOIN inventory ON inventory.id = inventory_id \
     WHERE state = 'held' AND product_id = ?1 AND COALESCE(variant_id, '') = ?2";

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % count as u64) as usize
    }
}
