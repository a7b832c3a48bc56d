//! A call to one master: sent, answered or given up, and what that says of the connection.

use super::connection::Connection;
use super::fault::{down, error_of, from_crate, from_server, is_unwell, late};
use super::node::{Node, Phase};
use super::shared::Shared;
use redis::{Cmd, Pipeline, Value};
use sluice_core::error::Error;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Fail {
    /// The connection is not there, or went: on a new one it may be asked again.
    Away(Error),
    /// In vain.
    Late(Error),
}
impl Fail {
    pub fn into_error(self) -> Error {
        match self {
            Fail::Away(error) | Fail::Late(error) => error,
        }
    }
}
/// What a call sends.
#[derive(Clone, Copy)]
pub(super) enum Commands<'a> {
    One(&'a Cmd),
    Many(&'a Pipeline),
}

impl Node {
    /// Sends commands and waits for their replies, all of them or none.
    pub async fn call(
        &self,
        shared: &Shared,
        connection: &Connection,
        commands: Commands<'_>,
        until: Instant,
    ) -> Result<Vec<Value>, Fail> {
        let mut redis = connection.redis.clone();
        let sent = async {
            match commands {
                Commands::One(command) => redis.send_packed_command(command).await.map(|reply| vec![reply]),
                Commands::Many(pipeline) => redis.send_packed_commands(pipeline, 0, pipeline.len()).await,
            }
        };
        match timeout_at(until, sent).await {
            Ok(Ok(replies)) => {
                let mut errors = replies.iter().filter_map(error_of);
                match errors.find(|error| is_unwell(error) || error.code() == "READONLY") {
                    // a master that was demoted: the sentinels know the next
                    Some(error) if error.code() == "READONLY" => {
                        if shared.config.sentinel.is_some() {
                            self.leave(shared, connection.generation, Phase::Down, &from_server(error));
                        }
                    }
                    Some(error) => self.failed(shared, connection, &from_server(error)),
                    None => self.breaker.lock().succeeded(),
                }
                Ok(replies)
            }
            Ok(Err(error)) => {
                let why = from_crate(&error);
                self.lost(shared, connection.generation, &why);
                Err(Fail::Away(why))
            }
            Err(_) => {
                let why = late(shared.config.command_timeout_ms);
                self.failed(shared, connection, &why);
                Err(Fail::Late(why))
            }
        }
    }
    fn failed(&self, shared: &Shared, connection: &Connection, why: &Error) {
        let opened = self.breaker.lock().failed(shared.steady_ms());
        if opened {
            self.leave(shared, connection.generation, Phase::Down, why);
        }
    }
}

/// The connection of a node for a call, or why there is none.
pub(super) async fn connection_of(
    node: &Node,
    internal: bool,
    until: Instant,
) -> Result<Arc<Connection>, Fail> {
    let found = if internal { node.any_connection() } else { node.ready(until).await };
    found.ok_or_else(|| Fail::Away(down()))
}
