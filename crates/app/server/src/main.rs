//! The `domicile` binary: reads the command line and the configuration, sets logs up, and runs one command.

use std::{io::Write, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Parser;
use domicile_http::Version;
use domicile_server::{
    cli::{Admin, Cli, Command, Import},
    commands, documents, import, listen, serve,
    settings::Settings,
    system,
};
use domicile_telemetry::{Format, Lines, LogFiles, Options, Running};

/// An error is one line with its causes, never a backtrace: it is for whoever started the command.
#[expect(clippy::print_stderr, reason = "where a command says why it failed")]
fn main() -> ExitCode {
    match begin(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("domicile: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn begin(cli: Cli) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime could not start")?;
    runtime.block_on(run(cli))
}

/// Logs and spans, for as long as the answer is kept.
fn telemetry(settings: &Settings) -> anyhow::Result<(Running, Lines)> {
    let format = if settings.log_json { Format::Json } else { Format::Text };
    let clock = system::ambient().clock;
    let files = settings.log_dir.clone().map(|folder| LogFiles { folder, keep: settings.log_keep_days as usize });
    let lines = Lines::start(files, Arc::clone(&clock)).context("log files cannot be written")?;
    let options = Options {
        format,
        filter: settings.log_filter.clone(),
        writer: lines.writer(),
        otlp_endpoint: settings.otlp_endpoint.clone(),
        ..Options::new(clock)
    };
    Ok((domicile_telemetry::init(options)?, lines))
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let ambient = system::ambient();
    match cli.command {
        Command::Serve(flags) => {
            let settings = Settings::load(&flags)?;
            // In this order they end, too: the last spans first, for they may have something to log.
            let _telemetry = telemetry(&settings)?;
            serve::serve(settings, ambient, flags.demo).await
        }
        Command::Migrate(common) => commands::migrate(&Settings::load_common(&common)?).await,
        Command::Admin { command: Admin::Create { email, password_stdin, common } } => {
            commands::create_admin(Settings::load_common(&common)?, ambient, email, password_stdin).await
        }
        Command::Doctor(common) => commands::doctor(Settings::load_common(&common)?, ambient).await,
        Command::Openapi { out: Some(folder), .. } => documents::write(&folder),
        Command::Openapi { version, out: None } => {
            let version =
                Version::parse(&version).with_context(|| format!("there is no version {version}; try v0, v1 or v2"))?;
            let text = domicile_http::openapi::text(version) + "\n";
            // Not `println!`, which panics when who reads has seen enough.
            std::io::stdout().write_all(text.as_bytes()).context("the document could not be printed")
        }
        Command::Listen(flags) => listen::listen(flags).await,
        Command::Import { command: Import::Bookings(flags) } => {
            let settings = Settings::load_common(&flags.common)?;
            import::bookings(settings, ambient, &flags).await
        }
    }
}
