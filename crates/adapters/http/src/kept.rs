//! Answers kept as bytes: the serialised data with its version or with where its list stands, under a key that carries the
//! generation of what it shows. The generation is taken before loading, so an old answer can only be stored where nobody
//! asks again. Whoever asks while somebody loads waits for that load.
//!
//! Who may see an answer is decided before it comes here; what a view takes from its reader beside that is part of its key.

use std::future::Future;

use bytes::{Buf as _, BufMut as _, Bytes};
use domicile_kernel::{Fault, PageOf};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Answer, ApiError, Listing,
    ports::{Looked, Topic},
    present::Standing,
    shell::Shell,
};

/// Answers a list from what is kept, or loads and keeps it.
pub(crate) async fn list<F, T, E, L>(
    shell: &Shell,
    topic: Topic,
    scope: Uuid,
    listing: Listing<F>,
    load: L,
) -> Result<Answer<Vec<T>>, ApiError>
where
    F: Send + 'static,
    T: Serialize + Send + 'static,
    E: Fault + Send + 'static,
    L: Future<Output = Result<PageOf<T>, E>> + Send + 'static,
{
    let query = listing.canonical.clone();
    let write = move |page: PageOf<T>| {
        let standing = Standing::of(&listing.pagination(page.total, page.next.as_ref()))?;
        Kept::write(None, Some(&standing), &page.rows)
    };
    Ok(Answer::kept(find(shell, topic, scope, &query, load, write).await?))
}

/// Answers one record from what is kept, or loads and keeps it; `version` is for its `ETag`.
pub(crate) async fn record<T, E, L>(
    shell: &Shell,
    topic: Topic,
    scope: Uuid,
    query: &str,
    version: Option<fn(&T) -> i64>,
    load: L,
) -> Result<Answer<T>, ApiError>
where
    T: Serialize + Send + 'static,
    E: Fault + Send + 'static,
    L: Future<Output = Result<T, E>> + Send + 'static,
{
    let write = move |view: T| Kept::write(version.map(|of| of(&view)), None, &view);
    Ok(Answer::kept(find(shell, topic, scope, query, load, write).await?))
}

async fn find<V, E, L, W>(
    shell: &Shell,
    topic: Topic,
    scope: Uuid,
    query: &str,
    load: L,
    write: W,
) -> Result<Kept, ApiError>
where
    V: Send + 'static,
    E: Fault + Send + 'static,
    L: Future<Output = Result<V, E>> + Send + 'static,
    W: FnOnce(V) -> serde_json::Result<Bytes> + Send + 'static,
{
    let keep = match shell.cache.look(topic, scope, query) {
        Looked::Hit(bytes) => match Kept::read(bytes) {
            Some(kept) => return Ok(kept),
            None => None,
        },
        Looked::Pending(loading) => match loading.await.and_then(Kept::read) {
            Some(kept) => return Ok(kept),
            // The other's load failed. This one tries for itself alone, so that nobody waits for a row of failures.
            None => None,
        },
        Looked::Miss(keep) => Some(keep),
    };
    // Written and kept where it is loaded: a reader who goes away leaves the answer to those who wait for it.
    let work = async move {
        let written = write(load.await?);
        if let (Some(keep), Ok(bytes)) = (keep, &written) {
            keep(bytes.clone());
        }
        Ok::<_, E>(written)
    };
    let written = shell.read(work).await?.map_err(|error| ApiError::internal(error.to_string()))?;
    Kept::read(written).ok_or_else(|| ApiError::internal("an answer that was just written cannot be read"))
}

/// An answer as it is kept. Taken apart it shares the bytes, and nothing in it is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) version: Option<i64>,
    pub(crate) standing: Option<Standing>,
    pub(crate) data: Bytes,
}

/// Version, total, length of the pagination.
const HEADER: usize = 8 + 8 + 4;
/// Versions begin at 1.
const NO_VERSION: i64 = 0;
/// No list is so long.
const NO_TOTAL: u64 = u64::MAX;

impl Kept {
    /// The header, the pagination, the data.
    fn write(version: Option<i64>, standing: Option<&Standing>, data: &impl Serialize) -> serde_json::Result<Bytes> {
        let pagination = standing.map_or(&[][..], |standing| &standing.json);
        let total = standing.and_then(|standing| standing.total);
        let mut bytes = Vec::with_capacity(HEADER + pagination.len() + 1_024);
        bytes.put_i64(version.unwrap_or(NO_VERSION));
        bytes.put_u64(total.unwrap_or(NO_TOTAL));
        bytes.put_u32(u32::try_from(pagination.len()).unwrap_or_default());
        bytes.extend_from_slice(pagination);
        serde_json::to_writer(&mut bytes, data)?;
        // Kept for long: what was allocated beyond its length goes back.
        bytes.shrink_to_fit();
        Ok(bytes.into())
    }

    fn read(mut bytes: Bytes) -> Option<Self> {
        if bytes.len() < HEADER {
            return None;
        }
        let (version, total, length) = (bytes.get_i64(), bytes.get_u64(), bytes.get_u32());
        let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len())?;
        let json = bytes.split_to(length);
        let standing = (length > 0).then_some(Standing { json, total: (total != NO_TOTAL).then_some(total) });
        Some(Self { version: (version != NO_VERSION).then_some(version), standing, data: bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pagination;

    #[test]
    fn what_is_kept_comes_back_as_it_was() {
        for pagination in [
            Pagination::Numbered { page: 2, limit: 20, total: 41, total_pages: 3 },
            Pagination::Cursor { limit: 20, next_cursor: None, has_more: false },
        ] {
            let standing = Standing::of(&pagination).unwrap();
            let kept = Kept::read(Kept::write(None, Some(&standing), &[1, 2]).unwrap()).unwrap();
            assert_eq!(kept.data, "[1,2]");
            assert_eq!(kept.standing, Some(standing));
            assert_eq!(kept.version, None);
        }
        let record = Kept::read(Kept::write(Some(7), None, &"x").unwrap()).unwrap();
        assert_eq!(record, Kept { version: Some(7), standing: None, data: Bytes::from_static(b"\"x\"") });
    }

    #[test]
    fn bytes_that_were_cut_off_are_no_answer() {
        let standing = Standing::of(&Pagination::Cursor { limit: 20, next_cursor: None, has_more: false });
        let whole = Kept::write(None, standing.ok().as_ref(), &[1]).unwrap();
        assert_eq!(Kept::read(whole.slice(..HEADER - 1)), None);
        assert_eq!(Kept::read(whole.slice(..HEADER + 3)), None);
    }
}
