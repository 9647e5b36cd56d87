//! Connections: how they leave this machine, as far as the environment says it, one HTTP transport for every client, the
//! waits between tries, and signatures for AWS.

pub mod aws;
pub mod error;
pub mod host;
mod proxy;
pub mod retry;
pub mod sigv4;
pub mod tls;
pub mod transport;

use std::path::PathBuf;

pub use self::{
    proxy::{Proxy, UnusableProxy},
    transport::{SendError, Transport},
};
use environment::{self as names, Environment};

/// For every client of the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// `AWS_CA_BUNDLE`: a PEM file of certificate authorities to trust beside the machine's.
    pub ca_bundle: Option<PathBuf>,
    /// Who passes requests on.
    pub proxies: Proxies,
}

/// Proxies, as Python's `requests` finds them; curl and botocore leave out some of the variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// For `http` addresses: `http_proxy`, else `all_proxy`.
    pub http: Option<Result<Proxy, UnusableProxy>>,
    /// For `https` addresses: `https_proxy`, else `all_proxy`.
    pub https: Option<Result<Proxy, UnusableProxy>>,
    /// `no_proxy`: hosts, domains and networks that are reached without.
    pub none_for: Option<String>,
}

impl Network {
    /// What the environment says.
    pub fn of(environment: &Environment) -> Self {
        // Where both spellings are set the small letters win, also with nothing.
        let either = |spellings: [&'static str; 2]| {
            let mut spellings = spellings.into_iter();
            let name = spellings.find(|name| environment.get_os(name).is_some())?;
            Some((name, environment.text(name)?))
        };
        let all = either(names::ALL_PROXY);
        let proxy = |spellings| {
            let (name, url) = either(spellings).or_else(|| all.clone())?;
            Some(Proxy::parse(name, &url))
        };
        Self {
            ca_bundle: environment.path(names::AWS_CA_BUNDLE),
            proxies: Proxies {
                http: proxy(names::HTTP_PROXY),
                https: proxy(names::HTTPS_PROXY),
                none_for: either(names::NO_PROXY).map(|(_, hosts)| hosts),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_letters_win_and_all_is_for_the_rest() {
        let environment = Environment::from_pairs([
            ("HTTPS_PROXY", "http://large:1"),
            ("https_proxy", "http://me:hush@small:1"),
            ("ALL_PROXY", "http://large:2"),
            ("no_proxy", ""),
            ("NO_PROXY", "small"),
        ]);
        let network = Network::of(&environment);
        assert!(!format!("{network:?}").contains("hush"));
        let place = |proxy: Option<Result<Proxy, _>>| proxy.unwrap().unwrap().place().to_owned();
        let proxies = network.proxies;
        assert_eq!(place(proxies.https), "small:1");
        assert_eq!(place(proxies.http), "large:2");
        assert_eq!(proxies.none_for, None);
        let unset = Network::of(&Environment::default());
        assert_eq!(unset, Network::default());
    }
}
