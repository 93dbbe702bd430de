//! `larder login`: keeps server and token in the settings.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use larder_schema::ProblemKind;
use larder_schema::api::{HaveAnswer, HaveRequest, paths};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;

use super::Session;
use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::remote::{self, Origin, Remote};

/// Arguments of `larder login`.
#[derive(Args, Debug)]
#[command(after_help = "Example: larder login --server https://larder.example.org < token.txt")]
pub struct LoginArgs {
    /// Keep the server alone: reading is often open to all
    #[arg(long)]
    pub no_token: bool,
}

/// The terminal or the pipe gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("could not read the token")]
struct NoToken(#[source] io::Error);

/// Runs `larder login`.
pub async fn run(args: LoginArgs, session: &Session) -> Result<Exit, Failure> {
    let origin = session.origin()?;
    let file = session.config_file()?;
    let token = match (args.no_token, session.given_token()) {
        (true, _) => None,
        (false, Some(token)) => Some(token.to_owned()),
        (false, None) => {
            Some(read_token(&origin).map_err(|error| Failure::failed(NoToken(error)))?)
        }
    };
    if token.as_ref().is_some_and(String::is_empty) {
        return Err(
            Failure::usage("the token is empty").hint("`--no-token` keeps the server alone")
        );
    }
    if token.is_some() && !origin.may_have_token() {
        return Err(Failure::usage(format!(
            "a token is not sent to `{origin}`, which is plain http"
        ))
        .hint("use an https address"));
    }
    try_token(&Remote::new(origin.clone(), token.as_deref(), session.progress)?).await?;
    let plan = session.policies().clone();
    let config = Config { server: Some(origin.to_string()), token, plan };
    config.write(&file).map_err(Failure::failed)?;
    session.output.answer(&json!({ "server": origin, "config": file }), || {
        format!("{origin} is kept in {}", file.display())
    })?;
    Ok(Exit::Done)
}

/// A question that costs nothing; only a dead token is told, not one that may not ask it.
async fn try_token(remote: &Remote) -> Result<(), Failure> {
    let request = HaveRequest { checksums: Vec::new() };
    match remote.post::<_, HaveAnswer>(&paths::have(), &request).await {
        Err(error @ remote::Error::Refused { .. })
            if error.kind() != Some(ProblemKind::Unauthenticated) =>
        {
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// From a pipe the first line; from a terminal a line that is not shown.
fn read_token(origin: &Origin) -> io::Result<String> {
    let stdin = io::stdin();
    let hidden = if stdin.is_terminal() {
        write!(io::stderr(), "Token for {origin}: ")?;
        io::stderr().flush()?;
        let before = tcgetattr(&stdin)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
        Some(before)
    } else {
        None
    };
    let mut line = String::new();
    let outcome = stdin.lock().read_line(&mut line);
    if let Some(before) = hidden {
        tcsetattr(&stdin, OptionalActions::Flush, &before)?;
        writeln!(io::stderr())?;
    }
    outcome?;
    Ok(line.trim().to_owned())
}
