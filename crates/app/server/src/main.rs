//! The `domicile` binary: reads the command line and the configuration, sets logs up, and runs one command.

use anyhow::Context;
use clap::Parser;
use domicile_http::Version;
use domicile_server::{
    cli::{Admin, Cli, Command, Import},
    commands, import, serve,
    settings::Settings,
    system,
};
use domicile_telemetry::{Format, Options};

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime could not start")?;
    runtime.block_on(run(cli))
}

fn logs(settings: &Settings) -> anyhow::Result<()> {
    let format = if settings.log_json { Format::Json } else { Format::Text };
    domicile_telemetry::init(Options { format, filter: settings.log_filter.clone(), ..Options::new(system::ambient().clock) })?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command's answer")]
async fn run(cli: Cli) -> anyhow::Result<()> {
    let ambient = system::ambient();
    match cli.command {
        Command::Serve(flags) => {
            let settings = Settings::load(&flags)?;
            logs(&settings)?;
            serve::serve(settings, ambient, flags.demo).await
        }
        Command::Migrate(common) => commands::migrate(&Settings::load_common(&common)?).await,
        Command::Admin { command: Admin::Create { email, password_stdin, common } } => {
            commands::create_admin(Settings::load_common(&common)?, ambient, email, password_stdin).await
        }
        Command::Doctor(common) => commands::doctor(Settings::load_common(&common)?, ambient).await,
        Command::Openapi { version } => {
            let version = Version::parse(&version).with_context(|| format!("there is no version {version}; try v0, v1 or v2"))?;
            println!("{}", domicile_http::openapi::text(version));
            Ok(())
        }
        Command::Import { command: Import::Bookings(flags) } => {
            let settings = Settings::load_common(&flags.common)?;
            import::bookings(settings, ambient, &flags).await
        }
    }
}
