//! Real Redis servers on free loopback ports, in folders of their own, ended by their process ids whatever happens.

use redis::{ConnectionLike, Value};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

fn binary() -> String {
    std::env::var("SLUICE_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}
/// A port that was free a moment ago: below those of outgoing connections, so that none takes it while a server restarts,
/// and no other that this process asks for.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 21_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(127);
    let mut ports =
        std::iter::repeat_with(|| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT);
    let free = ports.find_map(|port| {
        let port = u16::try_from(FIRST + port).ok()?;
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    });
    free.unwrap()
}
/// Asks again until it holds.
pub fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < within, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A folder that goes with its owner.
pub struct Folder(pub PathBuf);
impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sluice-redis-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
}
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server process.
pub struct Server {
    child: Child,
    folder: Folder,
    args: Vec<String>,
    pub port: u16,
}
impl Server {
    /// A server without persistence.
    pub fn start() -> Self {
        Self::with(&[])
    }
    pub fn with(args: &[&str]) -> Self {
        Self::on(free_port(), args)
    }
    pub fn on(port: u16, args: &[&str]) -> Self {
        let port_args = ["--port".to_owned(), port.to_string()];
        let all = port_args.into_iter().chain(args.iter().map(|arg| (*arg).to_owned())).collect();
        Self::launch(port, all, Folder::new())
    }
    /// With options of its own for the ports.
    pub fn launch(port: u16, args: Vec<String>, folder: Folder) -> Self {
        let child = spawn(&args, folder.path());
        let server = Self { child, folder, args, port };
        server.await_ready();
        server
    }
    fn await_ready(&self) {
        // one with a password or TLS alone is ready as soon as it takes connections
        eventually("a redis-server", Duration::from_secs(60), || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
    /// One command on a connection of its own; errors are values.
    pub fn say(&self, words: &[&str]) -> Value {
        self.say_bytes(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
    }
    pub fn say_bytes(&self, words: &[&[u8]]) -> Value {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(5)).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (first, rest) = words.split_first().unwrap();
        let mut command = redis::cmd(std::str::from_utf8(first).unwrap());
        rest.iter().for_each(|word| {
            command.arg(*word);
        });
        connection.req_command(&command).unwrap_or_else(|error| Value::SimpleString(error.to_string()))
    }
    pub fn text(&self, words: &[&str]) -> String {
        match self.say(words) {
            Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Value::SimpleString(text) => text,
            Value::Int(number) => number.to_string(),
            Value::Okay => "OK".to_owned(),
            Value::Nil => "(nil)".to_owned(),
            other => format!("{other:?}"),
        }
    }
    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
    pub fn freeze(&self) {
        self.signal("-STOP");
    }
    pub fn thaw(&self) {
        self.signal("-CONT");
    }
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
    /// The same port and folder, another process.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.args, self.folder.path());
        self.await_ready();
    }
}
impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
fn spawn(args: &[String], folder: &Path) -> Child {
    Command::new(binary())
        .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--daemonize", "no"])
        .arg("--dir")
        .arg(folder)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server: not found; set SLUICE_REDIS_SERVER")
}

/// Three masters, and a replica of the first where asked for.
pub struct Cluster {
    pub masters: Vec<Server>,
    pub replica: Option<Server>,
}
impl Cluster {
    pub fn start(with_replica: bool) -> Self {
        let node = || {
            let (port, bus) = (free_port(), free_port());
            let options = format!(
                "--port {port} --cluster-port {bus} --cluster-enabled yes --cluster-node-timeout 1000 \
                 --cluster-config-file nodes.conf --cluster-require-full-coverage no"
            );
            let args = options.split_ascii_whitespace().map(str::to_owned).collect();
            (Server::launch(port, args, Folder::new()), bus)
        };
        let nodes: Vec<(Server, u16)> = (0..3 + usize::from(with_replica)).map(|_| node()).collect();
        for (index, range) in [(0, "0 5460"), (1, "5461 10922"), (2, "10923 16383")] {
            let words: Vec<&str> = ["CLUSTER", "ADDSLOTSRANGE"].into_iter().chain(range.split(' ')).collect();
            assert_eq!(nodes[index].0.text(&words), "OK");
            assert_eq!(nodes[index].0.text(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]), "OK");
        }
        for (node, bus) in &nodes[1..] {
            let (port, bus) = (node.port.to_string(), bus.to_string());
            assert_eq!(nodes[0].0.text(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]), "OK");
        }
        let healthy = |node: &Server| {
            node.text(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
                && node.text(&["CLUSTER", "NODES"]).lines().count() == nodes.len()
        };
        eventually("a cluster", Duration::from_secs(20), || nodes.iter().all(|(node, _)| healthy(node)));
        if with_replica {
            let id = nodes[0].0.text(&["CLUSTER", "MYID"]);
            assert_eq!(nodes[3].0.text(&["CLUSTER", "REPLICATE", &id]), "OK");
            eventually("a replica", Duration::from_secs(20), || {
                nodes[3].0.text(&["INFO", "replication"]).contains("master_link_status:up")
                    && nodes[0].0.text(&["INFO", "replication"]).contains("connected_slaves:1")
            });
        }
        let mut nodes: Vec<Server> = nodes.into_iter().map(|(node, _)| node).collect();
        let replica = (nodes.len() > 3).then(|| nodes.remove(3));
        Self { masters: nodes, replica }
    }
    pub fn urls(&self) -> Vec<String> {
        self.masters.iter().map(Server::url).collect()
    }
}

/// A master, its replica and three sentinels.
pub struct Watched {
    pub master: Server,
    pub replica: Server,
    pub sentinels: Vec<Server>,
}
impl Watched {
    pub fn start() -> Self {
        let master = Server::start();
        let replica = Server::with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
        eventually("a replica", Duration::from_secs(20), || {
            replica.text(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let sentinel = || {
            let (port, folder) = (free_port(), Folder::new());
            let file = folder.path().join("sentinel.conf");
            let text = format!(
                "port {port}\nsentinel monitor main 127.0.0.1 {} 2\nsentinel down-after-milliseconds main 500\n\
                 sentinel failover-timeout main 3000\n",
                master.port
            );
            std::fs::write(&file, text).unwrap();
            let path = file.to_str().unwrap().to_owned();
            let child = Command::new(binary())
                .args([path.as_str(), "--sentinel", "--bind", "127.0.0.1"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let server = Server { child, folder, args: Vec::new(), port };
            server.await_ready();
            server
        };
        let sentinels: Vec<Server> = (0..3).map(|_| sentinel()).collect();
        eventually("sentinels", Duration::from_secs(20), || {
            sentinels.iter().all(|sentinel| {
                let seen = sentinel.text(&["INFO", "sentinel"]);
                seen.contains("slaves=1") && seen.contains("sentinels=3")
            })
        });
        Self { master, replica, sentinels }
    }
    pub fn nodes(&self) -> Vec<String> {
        self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect()
    }
}
