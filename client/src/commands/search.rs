//! `larder search`: which products are there?

use clap::Args;
use larder_schema::api::{Matched, MatchedBy, Page, ProductSummary, paths};

use super::Session;
use super::table::Table;
use crate::error::{Exit, Failure};

/// Arguments of `larder search`.
#[derive(Args, Debug)]
pub struct SearchArgs {
    /// Part of a name or summary, or what an upstream version or a file's name begins with
    /// (libarrow.so); nothing: all products
    #[arg(default_value = "", hide_default_value = true)]
    pub text: String,
}

/// Runs `larder search`.
pub async fn run(args: SearchArgs, session: &Session) -> Result<Exit, Failure> {
    let query: &[(&str, &str)] = if args.text.is_empty() { &[] } else { &[("q", &args.text)] };
    let items: Vec<ProductSummary> = session.remote()?.pages(&paths::products(), query).await?;
    let found = !items.is_empty();
    let page = Page { items, next: None };
    session.output.answer(&page, || table(&page.items))?;
    if !found {
        session.progress.note(format!("nothing is known by `{}`", args.text));
    }
    Ok(if found { Exit::Done } else { Exit::No })
}

/// Products, one a line.
pub(super) fn table(products: &[ProductSummary]) -> String {
    if products.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["PRODUCT", "NEWEST", "BUILDS", "SUMMARY", ""]).right(2);
    for product in products {
        table.row([
            product.name.to_string(),
            product.newest.as_ref().map_or("-".to_owned(), ToString::to_string),
            product.builds.to_string(),
            product.summary.as_ref().map_or(String::new(), ToString::to_string),
            product.matched.as_ref().map_or(String::new(), why),
        ]);
    }
    table.render()
}

/// Why a product was found, where that is not to be seen in its line.
fn why(matched: &Matched) -> String {
    match matched.by {
        MatchedBy::Name | MatchedBy::Summary => String::new(),
        MatchedBy::UpstreamVersion => format!("has upstream version {}", matched.text),
        MatchedBy::File => format!("has file {}", matched.text),
    }
}
