//! TLS: what is trusted, whose name, who one is. And sockets of the file system.

use crate::servers::{Folder, Server, eventually, free_port};
use crate::witness::{Event, aside, config, open, put, run, text_of};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sluice_io::redis::{Config, State, Tls};
use std::time::Duration;

struct Papers {
    ca: String,
    client: (String, String),
}
/// A server that takes TLS only, and clients with a certificate only.
fn secured() -> (Server, Papers) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "an authority");
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &ca).unwrap().pem(), key.serialize_pem())
    };
    let (server, client) = (issue("cache.example"), issue("client.example"));
    let folder = Folder::new();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ca_file, cert, key) =
        (file("ca.pem", &ca.pem()), file("cert.pem", &server.0), file("key.pem", &server.1));
    let port = free_port();
    let args = format!(
        "--port 0 --tls-port {port} --tls-ca-cert-file {ca_file} --tls-cert-file {cert} --tls-key-file {key} \
         --tls-auth-clients yes"
    );
    let args = args.split_ascii_whitespace().map(str::to_owned).collect();
    (Server::launch(port, args, folder), Papers { ca: ca.pem(), client })
}

#[test]
fn certificates_are_checked_unless_told_otherwise() {
    run(async {
        let (server, papers) = aside(secured).await;
        let url = format!("rediss://127.0.0.1:{}", server.port);
        let tls = Tls {
            ca: Some(papers.ca.clone()),
            cert: Some(papers.client.0.clone()),
            key: Some(papers.client.1.clone()),
            servername: Some("cache.example".into()),
            reject_unauthorized: None,
        };
        let with =
            |url: &str, tls: Tls| Config { tls: Some(tls), tracking: true, ..config(&[url.to_owned()]) };
        let (link, witness) = open(with(&url, tls.clone())).await;
        assert!(link.is_tracking(), "{:?}", witness.events());
        put(&link, "a", "1").await;
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("1"));
        // also where the options alone ask for TLS
        let by_option = open(with(&url.replace("rediss", "redis"), tls.clone())).await.0;
        assert_eq!(text_of(&by_option, "a").await.as_deref(), Some("1"));
        let refused = [
            ("another name", Tls { servername: None, ..tls.clone() }),
            ("an unknown authority", Tls { ca: None, ..tls.clone() }),
            ("no certificate of ours", Tls { cert: None, key: None, ..tls.clone() }),
        ];
        for (what, tls) in refused {
            let (link, witness) = open(with(&url, tls)).await;
            assert_eq!(link.state(), State::Down, "{what}");
            assert!(matches!(witness.events()[0], Event::State(State::Down, Some(_))), "{what}");
        }
        let lax = Tls { ca: None, servername: None, reject_unauthorized: Some(false), ..tls };
        let link = open(with(&url, lax)).await.0;
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("1"));
        aside(move || drop(server)).await;
    });
}

#[cfg(unix)]
#[test]
fn a_socket_of_the_file_system_will_do() {
    run(async {
        let (server, path) = aside(|| {
            let folder = Folder::new();
            let path = folder.path().join("redis.sock").to_str().unwrap().to_owned();
            let port = free_port();
            let args = ["--port", &port.to_string(), "--unixsocket", &path].map(str::to_owned).to_vec();
            let server = Server::launch(port, args, folder);
            eventually("its socket", Duration::from_secs(5), || {
                std::os::unix::net::UnixStream::connect(&path).is_ok()
            });
            (server, path)
        })
        .await;
        let link = open(config(&[format!("unix://{path}")])).await.0;
        put(&link, "a", "1").await;
        assert_eq!(text_of(&link, "a").await.as_deref(), Some("1"));
        aside(move || drop(server)).await;
    });
}
