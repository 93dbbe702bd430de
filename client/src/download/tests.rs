//! Downloads from a server that cuts, lies and says no.

use super::*;
use crate::progress::Progress;
use crate::remote::Retries;
use std::net::{TcpListener, TcpStream};

const BYTES: &[u8] = b"the bytes of an archive, sent in pieces";

/// A server that answers one request after another as `answers` says, each on a connection of
/// its own; it hands back what was asked.
fn serve(
    answers: Vec<(&'static str, &'static [u8])>,
) -> (Remote, std::thread::JoinHandle<Vec<String>>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let asked = std::thread::spawn(move || {
        answers
            .into_iter()
            .map(|(head, body)| answer(listener.accept().unwrap().0, head, body))
            .collect()
    });
    let quick = Retries { attempts: 3, first: Duration::ZERO, longest: Duration::ZERO };
    (Remote::new(origin, None, Progress::Quiet).unwrap().with_retries(quick), asked)
}

fn answer(mut stream: TcpStream, head: &str, body: &[u8]) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
        request.push(byte[0]);
    }
    stream.write_all(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    String::from_utf8(request).unwrap().to_lowercase()
}

async fn fetched(remote: &Remote, before: &[u8]) -> (Result<u64, Error>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part");
    std::fs::write(&path, before).unwrap();
    let size = Some(BYTES.len() as u64);
    let wanted = Wanted { sha256: Sha256::of(BYTES), size, name: "afw@1.0.0-b1".into() };
    let part = Part::take(path.clone(), "afw").await.unwrap();
    let transfer = Progress::Quiet.transfer("Downloading", 0);
    let outcome = fetch(remote, &wanted, &part, &transfer).await;
    (outcome, std::fs::read(path).unwrap())
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_stopped() {
    let (remote, asked) = serve(vec![
        ("200 OK\r\nContent-Length: 39", &BYTES[..10]),
        (
            "206 Partial Content\r\nContent-Range: bytes 10-38/39\r\nContent-Length: 29",
            &BYTES[10..],
        ),
    ]);

    let (outcome, bytes) = fetched(&remote, b"").await;

    assert_eq!(outcome.unwrap(), 39);
    assert_eq!(bytes, BYTES);
    let asked = asked.join().unwrap();
    assert!(!asked[0].contains("range:") && asked[1].contains("range: bytes=10-"));
}

#[tokio::test]
async fn a_wrong_beginning_is_fetched_anew() {
    let (remote, _asked) = serve(vec![
        ("206 Partial Content\r\nContent-Range: bytes 4-38/39\r\nContent-Length: 35", &BYTES[4..]),
        ("200 OK\r\nContent-Length: 39", BYTES),
    ]);

    let (outcome, bytes) = fetched(&remote, b"evil").await;

    assert_eq!(outcome.unwrap(), 35 + 39);
    assert_eq!(bytes, BYTES);
}

#[tokio::test]
async fn other_bytes_are_refused_and_forgotten() {
    let other: &[u8] = b"other bytes that are just as long .....";
    let (remote, _asked) = serve(vec![
        ("200 OK\r\nContent-Length: 39", other),
        ("200 OK\r\nContent-Length: 39", other),
    ]);

    let (outcome, bytes) = fetched(&remote, b"").await;

    assert!(matches!(outcome, Err(Error::WrongSum { .. })));
    assert_eq!(bytes, b"");
}

#[tokio::test]
async fn what_cannot_help_is_not_tried_again() {
    let (remote, asked) = serve(vec![("500 Internal Server Error\r\nContent-Length: 0", b"")]);

    let (outcome, _) = fetched(&remote, b"").await;

    assert!(matches!(outcome, Err(Error::Remote { .. })));
    assert_eq!(asked.join().unwrap().len(), 1);
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let (remote, asked) = serve(vec![
        ("503 Service Unavailable\r\nContent-Length: 0", b""),
        ("502 Bad Gateway\r\nContent-Length: 0", b""),
        ("200 OK\r\nContent-Length: 39", BYTES),
    ]);

    let (outcome, _) = fetched(&remote, b"").await;

    assert_eq!(outcome.unwrap(), 39);
    assert_eq!(asked.join().unwrap().len(), 3);
}

#[tokio::test]
async fn attempts_do_not_multiply() {
    let (remote, asked) = serve(vec![("503 Service Unavailable\r\nContent-Length: 0", b""); 3]);

    let (outcome, _) = fetched(&remote, b"").await;

    assert!(matches!(outcome, Err(Error::Remote { source: remote::Error::Status { .. }, .. })));
    assert_eq!(asked.join().unwrap().len(), 3);
}
