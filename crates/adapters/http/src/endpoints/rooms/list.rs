//! `GET /rooms`: the rooms of the hostel, or those with a free bed on given nights. Kept as bytes until a room changes or,
//! for given nights, a stay.

use actix_web::web::Data;
use domicile_booking::{ListRooms, RoomView};

use crate::{Answer, ApiError, AppState, Caller, Filters, KeyKind, Listing, SortField, kept, ports::Topic};

impl Filters for ListRooms {
    const SORTS: &'static [SortField] = &[
        SortField::new("name", KeyKind::Text),
        SortField::new("monthly_price", KeyKind::Whole),
        SortField::new("floor", KeyKind::Whole),
        SortField::new("created_at", KeyKind::Whole),
    ];
    const DEFAULT: (&'static str, bool) = ("name", false);
}

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    listing: Listing<ListRooms>,
) -> Result<Answer<Vec<RoomView>>, ApiError> {
    let hostel = call.hostel()?;
    let (desk, asked, page) = (state.desk.clone(), listing.filters.clone(), listing.page.clone());
    let load = async move { desk.list_rooms(&call, asked, &page).await };
    // How many beds are free is told only of nights: a stay outdates lists with dates and leaves the others.
    let dated = listing.filters.available_from.is_some() || listing.filters.available_to.is_some();
    let topic = if dated { Topic::Availability } else { Topic::Rooms };
    kept::list(&state.shell, topic, hostel.uuid(), listing, load).await
}
