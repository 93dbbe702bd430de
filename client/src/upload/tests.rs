//! Uploads against a server of a few lines that fails as it is told.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder_schema::{Problem, ProblemKind};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::progress::Progress;
use crate::remote::Retries;

/// What goes wrong with one PATCH.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The connection breaks after so many bytes.
    CutAfter(usize),
    /// All is taken, and the answer is lost.
    LoseAnswer,
    /// The server says this.
    Say(ProblemKind),
    /// The upload is not known any more.
    Forget,
}

#[derive(Default)]
struct State {
    uploads: HashMap<String, (Vec<u8>, u64)>,
    done: Vec<Vec<u8>>,
    begun: usize,
    faults: VecDeque<Fault>,
    /// HEAD says once that somebody is at it.
    busy: bool,
}

#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
}

impl Server {
    async fn start(faults: &[Fault]) -> (Self, String) {
        let server = Self::default();
        server.0.lock().unwrap().faults = faults.iter().copied().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        (server, origin)
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read_request(&mut stream).await {
            let Some(answer) = self.answer(&request, &mut stream).await else { return };
            stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
        }
    }

    /// The answer, or none when the connection breaks.
    async fn answer(&self, request: &Request, stream: &mut BufReader<TcpStream>) -> Option<String> {
        let length: usize = request.headers.get("content-length").map_or(0, |n| n.parse().unwrap());
        let patch = request.method == "PATCH";
        let fault = patch.then(|| self.0.lock().unwrap().faults.pop_front()).flatten();
        let take = match fault {
            Some(Fault::CutAfter(bytes)) => bytes.min(length),
            _ => length,
        };
        let mut body = vec![0; take];
        stream.read_exact(&mut body).await.ok()?;
        let mut state = self.0.lock().unwrap();
        match request.method.as_str() {
            "POST" if request.path.ends_with("/have") => Some(state.have(&body)),
            "POST" => Some(state.begin(request)),
            "HEAD" => Some(state.head(&request.path)),
            _ => state.patch(request, &body, fault),
        }
    }
}

impl State {
    fn have(&self, body: &[u8]) -> String {
        let asked: HaveRequest = serde_json::from_slice(body).unwrap();
        let is_held = |sum: &Checksum| {
            self.done.iter().any(|bytes| Checksum::Sha256(Sha256::of(bytes)) == *sum)
        };
        let (held, missing) = asked.checksums.into_iter().partition(is_held);
        let text = serde_json::to_string(&HaveAnswer { held, missing }).unwrap();
        response(200, "", &text)
    }

    fn begin(&mut self, request: &Request) -> String {
        self.begun += 1;
        let path = format!("{}/{}", request.path, self.begun);
        let length = request.headers["upload-length"].parse().unwrap();
        self.uploads.insert(path.clone(), (Vec::new(), length));
        response(201, &format!("Location: {path}\r\n"), "")
    }

    fn head(&mut self, path: &str) -> String {
        if std::mem::take(&mut self.busy) {
            return said(ProblemKind::Busy, true);
        }
        match self.uploads.get(path) {
            None => said(ProblemKind::Unknown, true),
            Some((bytes, length)) => {
                let headers =
                    format!("Upload-Offset: {}\r\nUpload-Length: {length}\r\n", bytes.len());
                response(200, &headers, "")
            }
        }
    }

    fn patch(&mut self, request: &Request, body: &[u8], fault: Option<Fault>) -> Option<String> {
        match fault {
            Some(Fault::Say(kind)) => return Some(said(kind, false)),
            Some(Fault::Forget) => drop(self.uploads.remove(&request.path)),
            Some(Fault::CutAfter(_) | Fault::LoseAnswer) | None => {}
        }
        let Some((bytes, length)) = self.uploads.get_mut(&request.path) else {
            return Some(said(ProblemKind::Unknown, false));
        };
        if request.headers["upload-offset"] != bytes.len().to_string() {
            return Some(said(ProblemKind::OffsetMismatch, false));
        }
        bytes.extend_from_slice(body);
        let offset = bytes.len() as u64;
        if offset == *length {
            let (bytes, _) = self.uploads.remove(&request.path).unwrap();
            self.done.push(bytes);
        }
        let broken = matches!(fault, Some(Fault::CutAfter(_) | Fault::LoseAnswer));
        (!broken).then(|| response(204, &format!("Upload-Offset: {offset}\r\n"), ""))
    }
}

fn response(status: u16, headers: &str, body: &str) -> String {
    let length =
        if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("HTTP/1.1 {status} x\r\n{headers}{length}\r\n{body}")
}

fn said(kind: ProblemKind, to_head: bool) -> String {
    let text = serde_json::to_string(&Problem::new(kind, "no")).unwrap();
    response(kind.status(), "", if to_head { "" } else { &text })
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let count = stream.read_line(&mut line).await.ok()?;
        match line.trim_end() {
            _ if count == 0 => return None,
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines.first()?.split(' ');
    let headers = lines[1..].iter().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Request { method, path, headers: headers.collect() })
}

struct Scene {
    server: Server,
    uploader: Uploader,
    file: LocalFile,
    folder: tempfile::TempDir,
}

const BYTES: usize = 100_000;
const PART: u64 = 30_000;

async fn scene(faults: &[Fault]) -> Scene {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (server, origin) = Server::start(faults).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("afw.tar");
    let bytes: Vec<u8> = (0..BYTES).map(|n| (n % 251) as u8).collect();
    std::fs::write(&path, bytes).unwrap();
    let file = LocalFile::sum(&path, |_| {}).unwrap();
    let quick =
        Retries { attempts: 4, first: Duration::from_millis(1), longest: Duration::from_millis(2) };
    let remote = Remote::new(origin.parse().unwrap(), None, Progress::Quiet).unwrap();
    let memory = Memory::in_folder(folder.path().join("uploads"));
    let transfer = Progress::Quiet.transfer("Sending", file.size);
    let uploader =
        Uploader::new(remote.with_retries(quick), memory, transfer).with_part_bytes(PART);
    Scene { server, uploader, file, folder }
}

impl Scene {
    async fn send(&self) -> Result<(), Error> {
        self.uploader.send(&self.file, &"afw.tar".parse().unwrap()).await
    }

    fn arrived(&self) -> bool {
        let state = self.server.0.lock().unwrap();
        state.done.iter().any(|bytes| Sha256::of(bytes) == self.file.sha256)
    }

    fn begun(&self) -> usize {
        self.server.0.lock().unwrap().begun
    }

    fn remembered(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("uploads")).unwrap().count()
    }
}

#[tokio::test]
async fn an_archive_arrives_in_parts() {
    let scene = scene(&[]).await;

    scene.send().await.unwrap();

    assert!(scene.arrived());
    assert_eq!(scene.uploader.sent_bytes(), BYTES as u64);
    assert_eq!(scene.remembered(), 0);
}

#[tokio::test]
async fn what_was_cut_goes_on_where_it_was_cut() {
    use Fault::{CutAfter, Say};
    let faults = [
        CutAfter(10_000),
        Say(ProblemKind::Unavailable),
        CutAfter(0),
        CutAfter(29_000),
        Say(ProblemKind::OffsetMismatch),
        Say(ProblemKind::Busy),
    ];
    let scene = scene(&faults).await;

    scene.send().await.unwrap();

    assert!(scene.arrived());
    assert_eq!(scene.begun(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_again_and_again_is_enough_as_long_as_more_arrives() {
    let scene = scene(&[Fault::CutAfter(5_000); 15]).await;
    scene.send().await.unwrap();
    assert!(scene.arrived());
    let scene = self::scene(&[Fault::CutAfter(0); 15]).await;
    assert!(matches!(scene.send().await, Err(Error::Remote { .. })));
}

#[tokio::test]
async fn the_next_run_goes_on_with_what_the_last_one_began() {
    let scene = scene(&[Fault::CutAfter(30_000), Fault::Say(ProblemKind::DiskFull)]).await;
    scene.send().await.unwrap_err();
    assert_eq!(scene.remembered(), 1);
    let before = scene.uploader.sent_bytes();
    scene.server.0.lock().unwrap().busy = true;

    scene.send().await.unwrap();

    assert!(scene.arrived());
    assert_eq!(scene.begun(), 1);
    assert_eq!(scene.uploader.sent_bytes() - before, BYTES as u64 - 30_000);
    assert_eq!(scene.remembered(), 0);
}

#[tokio::test]
async fn a_lost_last_answer_sends_nothing_again() {
    let scene = scene(&[Fault::LoseAnswer; 4]).await;

    scene.send().await.unwrap();

    assert!(scene.arrived());
    assert_eq!((scene.begun(), scene.uploader.sent_bytes()), (1, BYTES as u64));
}

#[tokio::test]
async fn an_upload_that_is_gone_is_begun_anew() {
    let scene = scene(&[Fault::CutAfter(5), Fault::Forget]).await;
    scene.send().await.unwrap();
    assert!(scene.arrived());
    assert_eq!(scene.begun(), 2);
}

#[tokio::test]
async fn what_is_refused_is_not_sent_again() {
    for kind in [ProblemKind::HostileArchive, ProblemKind::TooLarge, ProblemKind::Forbidden] {
        let scene = scene(&[Fault::Say(kind)]).await;
        let error = scene.send().await.unwrap_err();
        assert!(matches!(&error, Error::Remote { source, .. } if source.kind() == Some(kind)));
        assert_eq!(scene.uploader.sent_bytes(), PART);
    }
}

#[tokio::test]
async fn damage_on_the_way_is_told_from_a_file_that_changed() {
    let scene = scene(&[Fault::Say(ProblemKind::WrongSum)]).await;
    assert!(matches!(scene.send().await, Err(Error::WrongSum { .. })));
    assert_eq!(scene.remembered(), 0);
    std::fs::write(&scene.file.path, "changed").unwrap();
    let error = scene.send().await.unwrap_err();
    assert!(matches!(error, Error::File(FileError::Changed { .. })), "{error}");
}
