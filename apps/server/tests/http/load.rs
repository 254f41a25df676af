//! Many clients at once: each gets an answer, and a full queue says so.

use crate::client::{Server, photo};
use glimpse_server::Limits;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Batches of the photos of several requests give the words of single ones.
#[test]
fn requests_at_once_are_captioned_together() {
    let Some(server) = Server::shared() else { return };
    let beach = photo("beach.jpg");
    let alone = server.caption("?num_beams=1", &beach).results();
    let text = |results: &[serde_json::Value]| results[0]["captions"][0]["generated_text"].clone();
    thread::scope(|scope| {
        for _ in 0..48 {
            scope.spawn(|| {
                assert_eq!(text(&server.caption("?num_beams=1", &beach).results()), text(&alone));
            });
        }
    });
    let metrics = server.get("/metrics").text;
    let count = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (batches, photos) = (count("glimpse_batch_size_count"), count("glimpse_batch_size_sum"));
    assert!(photos > batches, "{photos} photos in {batches} batches");
}

/// A server that one search keeps busy for a while.
fn narrow() -> Option<Server> {
    let mut limits = Limits::default();
    (limits.queue_size, limits.batch_size, limits.max_photos) = (4, 1, 3);
    Server::start(limits, None)
}

const SLOW: &str = "?num_beams=32&max_length=60&min_length=50";

#[test]
fn a_full_queue_is_503_and_the_others_are_answered() {
    let Some(server) = narrow() else { return };
    let beach = photo("beach.jpg");
    let mut statuses = BTreeMap::new();
    thread::scope(|scope| {
        let ask = || {
            let answer = server.caption(SLOW, &beach);
            if answer.status == 503 {
                let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
                assert!(seconds >= 1);
                assert!(answer.json()["error"].as_str().unwrap().contains("queue of 4 photos"));
            }
            answer.status
        };
        let clients: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        for client in clients {
            *statuses.entry(client.join().unwrap()).or_insert(0) += 1;
        }
    });
    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200, &503], "{statuses:?}");
    assert!(statuses[&200] >= 4, "{statuses:?}");
    assert_eq!(server.caption("?num_beams=1", &beach).status, 200, "there are places again");
}

/// Photos of clients that have left are not captioned.
#[test]
fn a_client_that_left_gives_its_place_back() {
    let Some(server) = narrow() else { return };
    let beach = photo("beach.jpg");
    let send = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let head = format!(
            "POST /v1/captions{SLOW} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            beach.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&beach).unwrap();
        stream
    };
    let leaving: Vec<_> = (0..4).map(|_| send()).collect();
    let start = Instant::now();
    while server.state.queued_photos() < 4 {
        assert!(start.elapsed() < Duration::from_secs(10), "the photos are not admitted");
        thread::sleep(Duration::from_millis(2));
    }
    drop(leaving);
    // One is at work; the other three cost nothing more.
    while server.state.queued_photos() > 1 {
        assert!(start.elapsed() < Duration::from_secs(20), "the photos keep their places");
        thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(server.caption("?num_beams=1", &beach).status, 200);
    assert!(server.get("/metrics").text.contains("glimpse_abandoned_photos_total"));
}
