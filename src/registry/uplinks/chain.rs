//! The servers that a request came through before it goes on to an upstream.

use super::missing::Missing;
use super::rules::is_loop;
use crate::limits::VIA_BYTES_MAX;
use crate::outgoing::header::HeaderValue;

/// The `Via` that goes to an upstream: whom the request came through, and us. One fetch is shared
/// by those who came through the same servers alone. So nobody waits for a fetch that waits for his
/// own request at another server: along what waits for what, chains only become longer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain(HeaderValue);

impl Chain {
    /// That of a request with these `Via`, where we call ourselves `id`.
    ///
    /// # Errors
    /// That it was here before, or has come through too many.
    pub(super) fn of<'v>(
        via: impl IntoIterator<Item = &'v [u8]>,
        id: &str,
    ) -> Result<Chain, Missing> {
        let values: Vec<&[u8]> = via.into_iter().collect();
        if is_loop(values.iter().copied(), id) {
            return Err(Missing::Loop);
        }
        let us = format!("1.1 {id}");
        let all: Vec<&[u8]> = values.into_iter().chain([us.as_bytes()]).collect();
        let all = all.join(&b", "[..]);
        if all.len() > VIA_BYTES_MAX {
            return Err(Missing::Loop);
        }
        // What no header can hold did not come in one.
        HeaderValue::from_bytes(&all)
            .map(Chain)
            .map_err(|_| Missing::Loop)
    }

    /// The value of `Via`.
    pub(super) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_who_came_before_and_ends_with_us() {
        let of = |via: &[&str]| Chain::of(via.iter().map(|value| value.as_bytes()), "thirteen-1");
        assert_eq!(of(&[]).unwrap().value(), "1.1 thirteen-1");
        assert_eq!(
            of(&["1.1 a, 1.0 b", "1.1 c"]).unwrap().value(),
            "1.1 a, 1.0 b, 1.1 c, 1.1 thirteen-1"
        );
        assert_eq!(of(&["1.1 a", "1.1 thirteen-1"]), Err(Missing::Loop));
        assert_eq!(of(&[&"1.1 a, ".repeat(VIA_BYTES_MAX)]), Err(Missing::Loop));
    }
}
