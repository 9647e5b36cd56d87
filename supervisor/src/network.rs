//! How connections leave this machine, as far as the environment says it.

use std::path::PathBuf;

use crate::{
    config::Secret,
    environment::{self as names, Environment},
};

/// For every client of the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// `AWS_CA_BUNDLE`: a PEM file of certificate authorities to trust beside the machine's.
    pub ca_bundle: Option<PathBuf>,
    /// Who passes requests on.
    pub proxies: Proxies,
}

/// Proxies, as curl, botocore and Python's `requests` find them. Their URLs may hold passwords.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// `http_proxy`: for `http` addresses.
    pub http: Option<Secret>,
    /// `https_proxy`: for `https` addresses.
    pub https: Option<Secret>,
    /// `all_proxy`: for those without one of their own.
    pub all: Option<Secret>,
    /// `no_proxy`: hosts, domains and networks that are reached without.
    pub none_for: Option<String>,
}

impl Network {
    /// What the environment says.
    pub fn of(environment: &Environment) -> Self {
        // Where both are set the small letters win, as they do in curl.
        let either =
            |[small, large]: [&str; 2]| environment.text(small).or(environment.text(large));
        let proxy = |names| either(names).map(Secret::new);
        Self {
            ca_bundle: environment.path(names::AWS_CA_BUNDLE),
            proxies: Proxies {
                http: proxy(names::HTTP_PROXY),
                https: proxy(names::HTTPS_PROXY),
                all: proxy(names::ALL_PROXY),
                none_for: either(names::NO_PROXY),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_letters_win_and_passwords_are_not_shown() {
        let environment = Environment::from_pairs([
            ("HTTPS_PROXY", "http://large:1"),
            ("https_proxy", "http://me:hush@small:1"),
            ("HTTP_PROXY", "http://large:2"),
            ("no_proxy", ""),
        ]);
        let network = Network::of(&environment);
        let text = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
        assert!(!format!("{network:?}").contains("hush"));
        let Proxies {
            http,
            https,
            all,
            none_for,
        } = network.proxies;
        assert_eq!(text(https).unwrap(), "http://me:hush@small:1");
        assert_eq!(text(http).unwrap(), "http://large:2");
        assert_eq!((all, none_for), (None, None));
    }
}
