//! Hostels, settings, feature flags.

use actix_web::web;
use domicile_kernel::Permission;
use domicile_tenancy::{CreateHostel, FlagsView, HostelView, SettingsView, UpdateFlags, UpdateHostel, UpdateSettings};

use crate::{
    endpoints::{
        hostels::{self, HostelFilters},
        settings,
    },
    operation::{Access, CacheClass, Operation},
};

const TAG: &str = "Hostels";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::get("hostels.mine", "/hostels", TAG, "The hostels one may enter", || {
            web::route().to(hostels::mine::handle)
        })
        .access(Access::Account)
        .lists::<HostelView, HostelFilters>(),
        Operation::get("hostels.list", "/admin/hostels", TAG, "Every hostel", || {
            web::route().to(hostels::list::handle)
        })
        .access(Access::Account)
        .needs(&[Permission::HostelsManage])
        .lists::<HostelView, HostelFilters>(),
        Operation::create("hostels.create", "/admin/hostels", TAG, "Make a hostel or a society", || {
            web::route().to(hostels::create::handle)
        })
        .access(Access::Account)
        .needs(&[Permission::HostelsManage])
        .takes::<CreateHostel>()
        .answers::<HostelView>(),
        Operation::get("hostels.get", "/admin/hostels/{id}", TAG, "One hostel", || {
            web::route().to(hostels::get::handle)
        })
        .access(Access::Account)
        .needs(&[Permission::HostelsManage])
        .answers::<HostelView>(),
        Operation::put("hostels.update", "/admin/hostels/{id}", TAG, "Rename, suspend or reopen a hostel", || {
            web::route().to(hostels::update::handle)
        })
        .access(Access::Account)
        .needs(&[Permission::HostelsManage])
        .versioned()
        .takes::<UpdateHostel>()
        .answers::<HostelView>(),
        Operation::get("settings.get", "/settings", TAG, "The settings of the hostel", || {
            web::route().to(settings::get::handle)
        })
        .needs(&[Permission::SettingsRead])
        .answers::<SettingsView>()
        .cached(CacheClass::Settings),
        Operation::put("settings.update", "/settings", TAG, "Change settings of the hostel", || {
            web::route().to(settings::update::handle)
        })
        .needs(&[Permission::SettingsUpdate, Permission::SettingsOperate])
        .versioned()
        .takes::<UpdateSettings>()
        .answers::<SettingsView>(),
        Operation::get("flags.get", "/feature-flags", TAG, "Which features are on", || {
            web::route().to(settings::flags::handle)
        })
        .answers::<FlagsView>()
        .cached(CacheClass::Flags),
        Operation::put("flags.update", "/admin/feature-flags", TAG, "Switch features", || {
            web::route().to(settings::update_flags::handle)
        })
        .needs(&[Permission::FlagsUpdate])
        .takes::<UpdateFlags>()
        .answers::<FlagsView>(),
    ]
}
