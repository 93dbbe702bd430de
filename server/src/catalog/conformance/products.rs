//! What is promised of products: declared, found, needed.

use larder_schema::api::MatchedBy;

use super::*;

pub(super) fn document(name: &str, more: serde_json::Value) -> ProductDocument {
    let mut document = serde_json::json!({"name": name});
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(document).unwrap()
}

pub(super) async fn a_product_is_declared_whole_and_a_repository_once(catalog: &dyn Catalog) {
    let repository = |address: &str| serde_json::json!({"repositories": [address]});
    let afw = document("afw", repository("https://example.org/afw"));
    let log = document("log", repository("ssh://git@example.org/afw.git"));
    let fork = document(
        "fork",
        serde_json::json!({"kind": "third-party",
        "repositories": ["https://example.org/afw"]}),
    );
    let declare = |document: ProductDocument| async move {
        catalog.declare(&document, false, &act()).await.unwrap()
    };

    assert_eq!(declare(afw.clone()).await, Ok(true));
    assert_eq!(declare(afw.clone()).await, Ok(false), "the same is no change");
    assert!(matches!(declare(log.clone()).await, Err(Refusal::RepositoryTaken { .. })));
    assert_eq!(declare(fork).await, Ok(true), "only software owns its repositories");
    assert!(matches!(declare(document("a.fw", serde_json::json!({}))).await, Ok(true)));
    assert!(matches!(
        declare(document("a-fw", serde_json::json!({}))).await,
        Err(Refusal::Twin { .. })
    ));
    let found = catalog.product(&afw.name).await.unwrap().unwrap();
    assert_eq!((found.document, found.summary.builds), (Some(afw.clone()), 0));
    assert_eq!(catalog.product(&log.name).await.unwrap(), None, "a refusal leaves nothing");
    assert_eq!(declare(document("afw", serde_json::json!({}))).await, Ok(true));
    assert_eq!(declare(log).await, Ok(true), "it was given up");
    assert_eq!(catalog.journal_head().await.unwrap().0, 5);
    assert_eq!(catalog.check().await.unwrap(), []);
}

pub(super) async fn where_products_are_not_made_by_builds_they_wait(catalog: &dyn Catalog) {
    let (afw, log) = (build("afw", "1.0.0-b1", None), build("log", "1.0.0-b1", None));
    let known = document("log", serde_json::json!({}));
    catalog.declare(&known, false, &act()).await.unwrap().unwrap();
    let closed = Publication { new_products: false, ..publication(&[afw.clone(), log]) };

    let refusal = catalog.record(&closed, &act()).await.unwrap().unwrap_err();
    let new = vec![afw.0.product.clone()];
    let earlier = Act { at: "2026-11-22T06:00:00Z".parse().unwrap(), ..act() };
    catalog.note_pending(&["third".parse().unwrap()], 1, &earlier).await.unwrap();
    // One of them was approved meanwhile.
    let meant = [new[0].clone(), "log".parse().unwrap()];
    catalog.note_pending(&meant, 2, &act()).await.unwrap();
    assert_eq!(catalog.pending_products(None, 9).await.unwrap().items.len(), 2);
    catalog.note_pending(&new, 1, &act()).await.unwrap();

    assert_eq!(refusal, Refusal::NewProducts { products: new });
    let pending = catalog.pending_products(None, 9).await.unwrap().items;
    assert_eq!(pending.len(), 1, "the oldest is forgotten");
    assert_eq!((pending[0].name.as_str(), pending[0].pending), ("afw", true));
    assert_eq!(catalog.products(None, None, 9).await.unwrap().items.len(), 1);
    catalog.declare(&document("afw", serde_json::json!({})), false, &act()).await.unwrap().unwrap();
    assert!(catalog.pending_products(None, 9).await.unwrap().items.is_empty());
    assert_eq!(catalog.record(&closed, &act()).await.unwrap().unwrap().published.len(), 2);
}

pub(super) async fn products_are_found_by_all_that_is_known_of_them(catalog: &dyn Catalog) {
    let (stored, index) = archive(
        "arrow",
        &[
            ("lib/libarrow.so.1500", b"so"),
            ("include/Arrow.h", b"h"),
            ("py/a/__init__.py", b""),
            ("py/b/__init__.py", b""),
        ],
    );
    catalog.record_archive(&stored, &index).await.unwrap();
    let mut arrow = build("pyarrow", "15.0.0-b1", Some(&stored));
    arrow.0.upstream_version = Some("15.0.0.post1".parse().unwrap());
    arrow.0.summary = Some("columns in memory".parse().unwrap());
    arrow.1 = arrow.0.digest().unwrap();
    let again = build("pyarrow", "15.0.0-b2", Some(&stored));
    let other = build("other", "1.0.0-b1", None);
    catalog.record(&publication(&[arrow, again, other]), &act()).await.unwrap().unwrap();
    let found = |text: &'static str| async move {
        let page = catalog.products(Some(text), None, 9).await.unwrap();
        let matched = page.items.into_iter().map(|product| {
            let matched = product.matched.unwrap();
            (product.name.to_string(), matched.by, matched.text)
        });
        matched.collect::<Vec<_>>()
    };
    let of = |by, text: &str| vec![("pyarrow".to_owned(), by, text.to_owned())];

    assert_eq!(found("ARROW").await, of(MatchedBy::Name, "pyarrow"));
    assert_eq!(found("Memory").await, Vec::new(), "the newest build has no summary");
    assert_eq!(found("15.0.0.po").await, of(MatchedBy::UpstreamVersion, "15.0.0.post1"));
    assert_eq!(found("libarrow.so").await, of(MatchedBy::File, "libarrow.so.1500"));
    assert_eq!(found("LIBARROW").await, of(MatchedBy::File, "libarrow.so.1500"));
    assert_eq!(found("__init__.py").await, of(MatchedBy::File, "__init__.py"));
    assert_eq!(found("li").await, Vec::new(), "a short text is looked for whole");
    assert_eq!(found("lib/").await, Vec::new());
    assert_eq!(catalog.check().await.unwrap(), []);
}

pub(super) async fn dependants_are_those_that_the_version_will_do_for(catalog: &dyn Catalog) {
    let log = build("log", "2.1.0-b1", None).0;
    let needs = |product: &str, requirement: &str, against: Option<&str>, platform: &str| {
        let mut build = build(product, "1.0.0-b1", None).0;
        build.platform = platform.parse().unwrap();
        let mut needed = serde_json::json!({"product": "log", "requirement": requirement});
        if let Some(against) = against {
            needed["built_against"] = serde_json::json!({"build": against});
        }
        build.dependencies = vec![serde_json::from_value(needed).unwrap()];
        let digest = build.digest().unwrap();
        (build, digest)
    };
    let mut tests = needs("tests", "^2", None, "any");
    tests.0.dependencies[0].kind = larder_schema::DependencyKind::Test;
    tests.1 = tests.0.digest().unwrap();
    let builds = [
        needs("a", "^2.0", Some("2.1.0-b1"), "linux-x86_64"),
        needs("b", "^1 || >=2.1", Some("2.0.0-b1"), "any"),
        needs("c", "<2", None, "any"),
        needs("d", "*", None, "macos-aarch64"),
        tests,
    ];
    // They may come before what they need.
    catalog.record(&publication(&builds), &act()).await.unwrap().unwrap();
    let log = (log.clone(), log.digest().unwrap());
    catalog.record(&publication(std::slice::from_ref(&log)), &act()).await.unwrap().unwrap();

    let first = catalog.dependants(&log.0, None, 1).await.unwrap();
    let after = first.next.as_ref().unwrap().parse().unwrap();
    let second = catalog.dependants(&log.0, Some(after), 1).await.unwrap();

    let told = |page: &Page<Dependant>| {
        let all = page.items.iter().map(|one| (one.product.to_string(), one.built_against));
        all.collect::<Vec<_>>()
    };
    assert_eq!(told(&first), [("b".to_owned(), false)]);
    assert_eq!(told(&second), [("a".to_owned(), true)]);
    assert_eq!(second.next, None);
    // `b` was built against another build, which an exact ABI does not serve.
    let exact = Build { abi: larder_schema::record::Abi::Exact, ..log.0.clone() };
    assert_eq!(told(&catalog.dependants(&exact, None, 9).await.unwrap()), [("a".to_owned(), true)]);
    assert_eq!(catalog.check().await.unwrap(), []);
}
