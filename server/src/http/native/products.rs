//! Products.

use actix_web::HttpResponse;
use larder_schema::api::{Page, ProductAnswer, ProductSummary};
use larder_schema::{ProductDocument, ProductName};
use serde::Deserialize;

use super::PAGE;
use crate::access::Caller;
use crate::http::body::{self, Json, Path, Query, Shared};
use crate::http::{ApiError, Needs, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/products", "Products, by name")
            .needs(Needs::Reader)
            .query(&[
                (
                    "q",
                    "text that name or summary has, or an upstream version or a file begins with",
                ),
                ("pending", "`true`: those that an admin has not approved yet, for admins"),
                PAGE[0],
                PAGE[1],
            ])
            .gives::<Page<ProductSummary>>(200, "One page of them")
            .to(products),
        Route::get("/api/v1/products/{product}", "One product")
            .needs(Needs::Reader)
            .gives::<ProductAnswer>(200, "What is known of it, and what is declared")
            .to(product),
        Route::put("/api/v1/products/{product}", "Declares a product, whole, and approves it")
            .needs(Needs::Admin)
            .takes::<ProductDocument>()
            .gives::<ProductAnswer>(200, "What is known of it, and what is declared")
            .to(declare),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductsQuery {
    q: Option<String>,
    #[serde(default)]
    pending: bool,
    cursor: Option<String>,
    limit: Option<usize>,
}

async fn products(
    registry: Shared,
    caller: Caller,
    Query(query): Query<ProductsQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    let (q, cursor) = (query.q.as_deref(), query.cursor.as_deref());
    let page = if query.pending {
        registry.pending_products(&caller, cursor, limit).await?
    } else {
        registry.products(&caller, q, cursor, limit).await?
    };
    Ok(body::answer(&page))
}

async fn product(
    registry: Shared,
    caller: Caller,
    Path(name): Path<ProductName>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.product(&caller, &name).await?))
}

async fn declare(
    registry: Shared,
    caller: Caller,
    Path(name): Path<ProductName>,
    Json(document): Json<ProductDocument>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.declare(&caller, &name, document).await?))
}
