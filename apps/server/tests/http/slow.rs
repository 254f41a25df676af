//! Clients that send slowly, or wait for a word before they send.

use crate::client::{Server, photo};
use glimpse_server::Limits;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_millis(300);
/// Far more than the server's patience, for machines that are busy.
const LONG: Duration = Duration::from_secs(10);

fn impatient() -> Option<Server> {
    let mut limits = Limits::default();
    (limits.header_timeout, limits.body_timeout) = (PATIENCE, PATIENCE);
    Server::start(limits, None)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// All that comes until the server closes the connection. A reset is as good as an end.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let start = Instant::now();
    let _ = stream.read_to_end(&mut bytes);
    assert!(start.elapsed() < LONG, "the connection stays open");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn slow_headers_lose_their_connection() {
    let Some(server) = impatient() else { return };
    for head in ["", "POST /v1/captions HTTP/1.1\r\nHost: "] {
        let mut stream = connect(&server);
        stream.write_all(head.as_bytes()).unwrap();
        let text = rest(stream);
        assert!(text.is_empty() || text.contains("408"), "{text}");
    }
}

#[test]
fn a_slow_body_is_408() {
    let Some(server) = impatient() else { return };
    let stream = connect(&server);
    let mut writer = stream.try_clone().unwrap();
    let head = "POST /v1/captions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";
    writer.write_all(head.as_bytes()).unwrap();
    let drip = thread::spawn(move || {
        while writer.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let text = rest(stream);
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    drip.join().unwrap();
}

#[test]
fn a_connection_without_requests_is_closed() {
    let Some(server) = impatient() else { return };
    let mut stream = connect(&server);
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let text = rest(stream);
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("live"), "{text}");
}

/// A body that would be refused is not asked for.
#[test]
fn who_waits_for_a_word_gets_it_before_the_body() {
    let Some(server) = Server::shared() else { return };
    let head = |length: usize| {
        format!(
            "POST /v1/captions?num_beams=1 HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    let mut stream = connect(&server);
    stream.write_all(head(200 << 20).as_bytes()).unwrap();
    assert!(rest(stream).starts_with("HTTP/1.1 413"));

    let beach = photo("beach.jpg");
    let mut stream = connect(&server);
    stream.write_all(head(beach.len()).as_bytes()).unwrap();
    let mut word = [0; 25];
    stream.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&beach).unwrap();
    assert!(rest(stream).starts_with("HTTP/1.1 200"));
}
