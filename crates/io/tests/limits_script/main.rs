//! The script behind limits that nodes share, on a real server: against a naive model, and with nodes that spend what it grants.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers count as no tests

#[path = "../support/redis.rs"]
#[allow(dead_code)]
mod servers;

mod model;
mod nodes;
mod rules;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use redis::{Connection, cmd};
use servers::Server;
use sluice_core::limiter::lease::{Answer, Request, Terms, WhenDown};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

const TAKE: &str = include_str!("../../src/limits/take.lua");

/// The same text with the time as two more arguments, and without an expiry, which goes by the server's own clock.
fn timed() -> String {
    let replaced = |text: &str, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    };
    let text = replaced(TAKE, "redis.call('TIME')", "{ ARGV[8], ARGV[9] }");
    replaced(&text, "redis.call('PEXPIRE', key, text(window + 2 * span))", "")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    granted: u64,
    slice: u64,
    lease_ms: u64,
    retry_after_ms: u64,
    used: u64,
    nodes: u64,
}
impl From<Said> for Answer {
    fn from(said: Said) -> Self {
        Self {
            granted: said.granted,
            slice: said.slice,
            lease_ms: said.lease_ms,
            retry_after_ms: said.retry_after_ms,
            used: said.used,
            nodes: said.nodes,
        }
    }
}

struct Store {
    connection: Connection,
    text: String,
    _server: Option<Server>,
}
impl Store {
    fn connect(server: &Server, text: &str) -> Self {
        let client = redis::Client::open(server.url()).unwrap();
        let connection = client.get_connection_with_timeout(Duration::from_secs(10)).unwrap();
        Self { connection, text: text.to_owned(), _server: None }
    }
    fn open(text: &str) -> Self {
        let server = Server::start();
        Self { _server: None, ..Self::connect(&server, text) }.owning(server)
    }
    fn owning(mut self, server: Server) -> Self {
        self._server = Some(server);
        self
    }
    /// `micros`: the moment, for the text that takes it.
    fn take(&mut self, key: &str, node: &str, terms: &Terms, request: &Request, micros: Option<u64>) -> Said {
        let mut command = cmd("EVAL");
        command.arg(&self.text).arg(1).arg(key).arg(terms.limit).arg(terms.window_ms);
        command.arg(request.want).arg(request.debt).arg(request.back).arg(request.back_slice).arg(node);
        if let Some(micros) = micros {
            command.arg(micros / 1_000_000).arg(micros % 1_000_000);
        }
        let said: Vec<u64> = command.query(&mut self.connection).unwrap();
        let [granted, slice, lease_ms, retry_after_ms, used, nodes] = said[..] else { panic!("{said:?}") };
        Said { granted, slice, lease_ms, retry_after_ms, used, nodes }
    }
    fn fields(&mut self, key: &str) -> HashMap<String, String> {
        cmd("HGETALL").arg(key).query(&mut self.connection).unwrap()
    }
    fn left_ms(&mut self, key: &str) -> i64 {
        cmd("PTTL").arg(key).query(&mut self.connection).unwrap()
    }
    fn run<T: redis::FromRedisValue>(&mut self, words: &[&str]) -> T {
        cmd(words[0]).arg(&words[1..]).query(&mut self.connection).unwrap()
    }
}
fn terms(limit: u64, window_ms: u64) -> Terms {
    Terms { limit, window_ms, when_down: WhenDown::Degrade }
}
fn ask(want: u64) -> Request {
    Request { want, debt: 0, back: 0, back_slice: 0 }
}

/// Runs a check that keeps its connection for so many cases.
fn for_cases<S: proptest::strategy::Strategy>(
    cases: u32,
    given: &S,
    check: impl FnMut(S::Value) -> Result<(), TestCaseError>,
) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let check = RefCell::new(check);
    runner.run(given, |case| (check.borrow_mut())(case)).unwrap();
}
