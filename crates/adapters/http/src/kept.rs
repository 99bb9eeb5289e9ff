//! Lists kept as bytes: the serialised rows and where the list stands, under a key that carries the generation of what it
//! shows. The generation is taken before loading, so an old list can only be stored where nobody asks again.

use std::future::Future;

use bytes::{BufMut as _, Bytes, BytesMut};
use domicile_kernel::{Fault, HostelId, PageOf};
use serde::Serialize;

use crate::{Answer, ApiError, Listing, Pagination, ports::Looked, shell::Shell};

/// The topic of the room list: it changes with rooms and, for free beds, with stays.
pub(crate) const ROOMS: &str = "rooms";

/// Answers a list from what is kept, or loads and keeps it. Who may see it was decided before.
pub(crate) async fn list<F, T, E, L>(
    shell: &Shell,
    topic: &'static str,
    hostel: HostelId,
    listing: &Listing<F>,
    load: L,
) -> Result<Answer<Vec<T>>, ApiError>
where
    T: Serialize + Send + 'static,
    E: Fault + Send + 'static,
    L: Future<Output = Result<PageOf<T>, E>> + Send + 'static,
{
    let keep: Box<dyn FnOnce(Bytes) + Send> = match shell.cache.look(topic, hostel, &listing.canonical) {
        Looked::Hit(bytes) => match open(bytes) {
            Some((data, pagination)) => return Ok(Answer::serialised(data, Some(pagination))),
            None => Box::new(|_bytes| ()),
        },
        Looked::Miss(keep) => keep,
    };
    let page = shell.read(load).await?;
    let pagination = listing.pagination(page.total, page.next.as_ref());
    let data: Bytes = match serde_json::to_vec(&page.rows) {
        Ok(bytes) => bytes.into(),
        Err(error) => return Err(ApiError::internal(error.to_string())),
    };
    if let Some(bytes) = close(&data, &pagination) {
        keep(bytes);
    }
    Ok(Answer::serialised(data, Some(pagination)))
}

/// Four bytes of length, the standing, the rows.
fn close(data: &Bytes, pagination: &Pagination) -> Option<Bytes> {
    let standing = serde_json::to_vec(pagination).ok()?;
    let mut bytes = BytesMut::with_capacity(4 + standing.len() + data.len());
    bytes.put_u32(u32::try_from(standing.len()).ok()?);
    bytes.extend_from_slice(&standing);
    bytes.extend_from_slice(data);
    Some(bytes.freeze())
}

fn open(mut bytes: Bytes) -> Option<(Bytes, Pagination)> {
    if bytes.len() < 4 {
        return None;
    }
    let length = bytes.split_to(4).iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    if bytes.len() < length {
        return None;
    }
    let standing = bytes.split_to(length);
    Some((bytes, serde_json::from_slice(&standing).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_as_it_was() {
        let data = Bytes::from_static(b"[1,2]");
        for pagination in [
            Pagination::Numbered { page: 2, limit: 20, total: 41, total_pages: 3 },
            Pagination::Cursor { limit: 20, next_cursor: None, has_more: false },
        ] {
            let kept = close(&data, &pagination).unwrap();
            assert_eq!(open(kept), Some((data.clone(), pagination)));
        }
        assert_eq!(open(Bytes::from_static(b"\0\0\0\x09x")), None);
    }
}
