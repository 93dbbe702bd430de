//! `check`: is everything as it was published?

use std::process::ExitCode;

use larder_schema::api::{CheckReport, paths};
use larder_server::config::Config;

use super::Door;

/// 0: nothing is wrong; 3: something is.
pub(crate) async fn run(config: Config, json: bool) -> anyhow::Result<ExitCode> {
    let report: CheckReport = match Door::to_what_is_there(config).await? {
        Door::Direct(opened) => opened.registry().check().await?,
        Door::Through(control) => {
            control.ask(reqwest::Method::POST, &paths::check(), None::<&()>).await?
        }
    };
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        tell(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn tell(report: &CheckReport) {
    let CheckReport { ok, archives, bytes, documents, faults } = report;
    for fault in faults {
        println!("{}: {}", fault.subject, fault.fault);
    }
    let verdict =
        if *ok { "nothing is wrong".to_owned() } else { format!("{} faults", faults.len()) };
    println!("{verdict}: read {archives} archives ({bytes} bytes) and {documents} documents");
}
