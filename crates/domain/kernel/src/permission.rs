//! Who may do what: the one table (J6). HTTP, WebSocket, CLI and jobs all ask it through [`Call::require`](crate::Call::require).

use crate::actor::Role;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal : $($role:ident)*);+ $(;)?) => {
        /// Something a role may be allowed to do. Named as the requirements print it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $($(#[$doc])* $name),+ }

        impl Permission {
            /// Every permission, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name on the wire, such as `bookings:approve`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The roles that hold it. A super_admin holds every permission and is not listed.
            #[must_use]
            pub const fn roles(self) -> &'static [Role] {
                match self { $(Self::$name => &[$(Role::$role),*]),+ }
            }
        }
    };
}

permissions! {
    /// Ask for a bed.
    BookingsCreate = "bookings:create": Student Admin Manager;
    /// See one's own stays.
    BookingsReadOwn = "bookings:read:own": Student Staff Admin Manager;
    /// See every stay of the hostel, and book for somebody else.
    BookingsReadAll = "bookings:read:all": Admin Manager;
    /// Change a stay: move, extend, check in and out.
    BookingsUpdate = "bookings:update": Admin Manager;
    /// Approve or reject.
    BookingsApprove = "bookings:approve": Manager Admin;
    /// Delete an ended stay.
    BookingsDelete = "bookings:delete": Admin;
    /// See rooms.
    RoomsRead = "rooms:read": Student Staff Admin Manager;
    /// Make rooms.
    RoomsCreate = "rooms:create": Manager Admin;
    /// Change rooms.
    RoomsUpdate = "rooms:update": Manager Admin;
    /// Take rooms away.
    RoomsDelete = "rooms:delete": Admin;
    /// Pay.
    PaymentsCreate = "payments:create": Student Resident Admin Manager;
    /// See one's own payments.
    PaymentsReadOwn = "payments:read:own": Student Resident Staff Admin Manager;
    /// See every payment of the hostel.
    PaymentsReadAll = "payments:read:all": Admin Manager;
    /// Pay back.
    PaymentsRefund = "payments:refund": Admin;
    /// Use money in suspense for another invoice of the same person.
    PaymentsApply = "payments:apply": Manager Admin;
    /// Propose deductions from deposits, and settle them.
    DepositsManage = "deposits:manage": Manager Admin;
    /// Change the terms that bills are made by.
    BillingManage = "billing:manage": Admin;
    /// Read the ledger, and what was put into quarantine.
    LedgerRead = "ledger:read": Admin;
    /// Report something broken.
    MaintenanceCreate = "maintenance:create": Student Resident Guard Professional Staff Admin Manager;
    /// See one's own reports.
    MaintenanceReadOwn = "maintenance:read:own": Student Resident Guard Professional Staff Admin Manager;
    /// See every report of the hostel.
    MaintenanceReadAll = "maintenance:read:all": Staff Admin Manager;
    /// Work on a report.
    MaintenanceUpdate = "maintenance:update": Staff Admin Manager;
    /// Give a report to somebody.
    MaintenanceAssign = "maintenance:assign": Manager Admin;
    /// See one's own account here.
    UsersReadOwn = "users:read:own": Student Resident Guard Professional Staff Admin Manager;
    /// Change one's own account here.
    UsersUpdateOwn = "users:update:own": Student Resident Guard Professional Staff Admin Manager;
    /// See everybody in the hostel.
    UsersReadAll = "users:read:all": Admin Manager;
    /// Make and change people of the hostel, their roles included.
    UsersUpdateAny = "users:update:any": Admin;
    /// Delete an account.
    UsersDelete = "users:delete":;
    /// Book a seat.
    ShuttleBook = "shuttle:book": Student Resident Staff Admin Manager;
    /// Manage routes and trips.
    ShuttleManage = "shuttle:manage": Manager Admin;
    /// See reports.
    ReportsView = "reports:view": Admin Manager;
    /// See analytics.
    AnalyticsView = "analytics:view": Admin Manager;
    /// Read the hostel's settings.
    SettingsRead = "settings:read": Admin;
    /// Change the hostel's settings that are not operational.
    SettingsUpdate = "settings:update":;
    /// Change the operational settings: deadlines, SLA hours, quiet hours, expiry (J15).
    SettingsOperate = "settings:operate": Admin;
    /// Switch features.
    FlagsUpdate = "flags:update": Manager Admin;
    /// Read the audit trail.
    AuditRead = "audit:read": Admin;
    /// Make and change hostels.
    HostelsManage = "hostels:manage":;
    /// See how fast and how well the installation answers.
    PerformanceRead = "performance:read":;
}

impl Permission {
    /// Whether a role holds this permission.
    #[must_use]
    pub fn held_by(self, role: Role) -> bool {
        role == Role::SuperAdmin || self.roles().contains(&role)
    }

    /// Everything a role may do, in the order of the table.
    pub fn of(role: Role) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |permission| permission.held_by(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requirement document's matrix of the five printed roles, copied row by row.
    const PRINTED: &str = "
        bookings:create student admin manager super_admin
        bookings:read:own student staff admin manager super_admin
        bookings:read:all admin manager super_admin
        bookings:update admin manager super_admin
        bookings:approve manager admin super_admin
        bookings:delete admin super_admin
        rooms:read student staff admin manager super_admin
        rooms:create manager admin super_admin
        rooms:update manager admin super_admin
        rooms:delete admin super_admin
        payments:create student admin manager super_admin
        payments:read:own student staff admin manager super_admin
        payments:read:all admin manager super_admin
        payments:refund admin super_admin
        maintenance:create student staff admin manager super_admin
        maintenance:read:own student staff admin manager super_admin
        maintenance:read:all staff admin manager super_admin
        maintenance:update staff admin manager super_admin
        maintenance:assign manager admin super_admin
        users:read:own student staff admin manager super_admin
        users:update:own student staff admin manager super_admin
        users:read:all admin manager super_admin
        users:update:any admin super_admin
        users:delete super_admin
        shuttle:book student staff admin manager super_admin
        shuttle:manage manager admin super_admin
        reports:view admin manager super_admin
        analytics:view admin manager super_admin
        settings:read admin super_admin
        settings:update super_admin";

    #[test]
    fn the_five_printed_roles_hold_exactly_what_is_printed() {
        let printed_roles = [Role::Student, Role::Staff, Role::Manager, Role::Admin, Role::SuperAdmin];
        let rows: Vec<&str> = PRINTED.lines().map(str::trim).filter(|row| !row.is_empty()).collect();
        assert_eq!(rows.len(), 30);
        for row in rows {
            let mut words = row.split_whitespace();
            let name = words.next().unwrap();
            let allowed: Vec<&str> = words.collect();
            let permission = Permission::ALL.iter().find(|p| p.as_str() == name).unwrap();
            for role in printed_roles {
                assert_eq!(permission.held_by(role), allowed.contains(&role.as_str()), "{name} {}", role.as_str());
            }
        }
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::HashSet<_> = Permission::ALL.iter().map(|p| p.as_str()).collect();
        assert_eq!(names.len(), Permission::ALL.len());
    }
}
