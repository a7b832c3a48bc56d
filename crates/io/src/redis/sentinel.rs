//! Asks sentinels who the master is: each time anew, since that is how a failover shows.

use super::Config;
use super::fault::{checked, fault, text_of};
use super::target::{Place, dial_sentinel, refused};
use redis::{Value, cmd};
use sluice_core::error::Error;
use std::time::Duration;
use tokio::time::timeout;

/// One sentinel that does not answer must not use up the time of the next.
const EACH: Duration = Duration::from_millis(1_000);

/// Where the master is.
pub(super) async fn master(config: &Config) -> Result<Place, Error> {
    let Some(sentinel) = &config.sentinel else { return Err(fault("there are no sentinels")) };
    let mut why = fault("there are no sentinels");
    for node in &sentinel.nodes {
        let asked = async {
            let place = Place::parse(node)?.for_sentinel(sentinel.password.as_deref());
            let mut redis = dial_sentinel(&place, config.tls.as_ref()).await.map_err(refused)?;
            let mut command = cmd("SENTINEL");
            command.arg("GET-MASTER-ADDR-BY-NAME").arg(&sentinel.master_name);
            let reply = checked(redis.send_packed_command(&command).await.map_err(refused)?)?;
            let found = address(&reply)
                .ok_or_else(|| fault(format!("sentinel {place} knows no master {}", sentinel.master_name)))?;
            // user, database and TLS are the options'; a sentinel's own are not the master's
            Ok(Place::parse("redis://127.0.0.1:6379")?.at(&found.0, found.1))
        };
        match timeout(EACH, asked).await {
            Ok(Ok(place)) => return Ok(place),
            Ok(Err(error)) => why = error,
            Err(_) => why = fault("a sentinel does not answer"),
        }
    }
    Err(why)
}
fn address(reply: &Value) -> Option<(String, u16)> {
    let Value::Array(parts) = reply else { return None };
    let [host, port] = parts.as_slice() else { return None };
    Some((text_of(host)?, text_of(port)?.parse().ok()?))
}
