//! Where a page of a list is read: on the shard, or off it where it takes longer.

use crate::context::Context;
use crate::http::{PageQuery, Problem, Total};
use crate::store::{SqlFault, View};

/// Reads a page: at once where a few rows of an index are all, otherwise in the heavy lane.
pub(super) async fn read<T: Send + 'static>(
    context: &Context,
    page: PageQuery,
    read: impl FnOnce(&View<'_>, &PageQuery) -> Result<T, SqlFault> + Send + 'static,
) -> Result<T, Problem> {
    let store = &context.house.commerce;
    let is_short = page.total == Total::Left && page.offset() <= SKIPPED_MAX;
    if is_short {
        return Ok(store.read(|view| read(view, &page))?);
    }
    Ok(store.read_heavy(move |view| read(view, &page)).await?)
}

/// Rows of an index that a shard may walk past for a page by number.
const SKIPPED_MAX: u64 = 200;
