//! `token`: make, list, revoke.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use larder_schema::ProductName;
use larder_schema::api::{Page, TokenAnswer, TokenRequest, TokenState, paths};
use larder_server::access::Scope;
use larder_server::config::Config;
use reqwest::Method;

use super::Door;

/// What the arguments ask for.
pub(crate) fn request(
    name: &str,
    scopes: Vec<String>,
    expires: Option<&str>,
    test: bool,
) -> anyhow::Result<TokenRequest> {
    for scope in &scopes {
        scope.parse::<Scope>()?;
    }
    let expires_in = expires.map(seconds).transpose()?;
    Ok(TokenRequest { name: name.parse()?, scopes, expires_in, test })
}

pub(crate) async fn create(config: Config, request: &TokenRequest) -> anyhow::Result<ExitCode> {
    let made: TokenAnswer = match Door::open(config).await? {
        Door::Direct(opened) => opened.registry().create_token(&opened.owner(), request).await?,
        Door::Through(control) => {
            control.ask(Method::POST, &paths::tokens(), Some(request)).await?
        }
    };
    println!("{}", made.token);
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn list(config: Config, json: bool) -> anyhow::Result<ExitCode> {
    let items = match Door::to_what_is_there(config).await? {
        Door::Direct(opened) => opened.registry().tokens(&opened.owner()).await?,
        Door::Through(control) => {
            let page: Page<TokenState> =
                control.ask(Method::GET, &paths::tokens(), None::<&()>).await?;
            page.items
        }
    };
    if json {
        println!("{}", serde_json::to_string(&Page { items, next: None })?);
    } else {
        items.iter().for_each(|token| println!("{}", line(token)));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn revoke(config: Config, name: &ProductName) -> anyhow::Result<ExitCode> {
    let revoked: TokenState = match Door::to_what_is_there(config).await? {
        Door::Direct(opened) => opened.registry().revoke_token(&opened.owner(), name).await?,
        Door::Through(control) => {
            control.ask(Method::DELETE, &paths::token(name.as_str()), None::<&()>).await?
        }
    };
    println!("revoked `{}`", revoked.name);
    Ok(ExitCode::SUCCESS)
}

fn line(token: &TokenState) -> String {
    let mut line = format!("{:24} {}", token.name, token.scopes.join(" "));
    if token.test {
        line.push_str(", test builds only");
    }
    match (&token.revoked, &token.expires) {
        (Some(revoked), _) => line.push_str(&format!(", revoked {revoked}")),
        (None, Some(expires)) => line.push_str(&format!(", expires {expires}")),
        (None, None) => {}
    }
    match &token.last_used {
        Some(used) => line.push_str(&format!(", last used {used}")),
        None => line.push_str(", never used"),
    }
    line
}

/// Seconds of a time such as `90d`.
fn seconds(text: &str) -> anyhow::Result<u64> {
    let unclear = || format!("`{text}` is no time: write a number and d, h, m or s, such as `90d`");
    let (number, unit) =
        text.split_at_checked(text.len().saturating_sub(1)).with_context(unclear)?;
    let unit = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => bail!(unclear()),
    };
    let number: u64 = number.parse().ok().with_context(unclear)?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).with_context(unclear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_with_a_unit() {
        assert_eq!(seconds("90d").unwrap(), 7_776_000);
        assert_eq!(seconds("12h").unwrap(), 43_200);
        for text in ["", "d", "0d", "90", "-1d", "1.5h", "9999999999999999999d", "1é"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
