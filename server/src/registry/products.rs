//! Products: found by all that is known of them, declared by admins, approved before they are there.

use larder_schema::api::{Page, ProductAnswer, ProductSummary};
use larder_schema::{ProductDocument, ProductName};

use super::Registry;
use super::lookup::LookupError;
use super::publish::{PublishError, to_the_end};
use crate::access::{Caller, Permission};
use crate::config::Twins;

impl Registry {
    /// Products by name: all, or those that a text finds.
    ///
    /// A page is full of what the caller may read, and its cursor is the name of one of those: names
    /// that may not be read are not told by where a page ends.
    pub async fn products(
        &self,
        caller: &Caller,
        query: Option<&str>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<ProductSummary>, LookupError> {
        caller.demand_reader()?;
        let (mut items, mut next): (Vec<ProductSummary>, _) =
            (Vec::new(), cursor.map(str::to_owned));
        let mut at_once = limit;
        loop {
            let page = self.inner.catalog.products(query, next.as_deref(), at_once).await?;
            let read = page.items.into_iter();
            items.extend(read.filter(|product| caller.may(Permission::Read(&product.name))));
            next = page.next;
            if items.len() >= limit || next.is_none() {
                break;
            }
            at_once = limit.max(self.inner.config.limits.page_items_most);
        }
        let more = next.is_some() || items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.name.to_string());
        Ok(Page { items, next })
    }

    /// Names that somebody wanted to publish under, and that no admin has approved; for admins, since
    /// anybody who may publish something may have made them up.
    pub async fn pending_products(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<ProductSummary>, LookupError> {
        caller.demand(Permission::Admin)?;
        Ok(self.inner.catalog.pending_products(cursor, limit).await?)
    }

    /// One product, and what is declared of it.
    pub async fn product(
        &self,
        caller: &Caller,
        name: &ProductName,
    ) -> Result<ProductAnswer, LookupError> {
        caller.demand(Permission::Read(name))?;
        let found = self.inner.catalog.product(name).await?;
        found.ok_or_else(|| LookupError::NoProduct { name: name.clone() })
    }

    /// Declares a product, whole; one that is not there is there since, and approved.
    pub async fn declare(
        &self,
        caller: &Caller,
        name: &ProductName,
        document: ProductDocument,
    ) -> Result<ProductAnswer, PublishError> {
        caller.demand(Permission::Admin)?;
        if document.name != *name {
            let (name, other) = (name.clone(), document.name);
            return Err(PublishError::OtherName { name, other });
        }
        if let Some(fault) = document.fault() {
            return Err(PublishError::Product { name: name.clone(), fault: Box::new(fault) });
        }
        let twins = self.inner.config.publish.twins == Twins::Allow;
        let (registry, act, name) = (self.clone(), self.act(caller), name.clone());
        to_the_end(async move {
            registry.inner.catalog.declare(&document, twins, &act).await??;
            registry.flush_journal().await?;
            let found = registry.inner.catalog.product(&name).await?;
            Ok(found.expect("a product that is declared is there"))
        })
        .await
    }

    /// Notes who would be published, if an admin approved it.
    pub(super) async fn note_pending(
        &self,
        caller: &Caller,
        products: &[ProductName],
    ) -> Result<(), PublishError> {
        let most = self.inner.config.limits.pending_products;
        Ok(self.inner.catalog.note_pending(products, most, &self.act(caller)).await?)
    }
}
