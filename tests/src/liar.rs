//! A server that is not to be trusted: it hands out any bytes under any checksum.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use larder_schema::Sha256;

/// Hands out archives, one request on each connection; ends with the test's process.
#[derive(Debug)]
pub struct Liar {
    origin: String,
}

impl Liar {
    /// Serves these bytes as the archives with these checksums.
    pub fn serving(archives: HashMap<Sha256, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let archives = Arc::new(archives);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, archives) = (stream.unwrap(), archives.clone());
                // Who hangs up early is free to.
                std::thread::spawn(move || answer(stream, &archives).ok());
            }
        });
        Self { origin }
    }

    /// Where it is.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

fn answer(mut stream: TcpStream, archives: &HashMap<Sha256, Vec<u8>>) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? > 0 {
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request);
    let asked = request.split(' ').nth(1).unwrap_or_default();
    let sum = asked.rsplit_once("sha256:").and_then(|(_, sum)| sum.parse().ok());
    let (status, body) = match sum.and_then(|sum: Sha256| archives.get(&sum)) {
        Some(bytes) => ("200 OK", bytes.as_slice()),
        None => ("404 Not Found", &b""[..]),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    if !request.starts_with("HEAD") {
        stream.write_all(body)?;
    }
    Ok(())
}
