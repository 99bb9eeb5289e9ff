//! Reading and changing settings.

use domicile_kernel::{Audience, Code, Detail, Fault, HostelId, Permission, Role, call::Refusal};
use domicile_tenancy::{
    Proration, QuietHoursInput, ReadTenancyError, Registration, SlaHoursInput, UpdateSettings, UpdateSettingsError,
};
use pollster::block_on;

use crate::house::{House, broken};

fn operational() -> UpdateSettings {
    UpdateSettings {
        entry_request_expiry_minutes: Some(30),
        pending_hold_hours: Some(24),
        booking_deadline_hours: Some(2),
        cancellation_deadline_hours: Some(48),
        maintenance_sla_hours: Some(SlaHoursInput { urgent: Some(2), ..SlaHoursInput::default() }),
        quiet_hours: Some(QuietHoursInput { start: Some("23:30".into()), end: None }),
        ..UpdateSettings::default()
    }
}

/// Each setting that only a super_admin changes, alone.
fn beyond_operation() -> [UpdateSettings; 7] {
    let nothing = UpdateSettings::default;
    [
        UpdateSettings { currency: Some("NGN".into()), ..nothing() },
        UpdateSettings { time_zone: Some("Africa/Lagos".into()), ..nothing() },
        UpdateSettings { minimum_stay_months: Some(0), ..nothing() },
        UpdateSettings { approval_required: Some(false), ..nothing() },
        UpdateSettings { registration: Some("Closed".into()), ..nothing() },
        UpdateSettings { default_country: Some("ng".into()), ..nothing() },
        UpdateSettings { proration: Some("Thirty_days".into()), ..nothing() },
    ]
}

#[test]
fn an_admin_changes_the_operational_settings() {
    block_on(async {
        let house = House::build().await;
        let admin = house.as_role(Role::Admin);
        let before = house.tenancy.settings(&admin).await.unwrap();
        let after = house.tenancy.update_settings(&admin, operational(), 1).await.unwrap();
        assert_eq!((after.entry_request_expiry_minutes, after.pending_hold_hours), (30, 24));
        assert_eq!((after.booking_deadline_hours, after.cancellation_deadline_hours), (2, 48));
        assert_eq!((after.maintenance_sla_hours.urgent, after.maintenance_sla_hours.low), (2, 168));
        assert_eq!(
            (after.quiet_hours.start.to_string(), after.quiet_hours.end),
            ("23:30".into(), before.quiet_hours.end)
        );
        assert_eq!((after.version, after.updated_at), (2, house.ambient.now()));
        assert_eq!(house.tenancy.settings(&admin).await.unwrap(), after);

        let event = house.store.events().await.pop().unwrap();
        assert_eq!((event.kind, event.audience), ("settings.updated", Audience::Permission(Permission::SettingsRead)));
        let entry = house.store.audit().await.pop().unwrap();
        assert_eq!((entry.action, entry.target_id), ("settings.update", Some(house.hostel.id.uuid())));
        assert_eq!(entry.before.unwrap()["pending_hold_hours"], 72);
        assert_eq!(entry.after.unwrap()["pending_hold_hours"], 24);
    });
}

#[test]
fn an_admin_may_not_change_anything_else_not_even_mixed_with_operational_settings() {
    block_on(async {
        let house = House::build().await;
        let admin = house.as_role(Role::Admin);
        for alone in beyond_operation() {
            let mixed = UpdateSettings { pending_hold_hours: Some(24), ..alone.clone() };
            for command in [alone, mixed] {
                let refused = house.tenancy.update_settings(&admin, command, 1).await.unwrap_err();
                assert_eq!(refused.code(), Code::InsufficientPermissions);
                let named = Detail::Permission { required: "settings:update", role: Some("admin") };
                assert_eq!(refused.detail(), named);
            }
        }
        assert_eq!(house.tenancy.settings(&admin).await.unwrap().version, 1);
    });
}

#[test]
fn a_super_admin_changes_all_settings() {
    block_on(async {
        let house = House::build().await;
        let root = house.as_role(Role::SuperAdmin);
        for (version, command) in (1..).zip(beyond_operation()) {
            house.tenancy.update_settings(&root, command, version).await.unwrap();
        }
        let after = house.tenancy.update_settings(&root, operational(), 8).await.unwrap();
        assert_eq!((after.currency.code(), after.time_zone.name()), ("NGN", "Africa/Lagos"));
        assert_eq!((after.minimum_stay_months, after.approval_required), (0, false));
        assert_eq!((after.registration, after.default_country.as_str()), (Registration::Closed, "NG"));
        assert_eq!(after.proration, Proration::ThirtyDays);
        assert_eq!((after.pending_hold_hours, after.version), (24, 9));
    });
}

#[test]
fn the_currency_stays_once_something_is_priced_in_it() {
    block_on(async {
        let house = House::build().await;
        let root = house.as_role(Role::SuperAdmin);
        let currency = |code: &str| UpdateSettings { currency: Some(code.into()), ..UpdateSettings::default() };
        let bare = house.tenancy.update_settings(&root, currency("NGN"), 1).await.unwrap();
        assert_eq!((bare.currency.code(), bare.version), ("NGN", 2), "nothing is priced yet");
        house.store.price(house.hostel.id).await;
        let mixed = UpdateSettings { pending_hold_hours: Some(5), ..currency("ghs") };
        // The version is not looked at: the latest one would be refused as well.
        for (command, version) in [(currency("GHS"), 2), (currency("GHS"), 1), (mixed, 2)] {
            let refused = house.tenancy.update_settings(&root, command, version).await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceConflict);
            assert!(refused.to_string().starts_with("The hostel has rooms or books in NGN: "), "{refused}");
        }
        assert_eq!(house.tenancy.settings(&root).await.unwrap(), bare, "a refused change changes nothing");
        let same = UpdateSettings { pending_hold_hours: Some(5), ..currency("NGN") };
        let same = house.tenancy.update_settings(&root, same, 2).await.unwrap();
        assert_eq!((same.currency.code(), same.pending_hold_hours, same.version), ("NGN", 5, 3));
        let elsewhere = house.inside(house.society.id, Some(Role::SuperAdmin));
        assert!(
            house.tenancy.update_settings(&elsewhere, currency("EUR"), 1).await.is_ok(),
            "another hostel's are its own"
        );
    });
}

#[test]
fn the_rule_of_pricing_is_told_with_the_change_and_an_unknown_one_is_told_all_three() {
    block_on(async {
        let house = House::build().await;
        let root = house.as_role(Role::SuperAdmin);
        assert_eq!(house.tenancy.settings(&root).await.unwrap().proration, Proration::CalendarDays);
        let by = |word: &str| UpdateSettings { proration: Some(word.into()), ..UpdateSettings::default() };
        house.tenancy.update_settings(&root, by("whole_months"), 1).await.unwrap();
        assert_eq!(house.store.events().await.pop().unwrap().data["proration"], "whole_months");
        let entry = house.store.audit().await.pop().unwrap();
        assert_eq!(entry.before.unwrap()["proration"], "calendar_days");
        assert_eq!(entry.after.unwrap()["proration"], "whole_months");
        let refused = house.tenancy.update_settings(&root, by("nightly"), 2).await.unwrap_err();
        let UpdateSettingsError::Invalid(errors) = refused else { panic!("expected wrong fields") };
        let message = "proration must be one of: calendar_days, thirty_days, whole_months";
        assert_eq!((errors.0[0].field.as_str(), errors.0[0].message.as_str()), ("proration", message));
    });
}

#[test]
fn below_admin_nobody_reads_or_changes_settings() {
    block_on(async {
        let house = House::build().await;
        for role in [Role::Student, Role::Resident, Role::Professional, Role::Guard, Role::Staff, Role::Manager] {
            let call = house.as_role(role);
            let refused = house.tenancy.update_settings(&call, operational(), 1).await.unwrap_err();
            let named = Detail::Permission { required: "settings:operate", role: Some(role.as_str()) };
            assert_eq!(refused.detail(), named);
            let refused = house.tenancy.settings(&call).await.unwrap_err();
            assert!(matches!(refused, ReadTenancyError::Refused(Refusal::Permission { .. })));
        }
        let refused = house.tenancy.update_settings(&house.anonymous(), operational(), 1).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthorized);
    });
}

#[test]
fn every_setting_out_of_range_is_named() {
    block_on(async {
        let house = House::build().await;
        let root = house.as_role(Role::SuperAdmin);
        let command = UpdateSettings {
            currency: Some("GOLD".into()),
            time_zone: Some(String::new()),
            minimum_stay_months: Some(25),
            approval_required: Some(true),
            entry_request_expiry_minutes: Some(0),
            pending_hold_hours: Some(i64::MAX),
            booking_deadline_hours: Some(-1),
            cancellation_deadline_hours: Some(721),
            maintenance_sla_hours: Some(SlaHoursInput {
                low: Some(0),
                medium: Some(8_761),
                high: Some(1),
                urgent: Some(i64::MIN),
            }),
            quiet_hours: Some(QuietHoursInput { start: Some("25:00".into()), end: Some("7".into()) }),
            registration: Some("sometimes".into()),
            default_country: Some("Ghana".into()),
            proration: Some("daily".into()),
        };
        let refused = house.tenancy.update_settings(&root, command, 1).await.unwrap_err();
        let UpdateSettingsError::Invalid(errors) = refused else { panic!("expected wrong fields") };
        assert_eq!(
            broken(&errors),
            [
                ("currency", "currency"),
                ("time_zone", "time_zone"),
                ("minimum_stay_months", "range"),
                ("entry_request_expiry_minutes", "range"),
                ("pending_hold_hours", "range"),
                ("booking_deadline_hours", "range"),
                ("cancellation_deadline_hours", "range"),
                ("maintenance_sla_hours.low", "range"),
                ("maintenance_sla_hours.medium", "range"),
                ("maintenance_sla_hours.urgent", "range"),
                ("quiet_hours.start", "time"),
                ("quiet_hours.end", "time"),
                ("registration", "one_of"),
                ("default_country", "country"),
                ("proration", "one_of"),
            ]
        );
        let refused = house.tenancy.update_settings(&root, UpdateSettings::default(), 1).await.unwrap_err();
        let UpdateSettingsError::Invalid(errors) = refused else { panic!("expected an empty change to be refused") };
        assert_eq!(broken(&errors), [("body", "required")]);
    });
}

#[test]
fn a_stale_version_of_settings_is_a_conflict_with_the_latest_record() {
    block_on(async {
        let house = House::build().await;
        let admin = house.as_role(Role::Admin);
        let latest = house.tenancy.update_settings(&admin, operational(), 1).await.unwrap();
        let refused = house.tenancy.update_settings(&admin, operational(), 1).await.unwrap_err();
        assert_eq!(refused.code(), Code::VersionConflict);
        let latest = serde_json::to_value(latest).unwrap();
        assert_eq!(refused.detail(), Detail::Version { current: 2, yours: 1, latest });
        assert_eq!(house.store.events().await.len(), 3);
    });
}

#[test]
fn a_hostel_that_is_not_there_has_no_settings() {
    block_on(async {
        let house = House::build().await;
        let nowhere = house.inside(HostelId::new(house.ambient.id()), Some(Role::SuperAdmin));
        assert_eq!(house.tenancy.settings(&nowhere).await.unwrap_err().code(), Code::NotFound);
        let refused = house.tenancy.update_settings(&nowhere, operational(), 1).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    });
}

#[test]
fn a_body_is_read_straight_into_the_command() {
    let body = r#"{"quiet_hours": {"start": "22:15"}, "approval_required": false}"#;
    let command: UpdateSettings = serde_json::from_str(body).unwrap();
    assert_eq!(command.quiet_hours.as_ref().unwrap().start.as_deref(), Some("22:15"));
    assert_eq!(command.needs(), Permission::SettingsUpdate);
    assert!(serde_json::from_str::<UpdateSettings>(r#"{"quiet_hours": {"begin": "22:15"}}"#).is_err());
}
