//! The server under load, on this machine alone: `make bench-serve`.
//!
//! Three measurements with the photos of a folder (by default those of the repository):
//!
//! 1. Throughput: twice as many clients as a batch has photos, so that one batch is sent and decoded while another is
//!    captioned, each sending its next photo once it has its answer; beside it the program `glimpse caption` on the same
//!    photos.
//! 2. Batches against one by one: the same clients at a server with `--batch-size 1`.
//! 3. Overload: requests begin at four times the rate of 1, whether or not earlier ones are answered. Each must get an
//!    answer; the 99th percentile of the accepted ones is compared with what the server promises for a full queue, in
//!    `Retry-After`, and with what such a queue takes at the rate of 1; memory before and after.
//!
//! `--soak N` does another thing: N requests to one server, whose memory must not grow by more than 2 % after the first
//! tenth, and which must lose no descriptor (`make soak`).
//!
//! ```sh
//! cargo bench -p glimpse-server --bench load -- --photos DIR --requests 1000
//! ```

#![allow(clippy::unwrap_used)] // A bench that cannot go on ends.

use clap::Parser;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Agent;

/// Times `glimpse-serve` under load.
#[derive(Parser)]
struct Args {
    /// Photos to send, in turn
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/photos"))]
    photos: PathBuf,
    /// Requests of each measurement
    #[arg(long, default_value = "400")]
    requests: usize,
    /// Photos of a batch; there are twice as many clients
    #[arg(long, default_value = "8")]
    batch_size: usize,
    /// Places in the queue of the overloaded server
    #[arg(long, default_value = "32")]
    queue_size: usize,
    /// Beams of a search
    #[arg(long, default_value = "5")]
    num_beams: usize,
    /// Turns of the first two measurements and of the program
    #[arg(long, default_value = "5")]
    rounds: usize,
    /// The program to compare with; without it there is no comparison
    #[arg(long)]
    program: Option<PathBuf>,
    /// Instead of the measurements: this many requests, and a look at the server's memory
    #[arg(long, value_name = "N")]
    soak: Option<usize>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let mut files: Vec<_> =
        std::fs::read_dir(&args.photos).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "jpg"));
    files.sort();
    let photos: Arc<Vec<Vec<u8>>> = Arc::new(files.iter().map(|file| std::fs::read(file).unwrap()).collect());
    println!("{} photos of {}, {} beams", photos.len(), args.photos.display(), args.num_beams);

    if let Some(requests) = args.soak {
        return soak(&args, &photos, requests);
    }
    let batch_size = args.batch_size;
    let clients = Clients::one_after_another(2 * batch_size);
    let servers = [batch_size, 1].map(|size| Server::start(&[("BATCH_SIZE", size)]));
    servers.iter().for_each(|server| drop(server.load(&args, &photos, clients, batch_size * 4)));
    let (mut batched, mut single, mut program) = (Vec::new(), Vec::new(), Vec::new());
    // In turns: a machine that others use is faster in one minute than in the next.
    for _ in 0..args.rounds {
        let [load, other] =
            servers.each_ref().map(|server| server.load(&args, &photos, clients, args.requests));
        load.print(&format!("HTTP, {} clients, batches of {batch_size}", clients.count));
        other.print(&format!("HTTP, {} clients, one by one", clients.count));
        batched.push(load.rate());
        single.push(other.rate());
        program.extend(args.program.as_ref().map(|program| program_rate(program, &args, &files)));
    }
    drop(servers);
    let batched = median(batched);
    println!("medians: batches / one by one: {:.2}", batched / median(single));
    if !program.is_empty() {
        let rate = median(program);
        println!("glimpse caption: {rate:.1} photos/s; HTTP / program: {:.2}", batched / rate);
    }
    overload(&args, &photos, batched);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn soak(args: &Args, photos: &Arc<Vec<Vec<u8>>>, requests: usize) {
    let clients = Clients::one_after_another(args.batch_size);
    let server = Server::start(&[("BATCH_SIZE", args.batch_size)]);
    let first = requests / 10;
    let mut answered = server.load(args, photos, clients, first).accepted.len();
    let before = (server.resident_megabytes(), server.descriptors());
    answered += server.load(args, photos, clients, requests - first).accepted.len();
    let after = (server.resident_megabytes(), server.descriptors());
    println!(
        "{answered} of {requests} requests answered; memory {:.1} MB after {first}, {:.1} MB at the end; descriptors {} and {}",
        before.0, after.0, before.1, after.1
    );
    assert_eq!(answered, requests, "requests without captions");
    assert!(after.0 <= before.0 * 1.02, "memory grows");
    assert!(after.1 <= before.1, "descriptors are lost");
}

fn overload(args: &Args, photos: &Arc<Vec<Vec<u8>>>, capacity: f64) {
    let server = Server::start(&[("BATCH_SIZE", args.batch_size), ("QUEUE_SIZE", args.queue_size)]);
    let warm_up = Clients::one_after_another(args.batch_size);
    server.load(args, photos, warm_up, args.batch_size * 8);
    let before = server.resident_megabytes();
    // More clients than the queue has places, so that those that wait hold up no start.
    let clients = Clients { count: 4 * args.queue_size, starts_per_second: Some(4.0 * capacity) };
    let load = server.load(args, photos, clients, 4 * args.requests);
    let answered: usize = load.statuses.values().sum();
    load.print(&format!("overload, a queue of {}", args.queue_size));
    let begun = answered as f64 / load.took.as_secs_f64();
    let times = begun / capacity;
    println!("{begun:.0} requests began a second, {times:.1} times what is captioned without overload");
    println!(
        "99th percentile of accepted requests {:.3} s; Retry-After {} to {} s; a full queue takes {:.3} s on average",
        load.percentile(99.0).as_secs_f64(),
        load.retry_after.iter().min().unwrap(),
        load.retry_after.iter().max().unwrap(),
        args.queue_size as f64 / capacity
    );
    println!("memory {before:.0} MB before, {:.0} MB after", server.resident_megabytes());
    assert_eq!(answered, 4 * args.requests, "requests without an answer");
    assert!(load.statuses.keys().all(|status| [200, 503].contains(status)), "{:?}", load.statuses);
}

/// The program's photos per second, its start not counted: the difference of a long and a short call.
fn program_rate(program: &PathBuf, args: &Args, files: &[PathBuf]) -> f64 {
    let time = |photos: usize| {
        let start = Instant::now();
        let mut command = Command::new(program);
        command.args(["caption", "--json", "--device", "cpu", "--num-beams", &args.num_beams.to_string()]);
        command.args(["--batch-size", &args.batch_size.to_string(), "--model"]).arg(model());
        command.args(files.iter().cycle().take(photos)).stdout(Stdio::null());
        assert!(command.status().unwrap().success());
        start.elapsed().as_secs_f64()
    };
    let short = args.batch_size;
    time(short);
    args.requests as f64 / (time(short + args.requests) - time(short))
}

fn model() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/flickr8k-edge").into()
}

/// Who sends requests.
#[derive(Clone, Copy)]
struct Clients {
    count: usize,
    /// When requests begin; without it, a client's next one begins once it has its answer.
    starts_per_second: Option<f64>,
}

impl Clients {
    fn one_after_another(count: usize) -> Self {
        Self { count, starts_per_second: None }
    }
}

/// `glimpse-serve` on a free port.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(settings: &[(&str, usize)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glimpse-serve"));
        command.arg("--model").arg(model()).args(["--port", "0", "--device", "cpu"]).stderr(Stdio::piped());
        command.envs(settings.iter().map(|(name, value)| (format!("GLIMPSE_{name}"), value.to_string())));
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address =
            lines.find_map(|line| Some(line.split("http://").nth(1)?.split(' ').next()?.to_string()));
        thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
        Self { process, url: format!("http://{}", address.expect("the server says where it listens")) }
    }

    fn load(&self, args: &Args, photos: &Arc<Vec<Vec<u8>>>, clients: Clients, requests: usize) -> Load {
        let url = format!("{}/v1/captions?num_beams={}", self.url, args.num_beams);
        let (next, seen) = (AtomicUsize::new(0), Mutex::new((BTreeMap::new(), Vec::new(), Vec::new())));
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..clients.count {
                scope.spawn(|| {
                    // A connection for each client, as from a pool.
                    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= requests {
                            return;
                        }
                        if let Some(rate) = clients.starts_per_second {
                            let begin = start + Duration::from_secs_f64(number as f64 / rate);
                            thread::sleep(begin.saturating_duration_since(Instant::now()));
                        }
                        let photo = &photos[number % photos.len()][..];
                        let start = Instant::now();
                        let mut response = agent.post(&url).content_type("image/jpeg").send(photo).unwrap();
                        let text = response.body_mut().read_to_string().unwrap();
                        let retry_after = response.headers().get("Retry-After");
                        let retry_after =
                            retry_after.map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
                        let (took, status) = (start.elapsed(), response.status().as_u16());
                        let mut seen = seen.lock().unwrap();
                        *seen.0.entry(status).or_insert(0) += 1;
                        if status == 200 {
                            assert!(text.contains("generated_text"));
                            seen.1.push(took);
                        }
                        seen.2.extend(retry_after);
                    }
                });
            }
        });
        let took = start.elapsed();
        let (statuses, mut accepted, retry_after) = seen.into_inner().unwrap();
        accepted.sort();
        Load { took, statuses, accepted, retry_after }
    }

    /// Resident memory, where the system tells it.
    fn resident_megabytes(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.unwrap_or(f64::NAN) / 1000.0
    }
}

impl Server {
    /// Open descriptors, where the system tells them, once idle connections are closed.
    fn descriptors(&self) -> usize {
        thread::sleep(Duration::from_secs(2));
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).map_or(0, Iterator::count)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Load {
    took: Duration,
    statuses: BTreeMap<u16, usize>,
    /// How long each accepted request took, sorted.
    accepted: Vec<Duration>,
    /// Seconds, of each refused request.
    retry_after: Vec<u64>,
}

impl Load {
    /// Captions a second.
    fn rate(&self) -> f64 {
        self.accepted.len() as f64 / self.took.as_secs_f64()
    }

    fn percentile(&self, percent: f64) -> Duration {
        let place = (self.accepted.len() as f64 * percent / 100.0).ceil() as usize;
        self.accepted[place.clamp(1, self.accepted.len()) - 1]
    }

    fn print(&self, name: &str) {
        let [half, most] = [50.0, 99.0].map(|percent| self.percentile(percent).as_secs_f64() * 1000.0);
        println!(
            "{name}: {:.1} photos/s, median {half:.0} ms, 99 % {most:.0} ms, {:?}",
            self.rate(),
            self.statuses
        );
    }
}
