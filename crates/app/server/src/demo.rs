//! The demo: two hostels, so that isolation can be seen, with somebody of every role in each, rooms and some stays. Made
//! through the same use cases as everything else, and only on an empty database.

use std::{fs, path::Path};

use anyhow::Context;
use domicile_access::{
    Password,
    usecases::directory::{CreateSuperAdmin, CreateUser},
};
use domicile_billing::{ListInvoices, UpdateTerms};
use domicile_booking::{CreateBooking, CreateRoom};
use domicile_kernel::{AccountId, Currency, HostelDay, HostelId, Money, Page, Purpose, Role, Scope, Zone};
use domicile_tenancy::CreateHostel;
use serde::Serialize;

use crate::house::House;

/// The password of every demo account.
const PASSWORD: &str = "Welcome-2-Domicile!";

const HOSTELS: &[(&str, &str)] = &[("Volta Hall", "volta"), ("Sahara House", "sahara")];
const STUDENTS: &[(&str, &str)] =
    &[("Ama", "Mensah"), ("Kofi", "Boateng"), ("Zainab", "Bello"), ("Tunde", "Adeyemi"), ("Esi", "Owusu")];
const STAFF: &[(Role, &str, &str)] =
    &[(Role::Admin, "Abena", "Asante"), (Role::Manager, "Kwame", "Darko"), (Role::Staff, "Yaw", "Antwi")];
const ROOM_TYPES: &[&str] = &["single", "double", "triple", "quad", "dormitory", "dormitory"];

/// An account somebody can sign in with.
#[derive(Debug, Clone, Serialize)]
pub struct DemoAccount {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The role.
    pub role: Role,
    /// The hostel; none for the super_admin.
    pub hostel_id: Option<HostelId>,
}

/// A demo hostel.
#[derive(Debug, Clone, Serialize)]
pub struct DemoHostel {
    /// Its id.
    pub id: HostelId,
    /// Its name.
    pub name: String,
    /// Hostel or society.
    pub kind: String,
}

/// An invoice that can be paid at once.
#[derive(Debug, Clone, Serialize)]
pub struct DemoBill {
    /// The hostel.
    pub hostel_id: HostelId,
    /// Who owes it.
    pub email: String,
    /// The stay it is for.
    pub booking_id: String,
    /// The invoice.
    pub invoice_id: String,
    /// How much is owed.
    pub amount: Money,
    /// Until when.
    pub due_date: HostelDay,
}

/// What `demo.json` holds.
#[derive(Debug, Clone, Serialize)]
pub struct Demo {
    /// Where the server answers.
    pub base_url: String,
    /// The hostels.
    pub hostels: Vec<DemoHostel>,
    /// The accounts.
    pub accounts: Vec<DemoAccount>,
    /// What can be paid at once: the first invoice of the first stay that was agreed to, in each hostel.
    pub bills: Vec<DemoBill>,
}

/// Makes the demo, unless the database holds anything already; answers what was made.
pub async fn furnish(house: &House, base_url: &str) -> anyhow::Result<Option<Demo>> {
    let installation = house.operator(Scope::System(Purpose::Installation));
    let existing = house.tenancy.hostels(&installation, &Page::first("created_at", false)).await?;
    if !existing.rows.is_empty() {
        return Ok(None);
    }
    let mut demo = Demo { base_url: base_url.to_owned(), hostels: Vec::new(), accounts: Vec::new(), bills: Vec::new() };
    let owner = "owner@domicile.example";
    let command = CreateSuperAdmin {
        email: Some(owner.to_owned()),
        password: Some(Password::new(PASSWORD)),
        ..CreateSuperAdmin::default()
    };
    house.directory.create_super_admin(&installation, command).await.context("the demo's super_admin")?;
    demo.accounts.push(account(owner, Role::SuperAdmin, None));
    for (name, short) in HOSTELS {
        let command = CreateHostel { name: Some((*name).to_owned()), ..CreateHostel::default() };
        let hostel = house.tenancy.create_hostel(&installation, command).await.context("a demo hostel")?;
        demo.hostels.push(DemoHostel {
            id: hostel.id,
            name: (*name).to_owned(),
            kind: hostel.kind.as_str().to_owned(),
        });
        terms(house, hostel.id).await?;
        let students = people(house, &mut demo, hostel.id, short).await?;
        rooms_and_stays(house, hostel.id, &students).await?;
        demo.bills.extend(bill(house, hostel.id).await?);
    }
    Ok(Some(demo))
}

fn account(email: &str, role: Role, hostel_id: Option<HostelId>) -> DemoAccount {
    DemoAccount { email: email.to_owned(), password: PASSWORD.to_owned(), role, hostel_id }
}

async fn people(house: &House, demo: &mut Demo, hostel: HostelId, short: &str) -> anyhow::Result<Vec<AccountId>> {
    let students = STUDENTS.iter().map(|(first, last)| (Role::Student, *first, *last));
    let mut living_here = Vec::new();
    for (role, first, last) in STAFF.iter().copied().chain(students) {
        let name = if role == Role::Student { first.to_ascii_lowercase() } else { role.as_str().to_owned() };
        let email = format!("{name}@{short}.example");
        let command = CreateUser {
            email: Some(email.clone()),
            first_name: Some(first.to_owned()),
            last_name: Some(last.to_owned()),
            role: Some(role.as_str().to_owned()),
            password: Some(Password::new(PASSWORD)),
            ..CreateUser::default()
        };
        let call = house.operator(Scope::Hostel(hostel));
        let user =
            house.directory.create_user(&call, command).await.with_context(|| format!("the demo account {email}"))?;
        if role == Role::Student {
            living_here.push(user.id);
        }
        demo.accounts.push(account(&email, role, Some(hostel)));
    }
    Ok(living_here)
}

/// A month's rent as deposit, and three days for the first invoice.
async fn terms(house: &House, hostel: HostelId) -> anyhow::Result<()> {
    let call = house.operator(Scope::Hostel(hostel));
    let before = house.payments.bursar.terms(&call).await.context("the terms of a demo hostel")?;
    let terms = UpdateTerms { deposit_percent: Some(100), first_due_days: Some(3), ..UpdateTerms::default() };
    house.payments.bursar.update_terms(&call, before.version, terms).await.context("the terms of a demo hostel")?;
    Ok(())
}

/// The invoice that is due first.
async fn bill(house: &House, hostel: HostelId) -> anyhow::Result<Option<DemoBill>> {
    let call = house.operator(Scope::Hostel(hostel));
    let page = Page { limit: 1, ..Page::first("due_date", false) };
    let open = ListInvoices { status: Some("open".to_owned()), ..ListInvoices::default() };
    let invoices = house.payments.bursar.list_invoices(&call, open, &page).await.context("the demo's invoices")?;
    let Some(invoice) = invoices.rows.into_iter().next() else { return Ok(None) };
    let owes = house.directory.get_user(&call, invoice.user_id).await.context("who owes the demo's invoice")?;
    Ok(Some(DemoBill {
        hostel_id: hostel,
        email: owes.email.to_string(),
        booking_id: invoice.booking_id.to_string(),
        invoice_id: invoice.id.to_string(),
        amount: invoice.open,
        due_date: invoice.due_date,
    }))
}

async fn rooms_and_stays(house: &House, hostel: HostelId, students: &[AccountId]) -> anyhow::Result<()> {
    let mut rooms = Vec::new();
    for number in 0..20i64 {
        let beds = number % 6 + 1;
        let floor = number / 7;
        let kind = ROOM_TYPES.get((beds - 1) as usize).copied().unwrap_or("dormitory");
        let command = CreateRoom {
            name: Some(format!("Room {}{:02}", floor + 1, number % 7 + 1)),
            room_type: Some(kind.to_owned()),
            floor: Some(floor),
            bed_count: Some(beds),
            monthly_price: Some(Money::new(90_000 - beds * 10_000, Currency::GHS)),
            amenities: Some(vec![
                "Wi-Fi".to_owned(),
                if beds < 3 { "Own bathroom" } else { "Shared bathroom" }.to_owned(),
            ]),
            description: None,
        };
        let call = house.operator(Scope::Hostel(hostel));
        rooms.push(house.front_desk.create_room(&call, command).await.context("a demo room")?);
    }
    let today = Zone::parse("Africa/Accra")?.day_of(house.ambient.now());
    // Three of the five students have a stay: one waits for a manager, two are agreed to.
    for (at, (student, room)) in students.iter().zip(rooms.iter().skip(1)).take(3).enumerate() {
        let (first, last): (HostelDay, HostelDay) = (today.plus_days(7), today.plus_days(7).plus_months(4));
        let command = CreateBooking {
            room_id: Some(room.id.to_string()),
            check_in_date: Some(first.to_string()),
            check_out_date: Some(last.to_string()),
            terms_accepted: Some(true),
            user_id: Some(student.to_string()),
            ..CreateBooking::default()
        };
        let call = house.operator(Scope::Hostel(hostel));
        let stay = house.front_desk.create_booking(&call, command).await.context("a demo stay")?;
        if at > 0 {
            house.front_desk.approve_booking(&call, stay.id, stay.version).await.context("approving a demo stay")?;
        }
    }
    Ok(())
}

/// Writes `demo.json`, readable by its owner only.
pub fn write(demo: &Demo, data_dir: &Path) -> anyhow::Result<()> {
    let path = data_dir.join("demo.json");
    fs::write(&path, serde_json::to_vec_pretty(demo)?)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Reads `demo.json` of an earlier start and tells it the present address.
pub fn reread(data_dir: &Path, base_url: &str) -> Option<serde_json::Value> {
    let text = fs::read(data_dir.join("demo.json")).ok()?;
    let mut demo: serde_json::Value = serde_json::from_slice(&text).ok()?;
    demo.as_object_mut()?.insert("base_url".to_owned(), base_url.into());
    Some(demo)
}

/// The table of logins for the terminal.
#[must_use]
pub fn table(demo: &Demo) -> String {
    let mut lines = vec![format!("  {:<12} {:<28} {:<22} {}", "role", "email", "password", "hostel")];
    for account in &demo.accounts {
        let hostel = demo.hostels.iter().find(|hostel| Some(hostel.id) == account.hostel_id);
        let place =
            hostel.map_or_else(|| "every hostel".to_owned(), |hostel| format!("{}  {}", hostel.name, hostel.id));
        lines.push(format!("  {:<12} {:<28} {:<22} {place}", account.role.as_str(), account.email, account.password));
    }
    if let Some(bill) = demo.bills.first() {
        lines.push(format!("\n  to pay: {} owes {} until {}", bill.email, bill.amount, bill.due_date));
    }
    lines.join("\n")
}
