//! Lists: in pages that lose nothing and repeat nothing.

use larder_tests::{TestRegistry, build, distribution};
use serde_json::Value;

const COUNT: usize = 23;

/// A server with so many products, each with a build and a distribution.
async fn with_many() -> TestRegistry {
    let registry = TestRegistry::start().await;
    let parcels: Vec<_> = (0..COUNT)
        .map(|at| build(&format!("p{at:02}"), "1.0.0-b1").without_archive().pack())
        .collect();
    registry.publish_all(&parcels.iter().collect::<Vec<_>>()).await;
    for parcel in &parcels {
        registry.distribute(&distribution(parcel.product(), "1.0.0").of([parcel])).await;
    }
    registry
}

#[tokio::test]
async fn pages_of_any_size_hold_all_items_once() {
    let registry = with_many().await;
    for (path, key) in [
        ("/api/v1/products", "name"),
        ("/api/v1/builds", "product"),
        ("/api/v1/distributions", "name"),
    ] {
        let all = registry.anybody().all(path, 100).await;
        for limit in [1, 7, COUNT, COUNT + 1] {
            assert_eq!(registry.anybody().all(path, limit).await, all, "{path} by {limit}");
        }

        let mut names: Vec<_> = all.iter().map(|item| item[key].as_str().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COUNT, "{path}");
    }
}

#[tokio::test]
async fn the_last_published_comes_first_and_products_come_by_name() {
    let registry = TestRegistry::start().await;
    for product in ["m", "z", "a"] {
        registry.publish(build(product, "1.0.0-b1").file("f", product.as_bytes())).await;
    }

    let builds = registry.anybody().all("/api/v1/builds", 2).await;
    let products = registry.anybody().all("/api/v1/products", 2).await;

    let names = |items: &[Value], key: &str| -> Vec<String> {
        items.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&builds, "product"), ["a", "z", "m"]);
    assert_eq!(names(&products, "name"), ["a", "m", "z"]);
}

#[tokio::test]
async fn what_is_published_between_two_pages_disturbs_neither() {
    let registry = with_many().await;
    let http = registry.anybody();
    let first: Value = http.read("/api/v1/builds?limit=10").await;
    registry.publish(build("new", "1.0.0-b1").file("f", b"new")).await;

    let cursor = first["next"].as_str().unwrap();
    let second: Value = http.read(&format!("/api/v1/builds?limit=20&cursor={cursor}")).await;

    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["product"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = [names(&first), names(&second)].concat();
    all.sort();
    assert_eq!(all, (0..COUNT).map(|at| format!("p{at:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn builds_are_found_by_what_is_known_of_them() {
    let registry = TestRegistry::start().await;
    let revision = "0123456789abcdef0123456789abcdef01234567";
    let source = serde_json::json!({"repository": "https://example.org/afw", "revision": revision});
    let made = build("afw", "1.0.0-b1").file("a", b"a").field("source", source);
    registry.publish(made.field("upstream_version", "1.0.post1".into())).await;
    registry.publish(build("afw", "1.1.0-b1").file("b", b"b").platform("any")).await;
    registry.publish(build("log", "1.0.0-b1").file("c", b"c")).await;
    for (query, found) in [
        ("", 3),
        ("product=afw", 2),
        ("product=afw&version=1.0.0", 1),
        ("version=1.0.0", 2),
        (&format!("revision={revision}"), 1),
        ("upstream_version=1.0.post1", 1),
        ("platform=any", 1),
        ("platform=linux-x86_64", 2),
        ("product=nothing", 0),
    ] {
        let builds = registry.anybody().all(&format!("/api/v1/builds?{query}"), 10).await;
        assert_eq!(builds.len(), found, "{query}");
    }
    let products = registry.anybody().all("/api/v1/products?q=AF", 10).await;
    assert_eq!(products.len(), 1);
}

#[tokio::test]
async fn a_name_with_signs_in_it_is_found_at_its_address() {
    let registry = TestRegistry::start().await;
    let parcel = registry.publish(build("boost.a-b_c+x", "1.0.0-b1").file("a", b"a")).await;

    for name in ["boost.a-b_c%2Bx", "boost.a-b_c+x"] {
        let product: Value = registry.anybody().read(&format!("/api/v1/products/{name}")).await;
        assert_eq!(product["name"], parcel.product());
        let contents = format!("/api/v1/builds/{name}/1.0.0-b1/contents");
        assert_eq!(registry.anybody().all(&contents, 10).await.len(), 1);
    }
    let listed = registry.anybody().all("/api/v1/builds?product=boost.a-b_c%2Bx", 10).await;
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let registry = TestRegistry::start().await;
    for query in
        ["builds?cursor=x", "builds?limit=x", "builds?colour=red", "distributions?cursor=-1"]
    {
        let answer = registry.anybody().get(&format!("/api/v1/{query}")).await;
        assert_eq!(answer.problem().status, 400, "{query}: {}", answer.text());
    }
    let page: Value = registry.anybody().read("/api/v1/builds?limit=999999999").await;
    assert_eq!(page["items"], serde_json::json!([]));
}
