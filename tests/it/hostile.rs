//! Archives that are made to hurt: each is refused by name, and nothing of it is kept.

use larder_schema::Sha256;
use larder_schema::api::HaveAnswer;
use larder_schema::archive::ArchiveFormat;
use larder_tests::archives::{gzip, header, link_header, pack, raw_tar, zst};
use larder_tests::{Packed, TestRegistry};
use serde_json::json;
use tar::EntryType;

fn file(path: &str) -> Packed {
    Packed::File(path.to_owned(), b"x".to_vec(), false)
}

/// A tar with one entry of a kind.
fn one(path: &str, kind: EntryType, mode: u32) -> Vec<u8> {
    raw_tar(&[(header(path, kind, mode), &[])])
}

fn link(path: &str, target: &str) -> Vec<u8> {
    raw_tar(&[(link_header(path, EntryType::Symlink, target), &[])])
}

/// Each with its file name, its bytes and the reason by which it is refused.
fn archives() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = pack(ArchiveFormat::Tar, &[file("a"), file("b")]);
    let behind_link = raw_tar(&[
        (link_header("lib", EntryType::Symlink, "share"), &[]),
        (header("lib/x", EntryType::Regular, 0o644), &[]),
    ]);
    let out_by_two = raw_tar(&[
        (link_header("a/b", EntryType::Symlink, "."), &[]),
        (link_header("c", EntryType::Symlink, "a/b/../.."), &[]),
    ]);
    let with_tail = [gzip(&good).as_slice(), b"tail"].concat();
    let bomb = zst(&pack(
        ArchiveFormat::Tar,
        &[Packed::File("zeros".to_owned(), vec![0; 70 << 20], false)],
    ));
    let mut wrong_sum = good.clone();
    wrong_sum[0] ^= 1;
    vec![
        ("parent.tar", pack(ArchiveFormat::Tar, &[file("../a")]), "path"),
        ("inner.tar", pack(ArchiveFormat::Tar, &[file("a/../../b")]), "path"),
        ("absolute.tar", pack(ArchiveFormat::Tar, &[file("/etc/passwd")]), "path"),
        ("control.tar", pack(ArchiveFormat::Tar, &[file("a\x1b[2J")]), "path"),
        ("zipped.zip", pack(ArchiveFormat::Zip, &[file("../a")]), "path"),
        ("link.tar", link("a", "../../etc"), "link-leaves"),
        ("absolute-link.tar", link("a", "/etc/passwd"), "link-leaves"),
        ("two-links.tar", out_by_two, "link-leaves"),
        ("through.tar", behind_link, "through-link"),
        ("hard.tar", raw_tar(&[(link_header("a", EntryType::Link, "nowhere"), &[])]), "hard-link"),
        ("device.tar", one("null", EntryType::Char, 0o666), "special"),
        ("pipe.tar", one("pipe", EntryType::Fifo, 0o666), "special"),
        ("setuid.tar", one("su", EntryType::Regular, 0o4755), "set-id"),
        ("twice.tar", pack(ArchiveFormat::Tar, &[file("a"), file("a")]), "duplicate"),
        ("in-file.tar", pack(ArchiveFormat::Tar, &[file("a"), file("a/b")]), "inside-file"),
        ("no-end.tar", good[..good.len() - 1024].to_vec(), "no-end-marker"),
        ("cut.tar.gz", gzip(&good)[..40].to_vec(), "truncated"),
        ("tail.tar.gz", with_tail, "trailing-bytes"),
        ("header.tar", wrong_sum, "header-checksum"),
        ("other.tar.zst", gzip(&good), "wrong-format"),
        ("bomb.tar.zst", bomb, "ratio"),
        ("empty.tar", Vec::new(), "no-end-marker"),
        ("wheel.whl", pack(ArchiveFormat::Zip, &[file("a")]), "wheel-no-info"),
    ]
}

#[tokio::test]
async fn a_hostile_archive_is_refused_by_name_and_leaves_nothing() {
    let registry = TestRegistry::start().await;
    let http = registry.admin();
    let mut sentences = Vec::new();
    for (name, bytes, reason) in archives() {
        let sum = Sha256::of(&bytes);
        let location = http.begin_upload(name, bytes.len() as u64, Some(&sum)).await;

        let answer = http.patch(&location, 0, &bytes).await;

        // A limit is told as a limit.
        let status = if reason == "ratio" { 413 } else { 422 };
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        let problem = answer.problem();
        assert_eq!(problem.fields["reason"], reason, "{name}: {}", problem.detail);
        sentences.push(problem.detail);
        http.standing(&location).await.expect(404);
        let asked = json!({"checksums": [sum]});
        let have: HaveAnswer = http.post("/api/v1/have", &asked).await.expect(200).json();
        assert!(have.held.is_empty(), "{name}");
    }
    insta::assert_snapshot!(sentences.join("\n"));
    assert_eq!((registry.staged().len(), registry.kept().len()), (0, 0));
}

#[tokio::test]
async fn a_hostile_archive_costs_its_sender_no_quota() {
    let registry = TestRegistry::start_with(|config| config.limits.uploads_per_token = 1).await;
    let http = registry.admin();
    let bad = link("a", "../../etc");
    for _ in 0..3 {
        http.upload("link.tar", &bad).await.expect(422);
    }

    let good = pack(ArchiveFormat::Tar, &[file("a")]);
    http.upload("good.tar", &good).await.expect(204);
}
