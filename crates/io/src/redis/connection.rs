//! One connection to one master: opening it, and what it has been found to be able to do.

use super::fault::{checked, fault, from_crate, from_server, int_of, text_of};
use super::node::Node;
use super::pushes::Pushes;
use super::shared::Shared;
use super::target;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, Pipeline, ProtocolVersion, Value};
use sluice_core::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// Commands that wait for their place in the socket.
const QUEUE: usize = 4_096;

/// An open connection.
pub(super) struct Connection {
    pub redis: MultiplexedConnection,
    /// Counts the connections of a node.
    pub generation: u64,
    /// By what the server knows it, to end it from another connection.
    pub client: Option<(i64, String)>,
    /// Whether its keys are announced, or why the server refused; Err(None): not asked for.
    pub tracked: Result<(), Option<Error>>,
    pub subscribed: AtomicBool,
    /// The server knows PXAT.
    pub absolute: bool,
}
impl Connection {
    /// Hears the invalidation channel from now on, if the server lets it.
    pub async fn subscribe(&self, shared: &Shared) {
        let heard = self.redis.clone().subscribe(&shared.channel[..]).await.is_ok();
        self.subscribed.store(heard, Ordering::Relaxed);
    }
}

/// Opens a connection for a node and makes it ready. `host`, `port`: where the node is.
pub(super) async fn open(
    shared: &Arc<Shared>,
    node: &Arc<Node>,
    place: target::Place,
) -> Result<Connection, Error> {
    let limit_ms = shared.config.connect_timeout_ms.max(1);
    match timeout(Duration::from_millis(limit_ms), opened(shared, node, &place)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(fault(format!("no connection to {place} within {limit_ms} ms"))),
    }
}

async fn opened(shared: &Arc<Shared>, node: &Arc<Node>, place: &target::Place) -> Result<Connection, Error> {
    let generation = node.next_generation();
    let pushes = Pushes::new(shared, node, generation);
    let plain = |config: AsyncConnectionConfig| {
        config.set_connection_timeout(None).set_response_timeout(None).set_pipeline_buffer_size(QUEUE)
    };
    let config = plain(AsyncConnectionConfig::new().set_push_sender(pushes));
    let with = |config, protocol| target::dial(place, &shared.config, config, protocol);
    let (redis, modern) = match with(config, ProtocolVersion::RESP3).await {
        Ok(redis) => (redis, true),
        // a server that does not know HELLO, or does not let this user say it
        Err(error) if is_about_hello(&error) => {
            let redis = with(plain(AsyncConnectionConfig::new()), ProtocolVersion::RESP2).await;
            (redis.map_err(|error| from_crate(&error))?, false)
        }
        Err(error) => return Err(from_crate(&error)),
    };
    let mut connection = Connection {
        redis,
        generation,
        client: None,
        tracked: Err(None),
        subscribed: AtomicBool::new(false),
        absolute: modern,
    };
    prepare(shared, node, &mut connection, modern).await?;
    Ok(connection)
}
fn is_about_hello(error: &redis::RedisError) -> bool {
    matches!(error.code(), Some("NOPERM" | "NOPROTO"))
        || error.kind() == ErrorKind::RESP3NotSupported
        || error.to_string().to_ascii_lowercase().contains("unknown command")
}

/// Everything that a new connection asks, in one go.
async fn prepare(
    shared: &Arc<Shared>,
    node: &Arc<Node>,
    connection: &mut Connection,
    modern: bool,
) -> Result<(), Error> {
    let mut setup = Pipeline::new();
    setup.cmd("PING").cmd("CLIENT").arg("INFO").cmd("INFO").arg("server").cmd("ROLE").cmd("TIME");
    let mut count = 5;
    // what an earlier connection had sent and the server has not read must not come after what follows
    if let Some((id, address)) = node.previous_client() {
        setup.cmd("CLIENT").arg("KILL").arg("ID").arg(id).arg("ADDR").arg(address);
        count += 1;
    }
    let tracks = shared.config.tracking && shared.prefix_refusal().is_none() && modern;
    if tracks {
        setup.cmd("CLIENT").arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(&shared.prefix[..]);
        setup.arg("NOLOOP");
        count += 1;
    }
    if shared.config.publishes {
        // an empty message says nothing, and whether we may say anything
        setup.cmd("PUBLISH").arg(&shared.channel[..]).arg("");
        count += 1;
    }
    let asked_us = shared.steady_us();
    let replies = connection.redis.send_packed_commands(&setup, 0, count).await;
    let replies = replies.map_err(|error| from_crate(&error))?;
    let answered_us = shared.steady_us();
    let [ping, client, info, role, time, rest @ ..] = replies.as_slice() else {
        return Err(fault("the server answered less than it was asked"));
    };
    let (published, rest) = match rest.split_last() {
        Some((published, rest)) if shared.config.publishes => (Some(published), rest),
        _ => (None, rest),
    };
    let is_mute = matches!(published, Some(Value::ServerError(error)) if error.code() == "NOPERM");
    shared.mute.store(is_mute, Ordering::Relaxed);
    if let Value::ServerError(error) = ping
        && error.code() != "NOPERM"
    {
        return Err(from_server(error));
    }
    if shared.config.sentinel.is_some() && !is_master(role) {
        return Err(fault("what the sentinels name is no master yet"));
    }
    connection.client = text_of(client).and_then(|text| client_of(&text));
    connection.absolute = modern && text_of(info).is_none_or(|text| !is_older_than_6_2(&text));
    if let Some(server_us) = time_of(time) {
        node.time.lock().sampled(server_us, asked_us, answered_us);
    }
    if tracks {
        connection.tracked = match rest.last().map(|reply| checked(reply.clone())) {
            Some(Err(error)) => Err(Some(error)),
            _ => Ok(()),
        };
    } else if shared.config.tracking {
        connection.tracked = Err(Some(shared.prefix_refusal().unwrap_or_else(|| {
            fault("client tracking needs RESP3, which this server or user does not have")
        })));
    }
    // who cannot be told from here must not think that it hears everything
    if shared.publishes() && modern && !shared.is_cluster() {
        connection.subscribe(shared).await;
    }
    Ok(())
}

/// Whether ROLE says master, or may not say anything.
pub(super) fn is_master(role: &Value) -> bool {
    match role {
        Value::Array(parts) => parts.first().and_then(text_of).is_none_or(|role| role == "master"),
        _ => true,
    }
}
/// Microseconds, from a reply to TIME.
pub(super) fn time_of(reply: &Value) -> Option<u64> {
    let Value::Array(parts) = reply else { return None };
    let [seconds, micros] = parts.as_slice() else { return None };
    let whole = u64::try_from(int_of(seconds)?).ok()?.checked_mul(1_000_000)?;
    whole.checked_add(u64::try_from(int_of(micros)?).ok()?)
}
fn client_of(info: &str) -> Option<(i64, String)> {
    let field = |name: &str| info.split_ascii_whitespace().find_map(|pair| pair.strip_prefix(name));
    Some((field("id=")?.parse().ok()?, field("addr=")?.to_owned()))
}
fn is_older_than_6_2(info: &str) -> bool {
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
    let mut parts = version.unwrap_or_default().trim().split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < (6, 2),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_of_themselves() {
        assert!(is_older_than_6_2("# Server\r\nredis_version:6.0.16\r\n"));
        assert!(!is_older_than_6_2("# Server\r\nredis_version:7.0.15\r\n"));
        assert!(!is_older_than_6_2(""));
        let info = "id=12 addr=127.0.0.1:5000 laddr=127.0.0.1:6379 fd=8";
        assert_eq!(client_of(info), Some((12, "127.0.0.1:5000".to_owned())));
        let time =
            Value::Array(vec![Value::BulkString(b"17".to_vec()), Value::BulkString(b"000042".to_vec())]);
        assert_eq!(time_of(&time), Some(17_000_042));
        assert!(!is_master(&Value::Array(vec![Value::BulkString(b"slave".to_vec())])));
    }
}
