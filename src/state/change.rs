//! Changes of the configuration: what is asked for, and what has happened.

use std::sync::Arc;

use thirteen_kernels::config::frame::FrameType;
use thirteen_kernels::config::{ConfigState, Feature, Field, RangeFault, Switch};

/// A change that every state accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Fields get new values.
    Set {
        /// How it was asked for.
        form: Form,
        /// The fields and their values.
        patch: Patch,
    },
    /// A feature is switched, whatever the others are at that moment.
    Toggle {
        /// The feature.
        feature: Feature,
        /// What it is set to.
        switch: Switch,
    },
}

/// How new values were asked for, which decides who is told, and by which frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One field.
    Update,
    /// Rows and columns.
    Resize,
    /// Any fields, all or none.
    Bulk,
}

/// New values for some fields, each within its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    fields: FieldSet,
    /// Holds the values of `fields`.
    values: ConfigState,
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u8);

/// Who asked for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The shard that answers.
    pub shard: u16,
    /// Whom it answers.
    pub asker: Asker,
}

/// Whom a shard answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A WebSocket client.
    Client {
        /// Which one.
        id: ClientId,
        /// Which of its outstanding replies this change decides.
        reply: u8,
    },
    /// A request that waits; the shard chose the number.
    Request(u64),
}

/// A WebSocket client of one shard. An id is not used again for another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// A change that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its number; later changes have higher ones.
    pub sequence: u64,
    /// The configuration that it led to.
    pub state: ConfigState,
    /// The fields that it set.
    pub fields: FieldSet,
    /// The type of frame that it came as, or would have.
    pub frame: FrameType,
    /// Who asked for it.
    pub origin: Origin,
}

/// Changes that became durable together, in the order of their numbers; never empty.
pub type Batch = Arc<[Published]>;

/// Who is told of a change, besides the acknowledgement to the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every client but the one who asked.
    Others,
    /// Every client.
    Everyone,
}

/// What the configuration must be for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Any,
    /// What one of these changes led to, given with its number.
    OneOf(Box<[(ConfigState, u64)]>),
}

/// Why a change was not made. It changes nothing and may be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many changes wait for the disk.
    Busy,
    /// The disk did not take it.
    DiskFailed,
    /// The configuration is not what the change expects.
    Stale,
}

impl Expected {
    /// Whether a change may be made on top of this state.
    pub fn admits(&self, state: ConfigState, sequence: u64) -> bool {
        match self {
            Expected::Any => true,
            Expected::OneOf(states) => states.contains(&(state, sequence)),
        }
    }
}

impl Change {
    /// A change of one field.
    #[inline]
    pub fn update(field: Field, value: u64) -> Result<Change, RangeFault> {
        let patch = Patch::EMPTY.with(field, value)?;
        Ok(Change::Set {
            form: Form::Update,
            patch,
        })
    }

    /// A change of the terminal's size.
    pub fn resize(rows: u8, cols: u8) -> Result<Change, RangeFault> {
        let patch = Patch::EMPTY
            .with(Field::Rows, rows.into())?
            .with(Field::Cols, cols.into())?;
        Ok(Change::Set {
            form: Form::Resize,
            patch,
        })
    }

    /// A change of several fields; of two values for one field the later counts.
    pub fn bulk(values: impl Iterator<Item = (Field, u64)>) -> Result<Change, RangeFault> {
        let mut values = values;
        let patch = values.try_fold(Patch::EMPTY, |patch, (field, value)| {
            patch.with(field, value)
        })?;
        Ok(Change::Set {
            form: Form::Bulk,
            patch,
        })
    }

    /// The configuration after the change.
    #[inline]
    pub fn apply(&self, state: ConfigState) -> ConfigState {
        match *self {
            Change::Set { patch, .. } => patch.apply(state),
            Change::Toggle { feature, switch } => state.with_feature(feature, switch),
        }
    }

    /// The fields that the change sets.
    #[inline]
    pub fn fields(&self) -> FieldSet {
        match *self {
            Change::Set { patch, .. } => patch.fields,
            Change::Toggle { .. } => FieldSet::of(Field::FeatureFlags),
        }
    }

    /// The type of frame that asks for such a change, which is what an ACK names.
    #[inline]
    pub fn frame(&self) -> FrameType {
        match self {
            Change::Set {
                form: Form::Update, ..
            } => FrameType::Update,
            Change::Set {
                form: Form::Resize, ..
            } => FrameType::Resize,
            Change::Set {
                form: Form::Bulk, ..
            } => FrameType::Bulk,
            Change::Toggle { .. } => FrameType::Toggle,
        }
    }
}

impl Patch {
    /// No field.
    pub const EMPTY: Patch = Patch {
        fields: FieldSet::EMPTY,
        values: ConfigState::DEFAULT,
    };

    /// The patch with one more field, or with another value for it.
    #[inline]
    pub fn with(self, field: Field, value: u64) -> Result<Patch, RangeFault> {
        let values = self.values.with(field, value)?;
        Ok(Patch {
            fields: self.fields.with(field),
            values,
        })
    }

    /// The fields that get values.
    pub fn fields(&self) -> FieldSet {
        self.fields
    }

    /// The configuration with these values.
    #[inline]
    pub fn apply(&self, state: ConfigState) -> ConfigState {
        self.fields.iter().fold(state, |state, field| {
            let value = self.values.value(field);
            state
                .with(field, value)
                .expect("the value comes from a configuration")
        })
    }
}

impl FieldSet {
    /// No field.
    pub const EMPTY: FieldSet = FieldSet(0);

    /// Every field.
    pub const ALL: FieldSet = FieldSet((1 << Field::ALL.len()) - 1);

    /// One field.
    pub const fn of(field: Field) -> FieldSet {
        FieldSet(1 << field as u8)
    }

    /// The set with one field more.
    pub const fn with(self, field: Field) -> FieldSet {
        self.union(FieldSet::of(field))
    }

    /// The fields of either set.
    pub const fn union(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 | other.0)
    }

    /// Whether the field is in the set.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & FieldSet::of(field).0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The fields in the order of their bytes.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Field> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let field = Field::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(*field)
        })
    }
}

impl Published {
    /// Who is told of the change.
    pub fn audience(&self) -> Audience {
        match self.frame {
            FrameType::Toggle | FrameType::Resize => Audience::Everyone,
            FrameType::Update
            | FrameType::Bulk
            | FrameType::RegisterPackage
            | FrameType::Heartbeat
            | FrameType::Ack
            | FrameType::Error
            | FrameType::TerminalOutput
            | FrameType::TerminalInput
            | FrameType::SyncRequest
            | FrameType::SyncResponse => Audience::Others,
        }
    }
}

const _: () = assert!(size_of::<Published>() <= 48);

#[cfg(test)]
mod tests {
    use thirteen_kernels::config::TerminalMode;

    use super::*;

    #[test]
    fn sets_of_fields_list_what_was_put_in() {
        for bits in 0..=FieldSet::ALL.0 {
            let set = FieldSet(bits);
            let listed: Vec<_> = set.iter().collect();
            let expected: Vec<_> = Field::ALL
                .into_iter()
                .filter(|field| set.contains(*field))
                .collect();
            assert_eq!(listed, expected);
            assert_eq!(set.count(), listed.len());
            assert_eq!(set.is_empty(), listed.is_empty());
            assert_eq!(
                listed.into_iter().fold(FieldSet::EMPTY, FieldSet::with),
                set
            );
        }
    }

    #[test]
    fn changes_set_their_fields_and_no_others() {
        let state = ConfigState::DEFAULT;
        let update = Change::update(Field::TerminalMode, 1).unwrap();
        assert_eq!(update.apply(state).terminal_mode(), TerminalMode::Cooked);
        assert_eq!(update.fields(), FieldSet::of(Field::TerminalMode));
        assert_eq!(update.frame(), FrameType::Update);

        let toggle = Change::Toggle {
            feature: Feature::MockS3,
            switch: Switch::On,
        };
        assert_eq!(toggle.apply(state).feature_flags(), 0x207);
        assert_eq!(toggle.fields(), FieldSet::of(Field::FeatureFlags));
        assert_eq!(toggle.frame(), FrameType::Toggle);

        let resize = Change::resize(40, 120).unwrap();
        let resized = resize.apply(state);
        assert_eq!((resized.rows(), resized.cols()), (40, 120));
        assert_eq!(resize.fields(), FieldSet::of(Field::Rows).with(Field::Cols));
        assert_eq!(resize.frame(), FrameType::Resize);

        let values = [(Field::Rows, 9), (Field::Version, 3), (Field::Rows, 50)];
        let bulk = Change::bulk(values.into_iter()).unwrap();
        let changed = bulk.apply(state);
        assert_eq!(
            (changed.rows(), changed.version(), changed.cols()),
            (50, 3, 80)
        );
        assert_eq!(
            bulk.fields(),
            FieldSet::of(Field::Rows).with(Field::Version)
        );
        assert_eq!(bulk.frame(), FrameType::Bulk);
    }

    #[test]
    fn values_out_of_range_make_no_change() {
        assert!(Change::update(Field::Rows, 0).is_err());
        assert!(Change::resize(1, 0).is_err());
        assert!(Change::bulk([(Field::Rows, 0), (Field::Rows, 1)].into_iter()).is_err());
        assert!(Patch::EMPTY.with(Field::FeatureFlags, 1 << 11).is_err());
    }
}
