//! A web server that hands out a folder, and remembers what it was asked for.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

/// How the server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Files, and pages that list folders.
    #[default]
    Pages,
    /// Files, and `index.json` for each folder.
    Lists,
    /// Files, and this page with 200 for all that is none.
    PageForAllElse(String),
    /// This page with 200, whatever is asked.
    PageForAll(String),
}

/// Serves a folder, one request on each connection; ends with the test's process.
#[derive(Debug)]
pub struct FolderServer {
    origin: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    folder: PathBuf,
    manner: Manner,
    /// `GET /x`, in order.
    asked: Mutex<Vec<String>>,
    /// What is not answered for as long as it stands here.
    held: Mutex<Option<String>>,
    released: Condvar,
}

impl FolderServer {
    /// Serves `folder`.
    pub fn start(folder: &Path, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            folder: folder.to_owned(),
            manner,
            asked: Mutex::default(),
            held: Mutex::default(),
            released: Condvar::new(),
        });
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&served));
                // Who hangs up early is free to.
                std::thread::spawn(move || state.answer(stream).ok());
            }
        });
        Self { origin, state }
    }

    /// Where it is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What was asked since this was called last: `GET /config.txt`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }

    /// Answers no request for this path until [`Self::release`].
    pub fn hold(&self, path: &str) {
        *self.state.held.lock().unwrap() = Some(path.to_owned());
    }

    /// Answers what was held.
    pub fn release(&self) {
        *self.state.held.lock().unwrap() = None;
        self.state.released.notify_all();
    }
}

impl State {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? > 0 {
            request.push(byte[0]);
        }
        let request = String::from_utf8_lossy(&request);
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.asked.lock().unwrap().push(format!("{method} {path}"));
        let held = self.held.lock().unwrap();
        let is_held = |held: &mut Option<String>| held.as_deref() == Some(path);
        drop(self.released.wait_while(held, is_held).unwrap());
        let (status, body) = match self.found(path) {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", b"<html>nothing here</html>".to_vec()),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )?;
        if method != "HEAD" {
            stream.write_all(&body)?;
        }
        Ok(())
    }

    fn found(&self, path: &str) -> Option<Vec<u8>> {
        if let Manner::PageForAll(page) = &self.manner {
            return Some(page.clone().into_bytes());
        }
        let file = self.folder.join(path.trim_start_matches('/'));
        let found = match (&self.manner, path.strip_suffix("index.json")) {
            (Manner::Lists, Some(folder)) => {
                self.names(folder).map(|names| serde_json::to_vec(&names).unwrap())
            }
            (Manner::Pages, _) if path.ends_with('/') => self.names(path).map(|names| {
                let item = |name: &String| {
                    let escaped = name.replace('+', "%2B").replace('@', "%40");
                    format!("<li><a href=\"{escaped}\">{name}</a></li>\n")
                };
                let items: String = names.iter().map(item).collect();
                format!("<html><ul>\n<li><a href=\"../\">..</a></li>\n{items}</ul></html>")
                    .into_bytes()
            }),
            _ => std::fs::read(file).ok(),
        };
        match &self.manner {
            Manner::PageForAllElse(page) => found.or_else(|| Some(page.clone().into_bytes())),
            Manner::Pages | Manner::Lists | Manner::PageForAll(_) => found,
        }
    }

    fn names(&self, folder: &str) -> Option<Vec<String>> {
        let entries = std::fs::read_dir(self.folder.join(folder.trim_matches('/'))).ok()?;
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        Some(names)
    }
}
