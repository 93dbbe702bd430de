//! Tags.

use actix_web::HttpResponse;
use larder_schema::api::{TagRequest, TagState, TagsAnswer};
use larder_schema::{Label, ProductName};

use super::{PAGE, PageQuery};
use crate::access::Caller;
use crate::http::body::{self, Json, Path, Query, Shared};
use crate::http::{ApiError, Needs, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::put("/api/v1/tags/{name}/{tag}", "Moves a tag, if it stands where it is expected")
            .needs(Needs::Scope("tag"))
            .takes::<TagRequest>()
            .gives::<TagState>(200, "Where it stands")
            .to(move_tag),
        Route::get("/api/v1/tags/{name}", "Where the tags of a distribution stand")
            .needs(Needs::Reader)
            .query(&PAGE)
            .gives::<TagsAnswer>(200, "All tags, and one page of their moves, the last first")
            .to(tags),
    ]
}

async fn move_tag(
    registry: Shared,
    caller: Caller,
    Path((name, tag)): Path<(ProductName, Label)>,
    Json(request): Json<TagRequest>,
) -> Result<HttpResponse, ApiError> {
    Ok(body::answer(&registry.move_tag(&caller, &name, &tag, request).await?))
}

async fn tags(
    registry: Shared,
    caller: Caller,
    Path(name): Path<ProductName>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let limit = registry.config().limits.page(query.limit);
    Ok(body::answer(&registry.tags(&caller, &name, query.cursor.as_deref(), limit).await?))
}
