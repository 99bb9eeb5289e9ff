//! The commands beside `serve`.

use std::{io::Read, time::Duration};

use anyhow::{Context, bail};
use domicile_access::{Password, usecases::directory::CreateSuperAdmin};
use domicile_billing::ports::{Domain, PaymentGateway as _};
use domicile_db::{Database, schema};
use domicile_kernel::{Ambient, Fault, Purpose, Scope, fault::Detail};

use crate::{
    house::House,
    settings::{Profile, Settings},
};

/// `migrate`.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    std::fs::create_dir_all(&settings.data_dir)?;
    let applied = schema::migrate(&settings.owner_url).await?;
    println!("{applied} migrations applied; the schema is at release {}", domicile_migration::RELEASE);
    Ok(())
}

/// `admin create`.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn create_admin(
    settings: Settings,
    ambient: Ambient,
    email: String,
    password_stdin: bool,
) -> anyhow::Result<()> {
    let password = if password_stdin { read_password()? } else { ask_password()? };
    let house = House::open(settings, ambient).await?;
    let call = house.operator(Scope::System(Purpose::Installation));
    let command =
        CreateSuperAdmin { email: Some(email), password: Some(Password::new(password)), ..CreateSuperAdmin::default() };
    match house.directory.create_super_admin(&call, command).await {
        Ok(made) => println!("{} is a super_admin now ({})", made.email, made.id),
        Err(error) => {
            if let Detail::Fields(fields) = error.detail() {
                let told: Vec<String> = fields.0.into_iter().map(|field| field.message).collect();
                bail!("{}", told.join("; "));
            }
            return Err(error.into());
        }
    }
    house.database.close().await;
    Ok(())
}

pub(crate) fn read_password() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(4_096)
        .read_to_string(&mut text)
        .context("the password could not be read from standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks at the terminal, on standard error, since what a command prints may be piped on. The password is shown while it is
/// typed, which the prompt says.
pub(crate) fn ask_password() -> anyhow::Result<String> {
    use std::io::Write;
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "Password (shown while you type; use --password-stdin in scripts): ")?;
    terminal.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("the password could not be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// `doctor`: one line each, and a failure at the end when one of them is bad.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn doctor(settings: Settings, ambient: Ambient) -> anyhow::Result<()> {
    let mut bad = 0;
    let mut tell = |good: bool, line: String| {
        println!("{} {line}", if good { "ok  " } else { "BAD " });
        bad += usize::from(!good);
    };
    tell(
        true,
        format!(
            "configuration: {:?} profile, listen {}, data in {}",
            settings.profile,
            settings.listen,
            settings.data_dir.display()
        ),
    );
    if settings.owner_url == settings.database_url
        && domicile_db::Backend::of(&settings.database_url) == Some(domicile_db::Backend::Postgres)
    {
        tell(
            true,
            "database: one URL owns the tables and serves; fine on one machine, give database.owner_url elsewhere"
                .to_owned(),
        );
    }
    match &settings.smtp_url {
        Some(_) => tell(true, format!("mail: by SMTP, from {}", settings.mail_from)),
        None => tell(true, format!("mail: to files in {}", settings.data_dir.join("outbox").display())),
    }
    match House::open(settings, ambient.clone()).await {
        Ok(house) => {
            tell(
                true,
                format!(
                    "database: {:?}, schema at release {}, keys fit",
                    house.database.backend(),
                    domicile_migration::RELEASE
                ),
            );
            let (good, line) = clock(&house.database, &ambient).await;
            tell(good, line);
            let (good, line) = payments(&house).await;
            tell(good, line);
            house.database.close().await;
        }
        Err(error) => tell(false, format!("house: {error:#}")),
    }
    if bad > 0 {
        bail!("{bad} of the checks {} bad", if bad == 1 { "is" } else { "are" });
    }
    Ok(())
}

async fn clock(database: &Database, ambient: &Ambient) -> (bool, String) {
    match database.clock_micros().await {
        Ok(None) => (true, "clock: the database has none of its own".to_owned()),
        Ok(Some(theirs)) => {
            let apart = Duration::from_micros(theirs.abs_diff(ambient.now().micros()));
            (apart < Duration::from_secs(2), format!("clock: {} ms from the database's", apart.as_millis()))
        }
        Err(error) => (false, format!("clock: the database's cannot be read: {error}")),
    }
}

/// By whom payments are taken, and whether they answer.
async fn payments(house: &House) -> (bool, String) {
    let Some(gateway) = &house.payments.gateway else {
        return (true, "payments: not taken; set payments.provider to take them".to_owned());
    };
    let answers = gateway.ask().await;
    let Some(paystack) = &house.payments.paystack else {
        return (answers, "payments: by the sandbox, which moves no money".to_owned());
    };
    let live = gateway.domain() == Domain::Live;
    let key = if live { "a live key" } else { "a test key, with which no money moves" };
    let promised = gateway.session_length();
    match paystack.account_session().await {
        Ok(Some(session)) if session > promised => {
            let (theirs, ours) = (session.as_secs().div_ceil(60), promised.as_secs() / 60);
            let line = format!(
                "payments: by Paystack with {key}; the account lets people pay for {theirs} minutes, \
                 payments.paystack_session_minutes says {ours}"
            );
            (false, line)
        }
        Ok(_within) => (
            live || house.settings.profile == Profile::Local,
            format!("payments: by Paystack with {key}, which it takes"),
        ),
        Err(error) => (false, format!("payments: by Paystack with {key}: {error}")),
    }
}
