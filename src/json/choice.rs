//! Closed sets of words.

/// Declares an enum whose values are words in JSON, queries and the store.
///
/// ```
/// thirteen::choice! {
///     /// Whether a shelf is in use.
///     pub enum Use { Free = "free", Taken = "taken" }
/// }
/// assert_eq!(Use::parse("taken"), Some(Use::Taken));
/// assert_eq!(Use::Free.as_str(), "free");
/// ```
#[macro_export]
macro_rules! choice {
    ($(#[doc = $doc:literal])* $vis:vis enum $name:ident {
        $($(#[doc = $value_doc:literal])* $value:ident = $word:literal),+ $(,)?
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the words say what they mean")]
        $vis enum $name { $($(#[doc = $value_doc])* $value,)+ }

        #[allow(dead_code, reason = "not every set is used in every way")]
        impl $name {
            /// Every value.
            $vis const ALL: &[$name] = &[$($name::$value),+];

            /// The word of a value.
            $vis const fn as_str(self) -> &'static str {
                match self { $($name::$value => $word,)+ }
            }

            /// The value of a word.
            $vis fn parse(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$value),)+ _ => None }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::json::Read for $name {
            fn read(
                raw: $crate::json::Raw<'_, '_>,
                at: &$crate::json::At<'_>,
                faults: &mut $crate::json::Faults,
            ) -> Option<Self> {
                let value = raw.text().and_then($name::parse);
                if value.is_none() {
                    faults.add(at, "choice", concat!("must be one of" $(, " ", $word)+));
                }
                value
            }
        }

        impl $crate::json::Describe for $name {
            fn schema(_: &mut $crate::json::Schemas) -> ::serde_json::Value {
                ::serde_json::json!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}
