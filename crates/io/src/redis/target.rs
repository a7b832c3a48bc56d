//! Where a connection goes and how: URLs, sockets, TLS.

use super::fault::{fault, from_crate};
use super::{Config, Tls};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, RedisError, RedisFuture, RedisResult, TlsCertificates,
};
use sluice_core::error::Error;
use std::net::SocketAddr;
use std::sync::Once;

/// A server's address with what its URL says of user, database and TLS.
#[derive(Debug, Clone)]
pub(super) struct Place {
    info: ConnectionInfo,
}
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.info.addr())
    }
}
impl Place {
    /// From `redis://`, `rediss://`, `unix://` or `host:port`.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let url = if url.contains("://") { url.to_owned() } else { format!("redis://{url}") };
        match url.as_str().into_connection_info() {
            Ok(info) => Ok(Self { info }),
            // its text could show a password
            Err(_) => Err(fault("a URL of redis cannot be read")),
        }
    }
    /// The only server.
    pub fn of_first(config: &Config) -> Result<Self, Error> {
        Self::parse(config.urls.first().map_or("redis://127.0.0.1:6379", String::as_str))
    }
    /// Another server that is reached as this one is.
    pub fn at(&self, host: &str, port: u16) -> Self {
        let addr = match self.info.addr() {
            ConnectionAddr::TcpTls { insecure, .. } => {
                ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: *insecure, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host.to_owned(), port),
        };
        Self { info: self.info.clone().set_addr(addr) }
    }
    /// Its host.
    pub fn host(&self) -> &str {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
            _ => "",
        }
    }
    /// `host:port`, as clusters name their nodes.
    pub fn name(&self) -> String {
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                format!("{host}:{port}")
            }
            other => other.to_string(),
        }
    }
    /// Of a sentinel: its own password, no user and no database.
    pub fn for_sentinel(&self, password: Option<&str>) -> Self {
        let own = self.info.redis_settings().password().map(str::to_owned);
        let settings = redis::RedisConnectionInfo::default();
        let settings = match password.map(str::to_owned).or(own) {
            Some(password) => settings.set_password(password),
            None => settings,
        };
        Self { info: self.info.clone().set_redis_settings(settings) }
    }
}

/// A name that the certificate must carry, looked up as the host that is meant.
struct Elsewhere {
    host: String,
}
impl redis::io::AsyncDNSResolver for Elsewhere {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        _host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((self.host.as_str(), port)).await?.collect();
            Ok(Box::new(found.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}

/// Connects; nothing is asked but what the protocol begins with.
pub(super) async fn dial(
    place: &Place,
    config: &Config,
    connection: AsyncConnectionConfig,
    protocol: ProtocolVersion,
) -> RedisResult<MultiplexedConnection> {
    let mut settings = place.info.redis_settings().clone().set_protocol(protocol).set_skip_set_lib_name();
    if let Some(username) = &config.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &config.password {
        settings = settings.set_password(password);
    }
    if let Some(db) = config.db {
        settings = settings.set_db(db);
    }
    connect(place.info.clone().set_redis_settings(settings), config.tls.as_ref(), connection).await
}
/// Connects to a sentinel.
pub(super) async fn dial_sentinel(place: &Place, tls: Option<&Tls>) -> RedisResult<MultiplexedConnection> {
    let plain = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    // sentinels speak TLS only where their URL says so
    let tls = tls.filter(|_| matches!(place.info.addr(), ConnectionAddr::TcpTls { .. }));
    connect(place.info.clone(), tls, plain).await
}
async fn connect(
    info: ConnectionInfo,
    tls: Option<&Tls>,
    mut connection: AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let (host, port, insecure_url) = match (info.addr().clone(), tls) {
        (ConnectionAddr::TcpTls { host, port, insecure, .. }, _) => (host, port, insecure),
        (ConnectionAddr::Tcp(host, port), Some(_)) => (host, port, false),
        _ => return Client::open(info)?.get_multiplexed_async_connection_with_config(&connection).await,
    };
    install_provider();
    let tls = tls.cloned().unwrap_or_default();
    let insecure = insecure_url || tls.reject_unauthorized == Some(false);
    let name = match tls.servername {
        Some(name) => {
            connection = connection.set_dns_resolver(Elsewhere { host });
            name
        }
        None => host,
    };
    let addr = ConnectionAddr::TcpTls { host: name, port, insecure, tls_params: None };
    let client_tls = match (tls.cert, tls.key) {
        (Some(cert), Some(key)) => {
            Some(ClientTlsConfig { client_cert: cert.into_bytes(), client_key: key.into_bytes() })
        }
        _ => None,
    };
    let certificates = TlsCertificates { client_tls, root_cert: tls.ca.map(String::into_bytes) };
    let client = Client::build_with_tls(info.set_addr(addr), certificates)?;
    client.get_multiplexed_async_connection_with_config(&connection).await
}
fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // another part of the process may have installed one: that one serves as well
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
/// An error of the crate as one of ours.
pub(super) fn refused(error: RedisError) -> Error {
    from_crate(&error)
}
