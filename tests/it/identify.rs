//! Identify: what has this checksum, from which build, in which distributions?

use larder_schema::api::{HolderKind, IdentifyAnswer};
use larder_schema::{Blake3, Checksum, Sha256};
use larder_tests::http::escaped;
use larder_tests::{Http, TestRegistry, build, distribution};
use serde_json::{Value, json};

async fn identify(http: &Http, checksums: &[Checksum]) -> IdentifyAnswer {
    http.post("/api/v1/identify", &json!({"checksums": checksums})).await.expect(200).json()
}

#[tokio::test]
async fn an_archive_a_tree_and_a_file_are_known_by_all_their_sums() {
    let registry = TestRegistry::start().await;
    let afw = build("afw", "1.0.0-b1").file("lib/libafw.so", b"one").file("other", b"two");
    let afw = registry.publish(afw).await;
    registry.distribute(&distribution("apps", "1.0.0").of([&afw])).await;
    registry.distribute(&distribution("apps", "1.1.0").of([&afw])).await;
    let read: Value = registry.anybody().read(&afw.path()).await;
    let tree: Checksum = read["tree"].as_str().unwrap().parse().unwrap();
    let (sha256, blake3) = (Sha256::of(b"one"), Blake3::of(b"one"));
    let asked = [
        (afw.archive(), HolderKind::Archive),
        (afw.blake3(), HolderKind::Archive),
        (tree, HolderKind::Tree),
        (Checksum::Sha256(sha256), HolderKind::File),
        (Checksum::Blake3(blake3), HolderKind::File),
    ];

    let answer = identify(&registry.anybody(), &asked.map(|(checksum, _)| checksum)).await;

    assert_eq!((answer.found.len(), answer.unknown.len()), (5, 0), "{answer:#?}");
    for (checksum, kind) in asked {
        let holder = answer.found.iter().find(|holder| holder.checksum == checksum).unwrap();
        assert_eq!(holder.kind, kind);
        assert_eq!((holder.product.as_str(), holder.build.to_string()), ("afw", afw.build()));
        let path = holder.path.as_ref().map(|path| path.as_str());
        assert_eq!(path, (kind == HolderKind::File).then_some("lib/libafw.so"));
        let versions: Vec<String> =
            holder.distributions.iter().map(|one| one.version.to_string()).collect();
        assert_eq!(versions.len(), 2, "{versions:?}");
    }
}

#[tokio::test]
async fn what_is_not_known_and_what_no_build_names_is_unknown() {
    let registry = TestRegistry::start().await;
    let uploaded = build("afw", "1.0.0-b1").file("a", b"secret").pack();
    registry.upload_all(&[&uploaded]).await;
    let asked = [
        Checksum::Sha256(Sha256::of(b"nothing")),
        uploaded.archive(),
        Checksum::Sha256(Sha256::of(b"secret")),
    ];

    let answer = identify(&registry.anybody(), &asked).await;

    assert_eq!((answer.found.len(), answer.unknown), (0, asked.to_vec()));
}

#[tokio::test]
async fn one_checksum_is_asked_for_by_address_too() {
    let registry = TestRegistry::start().await;
    let afw = registry.publish(build("afw", "1.0.0-b1").file("a", b"one")).await;
    let bare = Sha256::of(b"one").to_string();

    let found: IdentifyAnswer = registry.anybody().read(&format!("/api/v1/identify/{bare}")).await;
    let unknown: IdentifyAnswer =
        registry.anybody().read(&format!("/api/v1/identify/{}", "0".repeat(64))).await;
    let malformed = registry.anybody().get("/api/v1/identify/abc").await;

    assert_eq!(found.found[0].product.as_str(), afw.product());
    assert_eq!((unknown.found.len(), unknown.unknown.len()), (0, 1));
    assert_eq!(malformed.problem().status, 400);
}

#[tokio::test]
async fn a_file_that_is_everywhere_is_answered_bounded_and_in_pages() {
    let registry = TestRegistry::start().await;
    let parcels: Vec<_> = (0..120)
        .map(|at| {
            let name = format!("p{at:03}");
            build(&name, "1.0.0-b1").file("__init__.py", b"").file("name", name.as_bytes()).pack()
        })
        .collect();
    registry.publish_all(&parcels.iter().collect::<Vec<_>>()).await;
    let empty = Checksum::Sha256(Sha256::of(b""));

    let answer = identify(&registry.anybody(), &[empty, parcels[0].archive()]).await;

    let holders = answer.found.iter().filter(|holder| holder.checksum == empty).count();
    assert_eq!((holders, answer.more.len()), (100, 1));
    assert_eq!((answer.more[0].total, answer.more[0].checksum), (120, empty));
    let rest = format!("/api/v1/identify/{empty}?cursor={}", escaped(&answer.more[0].next));
    let rest: IdentifyAnswer = registry.anybody().read(&rest).await;
    let mut products: Vec<&str> = answer
        .found
        .iter()
        .filter(|holder| holder.checksum == empty)
        .chain(&rest.found)
        .map(|holder| holder.product.as_str())
        .collect();
    products.sort_unstable();
    products.dedup();
    assert_eq!((products.len(), rest.more.len()), (120, 0));
}

#[tokio::test]
async fn ten_thousand_checksums_are_answered_and_more_are_refused_as_too_many() {
    let registry = TestRegistry::start().await;
    registry.publish(build("afw", "1.0.0-b1").file("a", b"one")).await;
    let mut asked: Vec<Checksum> =
        (0..9_999u32).map(|at| Checksum::Sha256(Sha256::of(&at.to_be_bytes()))).collect();
    asked.push(Checksum::Sha256(Sha256::of(b"one")));

    let answer = identify(&registry.anybody(), &asked).await;
    asked.push(Checksum::Sha256(Sha256::of(b"one more")));
    let too_many = registry.anybody().post("/api/v1/identify", &json!({"checksums": asked})).await;

    assert_eq!((answer.found.len(), answer.unknown.len()), (1, 9_999));
    let problem = too_many.problem();
    assert_eq!(problem.status, 413);
    insta::assert_snapshot!(problem.detail);
}
