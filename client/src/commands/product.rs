//! `larder product`: what an admin says of products.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use larder_schema::api::{Page, ProductAnswer, ProductSummary, paths};
use larder_schema::{ProductDocument, ProductKind, ProductName};

use super::Session;
use super::words::word;
use super::{search, show};
use crate::error::{Exit, Failure};
use crate::remote::Remote;

/// Arguments of `larder product`.
#[derive(Args, Debug)]
pub struct ProductArgs {
    #[command(subcommand)]
    command: ProductCommand,
}

#[derive(Debug, Subcommand)]
enum ProductCommand {
    /// Declare a product, whole: kind, owners, scope, repositories, support, membership
    Set {
        /// The document: {"name": "afw", "kind": "software", "owners": ["…"], …}
        file: PathBuf,
    },
    /// Let a new product be published, where the server asks an admin first
    Approve {
        /// The product
        name: ProductName,
        /// What it is: software, third-party, metapackage or data
        #[arg(long, value_name = "KIND", default_value = "software", value_parser = word::<ProductKind>)]
        kind: ProductKind,
    },
    /// List new products that wait to be approved
    Pending,
}

/// A document that cannot be read.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("could not read `{}`", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    #[error("`{}` declares no product", .0.display())]
    Malformed(PathBuf, #[source] serde_json::Error),
    #[error("the server would refuse `{}`", .0.display())]
    Fault(PathBuf, #[source] larder_schema::product_document::ProductFault),
}

/// Runs `larder product`.
pub async fn run(args: ProductArgs, session: &Session) -> Result<Exit, Failure> {
    match args.command {
        ProductCommand::Set { file } => {
            let document = read(file)?;
            put(&session.remote()?, &document, session).await
        }
        ProductCommand::Approve { name, kind } => {
            let remote = session.remote()?;
            match remote.get::<ProductAnswer>(&paths::product(&name), &[]).await {
                // To approve it again must not undo what was declared since.
                Ok(known) => answer(&known, session),
                Err(error) if error.is_unknown() => {
                    put(&remote, &ProductDocument::bare(name, kind), session).await
                }
                Err(error) => Err(error.into()),
            }
        }
        ProductCommand::Pending => {
            let query = [("pending", "true")];
            let items: Vec<ProductSummary> =
                session.remote()?.pages(&paths::products(), &query).await?;
            let page = Page { items, next: None };
            session.output.answer(&page, || search::table(&page.items))?;
            Ok(Exit::Done)
        }
    }
}

fn read(file: PathBuf) -> Result<ProductDocument, Failure> {
    let bytes = std::fs::read(&file)
        .map_err(|error| Failure::failed(Unreadable::Read(file.clone(), error)))?;
    let document: ProductDocument = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(Exit::Usage, Unreadable::Malformed(file.clone(), error)))?;
    match document.fault() {
        Some(fault) => Err(Failure::new(Exit::Usage, Unreadable::Fault(file, fault))),
        None => Ok(document),
    }
}

async fn put(
    remote: &Remote,
    document: &ProductDocument,
    session: &Session,
) -> Result<Exit, Failure> {
    let known: ProductAnswer = remote.put(&paths::product(&document.name), document).await?;
    answer(&known, session)
}

fn answer(known: &ProductAnswer, session: &Session) -> Result<Exit, Failure> {
    session.output.answer(known, || {
        let declared = known.document.as_ref().map_or(String::new(), show::declared);
        format!("{} is approved\n{declared}", known.summary.name)
    })?;
    Ok(Exit::Done)
}
